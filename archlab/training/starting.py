"""Starting a training from given weights: those that fit are loaded, the rest of the network starts as it would anyway."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from archlab.architecture import Network

LEAST = 0.5  # of the numbers in a network's body that given weights must have
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class GivenWeights:
    """Parameters and buffers by name; `same_dataset`: they were trained on the run's own, so that their classifier counts."""

    tensors: Mapping[str, Tensor]
    same_dataset: bool = False


def load_fitting(network: Network, given: GivenWeights) -> None:
    """Puts all tensors into the network whose name and shape it has; its classifier stays new for another dataset."""
    ours = network.state_dict()
    tensors = {name: _scalar(tensor, ours.get(name)) for name, tensor in given.tensors.items()}
    names = fitting(network, {name: tuple(tensor.shape) for name, tensor in tensors.items()})
    if not given.same_dataset:
        names -= classifier_names(network)
    network.load_state_dict({name: tensors[name] for name in names}, strict=False)


def _scalar(tensor: Tensor, wanted: Tensor | None) -> Tensor:
    """The tensor; a number, as runs of before stored it with one axis, without."""
    return tensor.reshape(()) if wanted is not None and wanted.ndim == 0 and tensor.shape == (1,) else tensor


def fitting(network: Network, given: Shapes) -> set[str]:
    """The names of the tensors that the network has in the same shape."""
    return {name for name, tensor in network.state_dict().items() if given.get(name) == tuple(tensor.shape)}


def classifier_names(network: Network) -> set[str]:
    """The names of the tensors of the classifier."""
    (place,) = (name for name, module in network.named_modules() if module is network.classifier)
    return {name for name in network.state_dict() if name.startswith(f"{place}.")}


def misfit(network: Network, given: Shapes) -> str | None:
    """Why a training would start from next to nothing of the given weights, in words; None where enough of them fits."""
    apart, fits = classifier_names(network), fitting(network, given)
    body = {name: each for name, each in network.state_dict().items() if each.ndim and name not in apart}
    whole, found = (sum(body[name].numel() for name in names) for names in (body.keys(), body.keys() & fits))
    if found >= LEAST * whole:
        return None
    part = f"only {100 * found / whole:.0f} % of the network's body is in the weights"
    missing = [name for name in body if name not in given]
    other = [name for name in body if name in given and name not in fits]
    if not other:
        return f"{part}: they have no {missing[0]}, so they are of another architecture"
    ours, theirs = tuple(body[other[0]].shape), tuple(given[other[0]])
    cause = "another width" if len(ours) == len(theirs) and len(other) > len(missing) else "another architecture"
    return f"{part}: {other[0]} is {ours} in the network and {theirs} in the weights, so they are of {cause}"
