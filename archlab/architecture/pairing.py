"""The layers of two implementations of one network, paired, and the weights of one copied into the other.

Layers that have parameters or buffers of their own are paired in the order in which they run; of parallel branches, those
are paired into which the same values enter.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


class DifferentNetworksError(Exception):
    """Two implementations are not one network; the message names the first layer that differs."""


@dataclass(frozen=True)
class LayerWithState:
    """A module with state of its own, and a summary of what entered it.

    `entered` is None where it holds other layers, so that what enters it says nothing about its own state.
    """

    name: str
    module: nn.Module
    entered: Tensor | None

    def state(self) -> list[Tensor]:
        return [*self.module.parameters(recurse=False), *self.module.buffers(recurse=False)]

    def shapes(self) -> list[tuple[int, ...]]:
        """Of parameters and buffers, without axes of length 1: a 1x1 convolution may be a linear layer elsewhere."""
        return [tuple(size for size in tensor.shape if size != 1) for tensor in self.state()]

    def __str__(self) -> str:
        return f"{self.name} ({type(self.module).__name__} {' '.join(str(tuple(t.shape)) for t in self.state())})"


Pair = tuple[LayerWithState, LayerWithState]


def pair(ours: nn.Module, theirs: nn.Module, images: Tensor, tolerance: float) -> list[Pair]:
    """Pairs the layers of both models and copies the state of `theirs` into `ours`, each layer just before it runs.

    Args:
        ours, theirs: In evaluation mode, in the precision of the images, float64 where `tolerance` is small.
        images: (N, 3, R, R).
        tolerance: In which summaries of what enters two layers may differ, as a fraction of the largest.

    Raises:
        DifferentNetworksError: A layer of ours corresponds to none of theirs, or one of theirs is left.
    """
    unpaired, _ = run(theirs, images)
    pairs: list[Pair] = []

    def find(our: LayerWithState) -> None:
        """Pairs our layer with the next of theirs that has its shapes and its input, and copies the state."""
        for their in unpaired:
            if our.shapes() == their.shapes() and same_values(our.entered, their.entered, tolerance):
                break
        else:
            raise DifferentNetworksError(_no_counterpart(our, unpaired, pairs))
        for setting in ("eps", "momentum"):
            a, b = (getattr(layer.module, setting, None) for layer in (our, their))
            if a != b and not (a and b and math.isclose(a, b)):
                raise DifferentNetworksError(f"{setting} of ours is {a} in {our}, of theirs {b} in {their}")
        with torch.no_grad():
            for to, of in zip(our.state(), their.state(), strict=True):
                to.copy_(of.reshape(to.shape))
        pairs.append((our, their))
        unpaired.remove(their)

    run(ours, images, before=find)
    if unpaired:
        raise DifferentNetworksError(f"ours ends after {len(pairs)} layers; theirs also has {unpaired[0]}")
    return pairs


def _no_counterpart(our: LayerWithState, unpaired: list[LayerWithState], pairs: list[Pair]) -> str:
    after = f"after {pairs[-1][0].name}" if pairs else "after the input"
    if not unpaired:
        return f"{after}: theirs ends, ours also has {our}"
    alike = our.shapes() == unpaired[0].shapes()
    return f"{after}: {'other values enter ours than theirs: ' if alike else ''}ours is {our}, theirs {unpaired[0]}"


def run(
    model: nn.Module, images: Tensor, before: Callable[[LayerWithState], None] = lambda layer: None
) -> tuple[list[LayerWithState], Tensor]:
    """Layers with state of their own in the order in which they run, and the logits; `before` sees each before it runs.

    Raises DifferentNetworksError where a layer with state never runs as a module.
    """
    layers: list[LayerWithState] = []
    hooks = []
    for name, module in model.named_modules():
        if has_state(module):
            holds_others = any(has_state(other) for other in module.modules() if other is not module)

            def record(module, entered, *, name=name, holds_others=holds_others):
                values = None if holds_others else summary(entered[0].detach())
                layers.append(LayerWithState(name, module, values))
                before(layers[-1])

            hooks.append(module.register_forward_pre_hook(record))
    try:
        logits = model(images)
    finally:
        for hook in hooks:
            hook.remove()
    ran = {id(layer.module) for layer in layers}
    for name, module in model.named_modules():
        if has_state(module) and id(module) not in ran:
            raise DifferentNetworksError(f"{name} has parameters or buffers but never runs as a module")
    return layers, logits


def summary(values: Tensor) -> Tensor:
    """Statistics in which different values differ and different layouts (channels last, tokens or pixels) do not."""
    power = values.square().mean()
    skewness = values.mul(values.square()).mean() / power.clamp_min(torch.finfo(power.dtype).tiny)  # 0 where all is
    statistics = [values.mean(), values.abs().mean(), power.sqrt(), skewness]
    return torch.stack([*statistics, values.min(), values.max(), power.new_tensor(values.numel()).log()])


def same_values(a: Tensor | None, b: Tensor | None, tolerance: float) -> bool:
    """Whether summaries agree, or there is none."""
    return a is None or b is None or largest_difference([(a, b)]) <= tolerance


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
