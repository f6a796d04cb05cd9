"""Two implementations of one network, held against each other layer by layer.

Layers that have parameters or buffers of their own are paired in the order in which they run; of parallel branches, those
are paired into which the same values enter. The weights of one model are copied into the other on the way, and both must
give the same outputs, gradients and buffers. The first layer that differs is named.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

DROP_RATES = ("p", "drop_prob", "drop_rate")  # as torch, timm and torchvision call them
STEP = 0.01  # of the parameter with the largest gradient


@dataclass(frozen=True)
class Layer:
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


Pair = tuple[Layer, Layer]


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


def pair(ours: nn.Module, theirs: nn.Module, images: Tensor, tolerance: float) -> list[Pair]:
    """Pairs the layers of both models and copies the state of `theirs` into `ours`, each layer just before it runs.

    Raises AssertionError, naming the first layer of ours that corresponds to none of theirs.
    """
    unpaired, _ = run(theirs, images)
    pairs: list[Pair] = []

    def find(our: Layer) -> None:
        """Pairs our layer with the next of theirs that has its shapes and its input, and copies the state."""
        for their in unpaired:
            if our.shapes() == their.shapes() and same_values(our.entered, their.entered, tolerance):
                break
        else:
            raise AssertionError(no_counterpart(our, unpaired, pairs))
        for setting in ("eps", "momentum"):
            a, b = (getattr(layer.module, setting, None) for layer in (our, their))
            assert a == b or math.isclose(a, b), f"{setting} of ours is {a} in {our}, of theirs {b} in {their}"
        with torch.no_grad():
            for a, b in zip(our.state(), their.state(), strict=True):
                a.copy_(b.reshape(a.shape))
        pairs.append((our, their))
        unpaired.remove(their)

    run(ours, images, before=find)
    assert not unpaired, f"ours ends after {len(pairs)} layers; theirs also has {unpaired[0]}"
    return pairs


def no_counterpart(our: Layer, unpaired: list[Layer], pairs: list[Pair]) -> str:
    after = f"after {pairs[-1][0].name}" if pairs else "after the input"
    if not unpaired:
        return f"{after}: theirs ends, ours also has {our}"
    alike = our.shapes() == unpaired[0].shapes()
    return f"{after}: {'other values enter ours than theirs: ' if alike else ''}ours is {our}, theirs {unpaired[0]}"


def run(
    model: nn.Module, images: Tensor, before: Callable[[Layer], None] = lambda layer: None
) -> tuple[list[Layer], Tensor]:
    """Layers with state of their own in the order in which they run, and the logits; `before` sees each before it runs."""
    layers: list[Layer] = []
    hooks = []
    for name, module in model.named_modules():
        if has_state(module):
            holds_others = any(has_state(other) for other in module.modules() if other is not module)

            def record(module, entered, *, name=name, holds_others=holds_others):
                values = None if holds_others else summary(entered[0].detach())
                layers.append(Layer(name, module, values))
                before(layers[-1])

            hooks.append(module.register_forward_pre_hook(record))
    try:
        logits = model(images)
    finally:
        for hook in hooks:
            hook.remove()
    ran = {id(layer.module) for layer in layers}
    for name, module in model.named_modules():
        assert not has_state(module) or id(module) in ran, (
            f"{name} has parameters or buffers but never runs as a module"
        )
    return layers, logits


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


def summary(values: Tensor) -> Tensor:
    """Statistics in which different values differ and different layouts (channels last, tokens or pixels) do not."""
    power = values.square().mean()
    statistics = [values.mean(), values.abs().mean(), power.sqrt(), values.mul(values.square()).mean() / power]
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
