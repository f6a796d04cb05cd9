"""Two implementations of one network, held against each other layer by layer.

Layers that have parameters or buffers of their own are paired in the order in which they run. The weights of one model are
then copied into the other, and both must give the same outputs, gradients and buffers. The first layer that differs is named.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

DROP_RATES = ("p", "drop_prob", "drop_rate")  # as torch, timm and torchvision call them
RATE = 0.1  # of gradient descent


@dataclass(frozen=True)
class Layer:
    """A module with state of its own, and what entered it."""

    name: str
    module: nn.Module
    entered: Tensor | None  # None where it holds other layers, so that what enters it says nothing about its own state

    def state(self) -> list[Tensor]:
        return [*self.module.parameters(recurse=False), *self.module.buffers(recurse=False)]

    def __str__(self) -> str:
        shapes = " ".join(str(tuple(tensor.shape)) for tensor in self.state())
        return f"{self.name} ({type(self.module).__name__} {shapes})"


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
    the outputs after it. Raises AssertionError, naming the first layer that differs, where any difference is above
    `tolerance`.
    """
    ours, theirs = prepare(ours), prepare(theirs)
    generator = torch.Generator().manual_seed(resolution)
    images = torch.randn(batch, 3, resolution, resolution, dtype=torch.float64, generator=generator)
    labels = torch.randint(10, (batch,), generator=generator)
    randomise(theirs)
    copy_state(pair(run(ours, images[:1])[0], run(theirs, images[:1])[0]))

    outputs = compare_forward(ours, theirs, images, tolerance, "in evaluation mode")[1]
    ours.train(), theirs.train()
    pairs, trained = compare_forward(ours, theirs, images, tolerance, "in training mode")
    for logits in trained:
        F.cross_entropy(logits, labels).backward()
    gradients = largest_difference([both for layers in pairs for both in gradients_of(*layers)])
    if gradients > tolerance:
        raise AssertionError(different_gradient(pairs, tolerance))
    buffers = largest_difference([both for layers in pairs for both in buffers_of(*layers)])
    descend(ours), descend(theirs)
    stepped = compare_forward(ours.eval(), theirs.eval(), images, tolerance, "after a training step")[1]
    difference = Difference(largest_difference([outputs, trained, stepped]), gradients, buffers)
    assert max(difference) <= tolerance, f"{difference}, tolerance {tolerance:g}"
    return difference


def prepare(model: nn.Module) -> nn.Module:
    """The model in float64 and evaluation mode, nothing dropped at random."""
    for module in model.modules():
        for name in DROP_RATES:
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, 0.0)
    return model.double().eval()


def randomise(model: nn.Module, seed: int = 0) -> None:
    """Draws scales, shifts and running statistics, which start at values that hide faults; other weights are kept."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            vector = tensor.squeeze().dim() <= 1 and tensor.is_floating_point()
            if vector and name.endswith(("bias", "running_mean")):
                tensor.normal_(0.0, 0.1, generator=generator)
            elif vector:
                tensor.uniform_(0.5, 1.5, generator=generator)


def run(model: nn.Module, images: Tensor) -> tuple[list[Layer], Tensor]:
    """Layers with state of their own in the order in which they finish in a forward pass, and the logits of that pass."""
    layers: list[Layer] = []
    hooks = []
    for name, module in model.named_modules():
        if has_state(module):
            holds_others = any(has_state(other) for other in module.modules() if other is not module)

            def record(module, entered, _, *, name=name, holds_others=holds_others):
                layers.append(Layer(name, module, None if holds_others else entered[0].detach().clone()))

            hooks.append(module.register_forward_hook(record))
    logits = model(images)
    for hook in hooks:
        hook.remove()
    ran = {id(layer.module) for layer in layers}
    for name, module in model.named_modules():
        assert not has_state(module) or id(module) in ran, (
            f"{name} has parameters or buffers but never runs as a module"
        )
    return layers, logits


def pair(ours: list[Layer], theirs: list[Layer]) -> list[tuple[Layer, Layer]]:
    """Layers of both models in order. Raises AssertionError, naming the first two that do not correspond."""
    for index, (our, their) in enumerate(zip(ours, theirs, strict=False)):
        same = [squeezed(a) for a in our.state()] == [squeezed(b) for b in their.state()]
        assert same, f"layer {index}: ours is {our}, theirs {their}"
        for setting in ("eps", "momentum"):
            a, b = getattr(our.module, setting, None), getattr(their.module, setting, None)
            assert a == b, f"layer {index}: {setting} of ours is {a} in {our}, of theirs {b} in {their}"
    longer = ours if len(ours) > len(theirs) else theirs
    assert len(ours) == len(theirs), f"{len(ours)} layers in ours, {len(theirs)} in theirs; {longer[-1]} is the last"
    return list(zip(ours, theirs, strict=True))


def copy_state(pairs: list[tuple[Layer, Layer]]) -> None:
    """Copies parameters and buffers from the second of each pair to the first."""
    with torch.no_grad():
        for our, their in pairs:
            for a, b in zip(our.state(), their.state(), strict=True):
                a.copy_(b.reshape(a.shape))


def compare_forward(
    ours: nn.Module, theirs: nn.Module, images: Tensor, tolerance: float, when: str
) -> tuple[list[tuple[Layer, Layer]], tuple[Tensor, Tensor]]:
    """The paired layers and the logits of both. Raises AssertionError at the first pair into which different values enter.

    Values are compared in sorted order, so that layouts (channels last, tokens, pixels or not) may differ.
    """
    (our_layers, our_logits), (their_layers, their_logits) = run(ours, images), run(theirs, images)
    pairs = pair(our_layers, their_layers)
    before = "the input"
    for our, their in pairs:
        if our.entered is None or their.entered is None:
            continue
        shapes = f"{tuple(our.entered.shape)} enters {our}, {tuple(their.entered.shape)} enters {their}"
        assert our.entered.numel() == their.entered.numel(), f"{when}, after {before}: {shapes}"
        difference = largest_difference([(our.entered.flatten().sort().values, their.entered.flatten().sort().values)])
        assert difference <= tolerance, f"{when}, after {before}: {shapes}, and the values differ by {difference:.1e}"
        before = our.name
    difference = largest_difference([(our_logits, their_logits)])
    assert difference <= tolerance, f"{when}: the same values enter every layer, but outputs differ by {difference:.1e}"
    return pairs, (our_logits, their_logits)


def different_gradient(pairs: list[tuple[Layer, Layer]], tolerance: float) -> str:
    """The layer nearest to the output whose gradient differs, in words."""
    largest = max(their.abs().max().item() for layers in pairs for _, their in gradients_of(*layers))
    for our, their in reversed(pairs):
        for a, b in gradients_of(our, their):
            difference = (a - b.reshape(a.shape)).abs().max().item() / largest
            if not difference <= tolerance:
                return f"gradients of {our} and {their} differ by {difference:.1e} of the largest gradient"
    raise AssertionError("no gradient differs")


def gradients_of(our: Layer, their: Layer) -> list[tuple[Tensor, Tensor]]:
    parameters = zip(our.module.parameters(recurse=False), their.module.parameters(recurse=False), strict=True)
    return [(a.grad, b.grad) for a, b in parameters]


def buffers_of(our: Layer, their: Layer) -> list[tuple[Tensor, Tensor]]:
    return list(zip(our.module.buffers(recurse=False), their.module.buffers(recurse=False), strict=True))


def descend(model: nn.Module) -> None:
    """One step of gradient descent."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= RATE * parameter.grad


def largest_difference(pairs: list[tuple[Tensor, Tensor]]) -> float:
    """The largest absolute difference over the largest absolute value, both over all pairs; 0 for no pairs.

    Infinite where a value is not finite: equal overflows prove nothing.
    """
    if not all(tensor.isfinite().all() for both in pairs for tensor in both):
        return math.inf
    difference = max(((a - b.reshape(a.shape)).abs().max().item() for a, b in pairs), default=0.0)
    largest = max((b.abs().max().item() for _, b in pairs), default=0.0)
    return difference / largest if largest else difference


def has_state(module: nn.Module) -> bool:
    return any(True for _ in (*module.parameters(recurse=False), *module.buffers(recurse=False)))


def squeezed(tensor: Tensor) -> tuple[int, ...]:
    return tuple(size for size in tensor.shape if size != 1)
