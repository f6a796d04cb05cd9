"""Two implementations of one network, held against each other layer by layer.

Their layers are paired by `archlab.architecture.pairing`, the weights of one copied into the other, and both must give the
same outputs, gradients and buffers. The first layer that differs is named.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archlab.architecture.pairing import Pair, largest_difference, pair, run, same_values

DROP_RATES = ("p", "drop_prob", "drop_rate")  # as torch, timm and torchvision call them
STEP = 0.01  # of the parameter with the largest gradient


@dataclass(frozen=True)
class Difference:
    """Largest absolute differences, as fractions of the largest value of the model in `outputs`, `gradients`, `buffers`."""

    outputs: float
    gradients: float
    buffers: float

    def __iter__(self) -> Iterator[float]:
        return iter((self.outputs, self.gradients, self.buffers))


def compare(
    ours: nn.Module, theirs: nn.Module, resolution: int, *, tolerance: float = 1e-10, batch: int = 2
) -> Difference:
    """The differences in float64 after the weights of `theirs`, randomised, were copied into `ours`.

    Compared are the outputs in evaluation and in training mode, the gradients of a training step, the buffers after it, and
    the outputs after it. Raises AssertionError or DifferentNetworksError, naming the first layer that differs, where any
    difference is above `tolerance`.
    """
    ours, theirs = prepare(ours), prepare(theirs)
    generator = torch.Generator().manual_seed(resolution)
    images = torch.randn(batch, 3, resolution, resolution, dtype=torch.float64, generator=generator)
    labels = torch.randint(10, (batch,), generator=generator)
    randomise(theirs, images)
    pairs = pair(ours, theirs, images[:1], tolerance)

    outputs = compare_forward(ours, theirs, images, pairs, tolerance, "in evaluation mode")
    trained = compare_forward(ours.train(), theirs.train(), images, pairs, tolerance, "in training mode")
    for logits in trained:
        F.cross_entropy(logits, labels).backward()
    gradients = [both for layers in pairs for both in gradients_of(layers)]
    assert largest_difference(gradients) <= tolerance, different_gradient(pairs, tolerance)
    buffers = [both for layers in pairs for both in buffers_of(layers)]
    assert largest_difference(buffers) <= tolerance, f"buffers differ by {largest_difference(buffers):.1e}"
    difference = Difference(0.0, largest_difference(gradients), largest_difference(buffers))
    descend(ours), descend(theirs)
    stepped = compare_forward(ours.eval(), theirs.eval(), images, pairs, tolerance, "after a training step")
    return Difference(largest_difference([outputs, trained, stepped]), difference.gradients, difference.buffers)


def initialization_differences(ours: nn.Module, theirs: nn.Module, resolution: int) -> list[str]:
    """Our parameters whose mean, spread or shape of distribution at the start is not that of their counterpart, in words."""
    ours, theirs = prepare(ours), prepare(theirs)
    fresh = {id(p): p.detach().clone() for model in (ours, theirs) for p in model.parameters()}
    images = torch.randn(2, 3, resolution, resolution, dtype=torch.float64)
    randomise(theirs, images)
    different = []
    for our, their in pair(ours, theirs, images[:1], tolerance=1e-8):
        parameters = zip(
            our.module.named_parameters(recurse=False), their.module.parameters(recurse=False), strict=True
        )
        for (name, a), b in parameters:
            a, b = fresh[id(a)], fresh[id(b)]
            chance = 5 * max(spread(a), spread(b)) * math.sqrt(2 / a.numel()) + 1e-12
            for statistic, of in (("mean", Tensor.mean), ("standard deviation", spread), ("mean deviation", deviation)):
                one_is_constant = a.numel() > 1 and (of(a) == 0) != (of(b) == 0)
                if abs(of(a) - of(b)) > chance or one_is_constant:
                    different.append(f"{our.name}.{name}: {statistic} {of(a):.4f} instead of {of(b):.4f}")
                    break
    return different


def spread(values: Tensor) -> Tensor:
    return values.std(correction=0)


def deviation(values: Tensor) -> Tensor:
    return (values - values.mean()).abs().mean()


def prepare(model: nn.Module) -> nn.Module:
    """The model in float64 and evaluation mode, nothing dropped at random."""
    for module in model.modules():
        for name in DROP_RATES:
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, 0.0)
    return model.double().eval()


def randomise(model: nn.Module, images: Tensor) -> None:
    """Draws scales and shifts, which start at values that hide faults, and fits the running statistics to the images.

    Statistics that do not fit would let values grow through the layers, and with them the rounding errors.
    """
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.squeeze().dim() <= 1 and name.endswith("bias"):
                parameter.normal_(0.0, 0.5, generator=generator)
            elif parameter.squeeze().dim() <= 1:
                parameter.uniform_(1.0, 3.0, generator=generator)
        momenta = {module: module.momentum for module in model.modules() if isinstance(module, nn.BatchNorm2d)}
        for norm in momenta:
            norm.momentum = 1.0
        model.train()(images)
        for norm, momentum in momenta.items():
            norm.momentum = momentum
        model.eval()


def compare_forward(
    ours: nn.Module, theirs: nn.Module, images: Tensor, pairs: list[Pair], tolerance: float, when: str
) -> tuple[Tensor, Tensor]:
    """The logits of both. Raises AssertionError at the first pair of layers into which different values enter."""
    (our_layers, our_logits), (their_layers, their_logits) = run(ours, images), run(theirs, images)
    partner = {id(our.module): id(their.module) for our, their in pairs}
    by_module = {id(layer.module): layer for layer in their_layers}
    before = "the input"
    for our in our_layers:
        their = by_module[partner[id(our.module)]]
        assert same_values(our.entered, their.entered, tolerance), (
            f"{when}, after {before}: other values enter ours than theirs: ours is {our}, theirs {their}"
        )
        before = our.name
    difference = largest_difference([(our_logits, their_logits)])
    assert difference <= tolerance, f"{when}: the same values enter every layer, but outputs differ by {difference:.1e}"
    return our_logits, their_logits


def different_gradient(pairs: list[Pair], tolerance: float) -> str:
    """The layer nearest to the output whose gradient differs, in words."""
    largest = max(their.abs().max().item() for layers in pairs for _, their in gradients_of(layers))
    for layers in reversed(pairs):
        for a, b in gradients_of(layers):
            difference = (a - b.reshape(a.shape)).abs().max().item() / largest
            if not difference <= tolerance:
                return f"gradients of {layers[0]} and {layers[1]} differ by {difference:.1e} of the largest gradient"
    return "gradients are not finite"


def gradients_of(layers: Pair) -> list[tuple[Tensor, Tensor]]:
    our, their = (layer.module.parameters(recurse=False) for layer in layers)
    return [(a.grad, b.grad) for a, b in zip(our, their, strict=True)]


def buffers_of(layers: Pair) -> list[tuple[Tensor, Tensor]]:
    our, their = (layer.module.buffers(recurse=False) for layer in layers)
    return list(zip(our, their, strict=True))


def descend(model: nn.Module) -> None:
    """One step of gradient descent."""
    largest = max(parameter.grad.abs().max().item() for parameter in model.parameters())
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= STEP / largest * parameter.grad
