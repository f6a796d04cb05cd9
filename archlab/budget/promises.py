"""What every block promises, each as a function that says how a block breaks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

import blocks
from archlab.architecture.plan import scaled_arguments
from archlab.budget.liveness import peak_elements
from archlab.budget.measured import measure
from blocks import LayerArguments, Tally
from blocks.arguments import arguments, takes
from blocks.rounding import round_channels

WIDTHS = (0.35, 1.3)
TOLERANCE = 1e-4  # of float32


@dataclass(frozen=True, eq=False)
class Case:
    """A block with all arguments but `in_size`."""

    block: type[blocks.Block]
    layer: LayerArguments

    def build(self, seed: int = 0) -> blocks.Block:
        torch.manual_seed(seed)
        return self.block(**self.layer.of_constructor(self.block))

    def but(self, **changed: Any) -> Case:
        return Case(self.block, LayerArguments(**{**vars(self.layer), **changed}))

    @property
    def size(self) -> int:
        """Pixels on a side of a small map that leaves the block with at least two."""
        return next((size for size in (8, 16, 32, 64, 128) if self.output_size(size) > 1), 8)

    def output_size(self, size: int) -> int:
        return self.block.output_size(self.but(in_size=size).layer)

    def tally(self, tally: Tally, size: int) -> None:
        self.block.tally(tally, self.but(in_size=size).layer)

    def images(self, height: int | None = None, width: int | None = None, batch: int = 4) -> Tensor:
        torch.manual_seed(0)
        height = height or self.size
        return torch.randn(batch, self.layer.in_channels, height, width or height)

    def __str__(self) -> str:
        return f"{self.layer.in_channels} to {self.layer.out_channels} channels, stride {self.layer.stride}"


def output(case: Case) -> Iterator[str]:
    """Odd and even sizes, tiny and oblong maps."""
    block = case.build().eval()
    sizes = [(size, size) for size in (1, 2, 3, case.size, case.size + 1, case.size + 5)] + [(case.size, case.size + 3)]
    for size in sizes:
        declared = tuple(map(case.output_size, size))
        if min(declared) < 1:
            continue
        with torch.no_grad():
            shape = tuple(block(case.images(*size)).shape[1:])
        if shape != (case.layer.out_channels, *declared):
            yield f"an input of {size} pixels gives {shape}, declared is {(case.layer.out_channels, *declared)}"


def gradients(case: Case) -> Iterator[str]:
    block, images = case.build().train(), case.images().requires_grad_()
    result = block(images)
    (result * torch.randn_like(result)).sum().backward()
    for name, tensor in [*block.named_parameters(), ("the input", images)]:
        if tensor.grad is None:
            yield f"none reaches {name}"
        elif not tensor.grad.isfinite().all():
            yield f"that of {name} is not finite"


@torch.no_grad()
def single_image(case: Case) -> Iterator[str]:
    block, images = case.build().eval(), case.images()
    if difference(block(images[:1]), block(images)[:1]) > TOLERANCE:
        yield "in evaluation mode an image's output depends on the others of its batch"


def meta_device(case: Case) -> Iterator[str]:
    with torch.device("meta"):
        result = case.build()(case.images())
    if not result.is_meta:
        yield f"built there, the output lies on {result.device}"


@torch.no_grad()
def channels_last(case: Case) -> Iterator[str]:
    block, images = case.build().eval(), case.images()
    expected = block(images)
    block = block.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # in torch, not in its stubs
    result = block(images.to(memory_format=torch.channels_last))
    if not result.is_contiguous(memory_format=torch.channels_last):
        yield f"the output has strides {result.stride()}"
    if difference(result, expected) > TOLERANCE:
        yield "the output has other values than with channels first"


def bfloat16(case: Case) -> Iterator[str]:
    block, images = case.build().eval(), case.images().requires_grad_()
    expected = block(images).detach()
    with torch.autocast("cpu", torch.bfloat16):
        result = block(images)
    result.sum().backward()
    if not result.isfinite().all() or (result - expected).std() > 0.1 * expected.std():
        yield "the output is far from that in float32"


@torch.no_grad()
def export(case: Case) -> Iterator[str]:
    block, images = case.build().eval(), case.images()
    exported = torch.export.export(block, (images,)).module()
    if difference(exported(images), block(images)) > TOLERANCE:
        yield "the exported block gives another output"


def initialisation(case: Case) -> Iterator[str]:
    first, second = case.build().state_dict(), case.build().state_dict()
    for name, tensor in first.items():
        if not torch.equal(tensor, second[name]):
            yield f"{name} differs under the same seed"


@torch.no_grad()
def state_dict(case: Case) -> Iterator[str]:
    trained, fresh, images = case.build(), case.build(seed=1), case.images()
    trained.train()(images)
    fresh.load_state_dict(trained.state_dict())
    if difference(fresh.eval()(images), trained.eval()(images)) > 0:
        yield "a block that loaded the state_dict of another gives another output"


@torch.no_grad()
def fusing(case: Case) -> Iterator[str]:
    block, images = case.build().double(), case.images().double()
    block.train()(images)
    expected = block.eval()(images)
    fused = block.fuse().eval()
    if difference(fused(images), expected) > 1e-10:
        yield f"the fused output differs by {difference(fused(images), expected):.1e} of the largest value"
    if parameters(fused) > parameters(block):
        yield f"it adds parameters: {parameters(fused)} after, {parameters(block)} before"
    if difference(block(images), expected) > 0:
        yield "the block itself is changed"


def counting(case: Case) -> Iterator[str]:
    block, size = case.build(), case.size + case.layer.stride - 1
    measured = measure(block, size, case.layer.in_channels)
    trained, deployed = Tally(), Tally(deployed=True)
    try:
        for tally in (trained, deployed):
            case.tally(tally, size)
    except NotImplementedError:
        return
    for what, counted, truth in (
        ("parameters", trained.params, measured.params),
        ("multiply-accumulates", trained.macs, measured.macs),
        ("activations", trained.activations, measured.activations),
        ("deployed parameters", deployed.params, measured.params_deployed),
        ("deployed multiply-accumulates", deployed.macs, measured.macs_deployed),
    ):
        if counted != truth:
            yield f"tally counts {counted:,} {what} at {size} pixels, there are {truth:,}"


def memory(case: Case) -> Iterator[str]:
    """What `tally` says of the maps that are alive at once, against the exported block as deployed."""
    tally, entering = Tally(deployed=True), case.images(batch=1)
    tally.maps.enter(entering.numel())
    try:
        case.tally(tally, case.size)
    except NotImplementedError:
        return
    needed = peak_elements(case.build().eval().fuse().eval(), entering)
    if tally.maps.peak != needed:
        yield (
            f"tally has {tally.maps.peak:,} values of feature maps alive at once at {case.size} pixels, there are {needed:,}: "
            "what an operator to come still needs is held, see blocks.feature_maps"
        )


def scaling(case: Case) -> Iterator[str]:
    """A width scales the channel counts, and the block can still be built."""
    given = vars(case.layer)
    for attribute in ("channel_arguments", "group_arguments"):
        for name in getattr(case.block, attribute):
            if name not in arguments(case.block):  # type: ignore[arg-type]  # classes are hashable
                yield f"{attribute} names {name!r}, which is no argument"
                return
    for width in WIDTHS:
        in_channels = round_channels(given["in_channels"] * width)
        wider = scaled_arguments(
            case.block,
            given | {"out": given["out_channels"]},
            width,
            published=given["in_channels"],
            channels=in_channels,
        )
        scaled = case.but(**wider | {"in_channels": in_channels, "out_channels": wider["out"]})
        try:
            scaled.build().eval()(scaled.images())
        except Exception as error:
            yield f"at width {width} it fails: {error}"


def resolution(case: Case) -> Iterator[str]:
    """A small input makes strides smaller; parameters stay."""
    stride = case.layer.stride // 2
    if stride:
        halved = case.but(stride=stride)
        shapes = [{name: tensor.shape for name, tensor in c.build().state_dict().items()} for c in (case, halved)]
        if shapes[0] != shapes[1] and sorted(shapes[0].values()) == sorted(shapes[1].values()):
            moved = sorted(shapes[0].keys() - shapes[1].keys())
            yield f"with the stride reduced to {stride}, parameters have other names: there is no {', '.join(moved)}"
        elif shapes[0] != shapes[1]:
            yield f"with the stride reduced to {stride}, parameters change: take published_stride too"
        yield from output(halved)
        if takes(case.block, "published_stride"):  # type: ignore[arg-type]  # classes are hashable
            yield from counting(halved)


def residual_norms(case: Case) -> Iterator[str]:
    block = case.build()
    for norm in block.residual_norms():
        if norm not in block.modules() or not isinstance(getattr(norm, "weight", None), nn.Parameter):
            yield f"{type(norm).__name__} is not a normalisation of the block with a weight"


def difference(a: Tensor, b: Tensor) -> float:
    """The largest absolute difference, as a fraction of the largest value of `b`."""
    return ((a - b).abs().max() / b.abs().max().clamp(min=1e-30)).item()


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


PROMISES: dict[str, Callable[[Case], Iterator[str]]] = {
    "output size": output,
    "gradients": gradients,
    "single image": single_image,
    "meta device": meta_device,
    "channels_last": channels_last,
    "bfloat16 autocast": bfloat16,
    "torch.export": export,
    "initialisation": initialisation,
    "state_dict": state_dict,
    "fusing": fusing,
    "counting": counting,
    "memory": memory,
    "scaling": scaling,
    "resolution": resolution,
    "residual norms": residual_norms,
}
