"""A trained network, exactly as its run trained it, with all that is needed to use it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import blocks
from archlab.architecture import Architecture, Network, build_model, from_canonical
from archlab.architecture.own_blocks import own_blocks_alone, own_blocks_of
from archlab.data import Prepared
from archlab.data.preprocessing import Preprocessing
from archlab.deploy.finding import FoundRun, find_run
from archlab.foundation import UserError
from archlab.foundation.own_code import is_own
from archlab.runs import DamagedRunError, code_digest, open_data
from archlab.runs.carried import carried_by
from archlab.runs.stored import read_weights
from archlab.training.mode import precision_of

_log = logging.getLogger("archlab")


class LoadedNetwork(Network):
    """A network as its run trained it, in evaluation mode: normalised images (N, 3, R, R) to class scores (N, classes).

    Attributes:
        class_names: Of the outputs, in order.
        preprocessing: From an image file to an input; see `archlab.data.preprocessing.Preprocessing`.
        origin: Where it comes from: key, model, dataset, dataset_digest, seed, width, resolution, recipe, metrics, archlab
            (the version), finished, folder.
        architecture: What it is, to be used with `origin["width"]` and `origin["resolution"]`.
    """

    def __init__(self, network: Network, architecture: Architecture, found: FoundRun, carried: dict[str, Any]):
        super().__init__(list(network.layers), network.head)
        self.architecture = architecture
        self.class_names: list[str] = list(carried["class_names"])
        self.preprocessing = Preprocessing.from_document(carried["preprocessing"])
        self.origin = _origin(found)
        self.home, self.run = found.home, found.run

    @torch.inference_mode()
    def probabilities(self, images: Tensor) -> Tensor:
        """uint8 (N, R, R, 3), as `preprocessing.read` gives each, to float32 (N, classes)."""
        place = next(self.parameters()).device
        with precision_of(place, self.run.recipe.get("precision", "mixed")):
            return self(self.preprocessing.normalized(images.to(place))).float().softmax(1)

    def test_data(self) -> Prepared | None:
        """The prepared dataset of the run; None where it is not here, or no longer as it was."""
        if self.home is None:
            return None
        try:
            found = open_data(self.run, self.home)
        except (UserError, OSError):  # a store that must not be written cannot prepare samples either
            return None
        return found if isinstance(found, Prepared) and found.digest == self.origin["dataset_digest"] else None


def load(
    source: str | Path | Mapping[str, Any] | None, *, dataset: str | None = None, store: str | Path | None = None
) -> LoadedNetwork:
    """The network of a finished run, exactly as it was trained, with class names, preprocessing and origin.

    Own blocks that the run carries are Python code, and are run: load what you trust.

    Args:
        source: The first digits of a run's key; the path of a run's folder, wherever it lies; the path of a search's
            winner.yaml; or `best`, of what `archlab.search` or `archlab.ablate` gives.
        dataset: Which of the datasets that a winner was trained on; None: the first, which is said where there are several.
        store: The folder of runs and data; None: ARCHLAB_HOME, else `./.archlab`.

    Raises:
        UserError: There is no such run, it is damaged, or it lacks what is needed; the message says what.
    """
    found = find_run(source, dataset=dataset, store=store)
    if found.carried is None:
        return _assembled(found, _from_data(found))
    _check_carried(found.carried, found.folder)
    with own_blocks_alone(found.carried["own_blocks"]):
        return _assembled(found, found.carried)


def _check_carried(carried: dict[str, Any], folder: Path) -> None:
    """Raises UserError for what `carried_by` does not make."""
    try:
        Preprocessing.from_document(carried["preprocessing"])
        if not all(isinstance(text, str) for text in (*carried["own_blocks"].values(), *carried["class_names"])):
            raise TypeError("texts are expected")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"model.json is not as this archlab writes it ({type(error).__name__}: {error})", where=str(folder)
        ) from None


def _from_data(found: FoundRun) -> dict[str, Any]:
    """What a run would carry that was stored before runs did, where its data are here. Raises UserError."""
    run, at = found.run, str(found.folder)
    unknown = [block for block in _blocks_of(run.architecture) if block not in blocks.BLOCKS]
    if unknown:
        raise UserError(
            f"run {found.name} was stored before runs carried their own blocks: import the file of {unknown[0]!r} first",
            where=at,
        )
    try:
        if found.home is None:
            raise UserError("it lies in no store")
        prepared = open_data(run, found.home)
        if not isinstance(prepared, Prepared) or prepared.digest != run.dataset_digest:
            raise UserError(f"{run.dataset} has changed since")
    except UserError as error:
        raise UserError(
            f"run {found.name} was stored before runs carried class names and preprocessing, and {run.dataset} cannot say "
            f"them: {error.message}",
            where=at,
        ) from None
    return carried_by(run, prepared, ())


def _blocks_of(architecture: dict[str, Any]) -> list[str]:
    return [layer["block"] for layer in (*architecture["layers"], *architecture["head"].get("layers", ()))]


def _assembled(found: FoundRun, carried: dict[str, Any]) -> LoadedNetwork:
    run = found.run
    for block in _blocks_of(run.architecture):
        if block not in blocks.BLOCKS:
            raise UserError(
                f"run {found.name} names the block {block!r}, which neither archlab nor the run has",
                where=str(found.folder),
                name=block,
                known=blocks.BLOCKS,
            )
    architecture = from_canonical(run.architecture, run.model)
    _check_code(found, architecture)
    with torch.random.fork_rng(devices=[]):  # layers initialise themselves first
        network = build_model(architecture, run.input, run.width)
    _fill(network, found)
    loaded = LoadedNetwork(network, architecture, found, carried).eval()
    return loaded.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # in torch, not in its stubs


def _check_code(found: FoundRun, architecture: Architecture) -> None:
    """Raises UserError where own blocks are not those of the training; says where archlab's code has changed since.

    Own blocks count with what they use of archlab: where that has changed too, they cannot be told apart. Nor can they
    where the recipe has code of its own, which runs do not carry.
    """
    run = found.run
    shipped, _, own = code_digest(run.architecture, own_blocks_of(architecture)).partition("+")
    shipped_then, _, own_then = run.code.partition("+")
    if shipped != shipped_then:
        _log.warning(
            "warning: run %s was trained by archlab %s, whose blocks or training differ from those of this archlab: check "
            "what the network says before you rely on it",
            found.name,
            found.document["archlab"],
        )
    elif own != own_then and not _has_own_code(run.recipe):
        raise UserError(
            f"run {found.name} was trained with other own blocks than it carries, or that are imported here",
            where=str(found.folder),
        )


def _has_own_code(value: Any) -> bool:
    """Whether a canonical recipe, or a part of it, names code of a user's own."""
    if isinstance(value, dict):
        return any(map(_has_own_code, (*value, *value.values())))
    return any(map(_has_own_code, value)) if isinstance(value, list) else is_own(value)


def _fill(network: Network, found: FoundRun) -> None:
    """Puts the stored weights into the network. Raises UserError where they are damaged or of another form."""
    from safetensors.torch import load

    try:
        weights = load(read_weights(found.folder))
    except DamagedRunError as damage:
        raise UserError(f"no whole run: {damage}", where=str(found.folder)) from None
    ours = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    for name, tensor in weights.items():
        if ours.get(name) == () and tensor.shape == (1,):  # a number, as runs were stored before
            weights[name] = tensor.reshape(())
    theirs = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    if ours != theirs:
        name = min(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
        network_form = f"{found.run.model or 'the network'} at width {found.run.width:g} has {ours.get(name, 'none')}"
        raise UserError(
            f"the weights are of another form: they have {theirs.get(name, 'none')} as {name}, {network_form}",
            where=str(found.folder),
        )
    network.load_state_dict(weights)


def _origin(found: FoundRun) -> dict[str, Any]:
    run, document = found.run, found.document
    names = ("model", "dataset", "dataset_digest", "seed", "width", "resolution", "recipe")
    return {
        "key": run.key,
        **{name: getattr(run, name) for name in names},
        **{name: document[name] for name in ("metrics", "archlab", "finished")},
        "folder": str(found.folder),
    }
