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
RATE = 0.1  # of the training step


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


def compare(ours: nn.Module, theirs: nn.Module, resolution: int, *, tolerance: float = 1e-10, batch: int = 4) -> Difference:
    """The differences in float64 after the weights of `theirs`, randomised, were copied into `ours`.

    Raises AssertionError, naming the first layer that differs, where any difference is above `tolerance`.
    """
    ours, theirs = prepare(ours), prepare(theirs)
    generator = torch.Generator().manual_seed(resolution)
    images = torch.randn(batch, 3, resolution, resolution, dtype=torch.float64, generator=generator)
    labels = torch.randint(10, (batch,), generator=generator)
    randomise(theirs)
    pairs = pair(layers_in_order(ours, images), layers_in_order(theirs, images))
    copy_state(pairs)

    first = first_difference(ours, theirs, images, tolerance)
    assert first is None, first
    outputs = largest_difference([(ours(images), theirs(images))])
    trained = [training_step(model, images, labels) for model in (ours, theirs)]
    assert (first := first_difference(ours, theirs, images, tolerance)) is None, f"after a training step, {first}"
    outputs = max(outputs, largest_difference([trained, (ours(images), theirs(images))]))
    gradients, buffers = [], []
    for our, their in pairs:
        gradients += [(a.grad, b.grad) for a, b in zip(parameters(our), parameters(their), strict=True)]
        buffers += list(zip(our.module.buffers(recurse=False), their.module.buffers(recurse=False), strict=True))
    difference = Difference(outputs, largest_difference(gradients), largest_difference(buffers))
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


def layers_in_order(model: nn.Module, images: Tensor) -> list[Layer]:
    """Layers with state of their own in the order in which they finish in a forward pass."""
    layers: list[Layer] = []
    hooks = []
    for name, module in model.named_modules():
        if has_state(module):
            holds_others = any(has_state(other) for other in module.modules() if other is not module)

            def record(module, entered, _, *, name=name, holds_others=holds_others):
                layers.append(Layer(name, module, None if holds_others else entered[0].detach().clone()))

            hooks.append(module.register_forward_hook(record))
    with torch.no_grad():
        model(images)
    for hook in hooks:
        hook.remove()
    ran = {id(layer.module) for layer in layers}
    for name, module in model.named_modules():
        assert not has_state(module) or id(module) in ran, f"{name} has parameters or buffers but never runs as a module"
    return layers


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


def first_difference(ours: nn.Module, theirs: nn.Module, images: Tensor, tolerance: float) -> str | None:
    """The first pair of layers into which different values enter, in words; None where there is none.

    Values are compared in sorted order, so that layouts (channels last, tokens, pixels or not) may differ.
    """
    before = "the input"
    for our, their in zip(layers_in_order(ours, images), layers_in_order(theirs, images), strict=True):
        if our.entered is None or their.entered is None:
            continue
        a, b = our.entered.flatten(), their.entered.flatten()
        if len(a) != len(b):
            shapes = f"{tuple(our.entered.shape)} and {tuple(their.entered.shape)}"
            return f"after {before}: {shapes} enter {our} and {their}"
        difference = largest_difference([(a.sort().values, b.sort().values)])
        if difference > tolerance:
            return f"after {before}: what enters {our} and {their} differs by {difference:.1e} of the largest value"
        before = our.name
    return None


def training_step(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """One step of gradient descent; gradients stay. Returns the logits before it; leaves the model in evaluation mode."""
    logits = model.train()(images)
    F.cross_entropy(logits, labels).backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= RATE * parameter.grad
    model.eval()
    return logits


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


def parameters(layer: Layer) -> list[nn.Parameter]:
    return list(layer.module.parameters(recurse=False))


def squeezed(tensor: Tensor) -> tuple[int, ...]:
    return tuple(size for size in tensor.shape if size != 1)
