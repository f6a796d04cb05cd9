"""What each operator of a traced module costs, where fvcore's own handles say nothing or something else.

Counted: multiply-accumulates of convolutions, matrix products and attention products, and their output elements. fvcore
counts normalisation and pooling too, which are free here; it misses `padding="same"` convolutions, scaled dot-product
attention and batched products with an addend, and miscounts broadcast products and some `einsum`. What is neither counted
here nor known to be free is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import prod
from typing import Any

import torch
from fvcore.nn.jit_handles import (
    addmm_flop_jit,
    bmm_flop_jit,
    conv_flop_count,
    conv_flop_jit,
    get_shape,
    linear_flop_jit,
    matmul_flop_jit,
)

from archlab.foundation import UserError

Values = list[Any]  # of a traced node: its inputs or outputs
Handle = Callable[[Values, Values], Counter[str]]


def _handle(macs_of: Callable[[Values, Values], int]) -> Handle:
    def handle(inputs: Values, outputs: Values) -> Counter[str]:
        macs = macs_of(inputs, outputs)
        return Counter(macs=macs, activations=_elements(outputs[0]) if macs else 0)

    return handle


def _convolution(inputs: Values, outputs: Values) -> int:
    return conv_flop_jit(inputs, outputs)["conv"]


def _convolution_with_named_padding(inputs: Values, outputs: Values) -> int:
    return conv_flop_count(get_shape(inputs[0]), get_shape(inputs[1]), get_shape(outputs[0]))


def _matmul(inputs: Values, outputs: Values) -> int:
    """Any shapes that `torch.matmul` broadcasts: each output sums over the first factor's last axis."""
    return _elements(outputs[0]) * get_shape(inputs[0])[-1]


def _baddbmm(inputs: Values, outputs: Values) -> int:
    return _matmul(inputs[1:], outputs)


def _einsum(inputs: Values, outputs: Values) -> int:
    """One matrix product over all letters; letters of one factor alone that the result lacks are summed before it."""
    equation = inputs[0].toIValue().replace(" ", "")
    factors, _, result = equation.partition("->")
    terms, shapes = factors.split(","), [get_shape(value) for value in inputs[1].node().inputs()]
    if len(terms) != 2 or "..." in equation or "->" not in equation:
        raise UserError(f"einsum {equation!r} cannot be counted: only two factors with single letters and a result can")
    sizes = dict(zip("".join(terms), [size for shape in shapes for size in shape], strict=True))
    shared = set(terms[0]) & set(terms[1])
    if shared <= set(result):
        return 0  # an elementwise product
    return prod(sizes[letter] for letter in shared | set(result))


def _attention(inputs: Values, outputs: Values) -> Counter[str]:
    """Scores and their product with the values; (..., queries, dim), (..., keys, dim), (..., keys, dim of values)."""
    *batch, queries, dim = get_shape(inputs[0])
    keys, values_dim = get_shape(inputs[1])[-2], get_shape(inputs[2])[-1]
    scores = prod(batch) * queries * keys
    return Counter(macs=scores * (dim + values_dim), activations=scores + _elements(outputs[0]))


def _free(inputs: Values, outputs: Values) -> Counter[str]:
    return Counter()


def _elements(value: Any) -> int:
    return prod(get_shape(value))


COUNTED: dict[str, Handle] = {
    "aten::_convolution": _handle(_convolution),
    "aten::_convolution_mode": _handle(_convolution_with_named_padding),
    "aten::linear": _handle(linear_flop_jit),
    "aten::addmm": _handle(addmm_flop_jit),
    "aten::mm": _handle(matmul_flop_jit),
    "aten::bmm": _handle(bmm_flop_jit),
    "aten::mv": _handle(_matmul),
    "aten::matmul": _handle(_matmul),
    "aten::baddbmm": _handle(_baddbmm),
    "aten::einsum": _handle(_einsum),
    "aten::scaled_dot_product_attention": _attention,
}

_NORMALISATIONS = "batch_norm layer_norm group_norm instance_norm rms_norm local_response_norm"
_POOLS_AND_RESIZING = (
    "max_pool1d max_pool2d avg_pool1d avg_pool2d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_max_pool2d lp_pool2d "
    "upsample_nearest2d upsample_bilinear2d upsample_bicubic2d grid_sampler affine_grid_generator"
)
_REDUCTIONS = (
    "mean sum prod max min amax amin argmax argmin var std var_mean std_mean norm linalg_vector_norm "
    "softmax log_softmax logsumexp cumsum any all"
)
_MOVING = (
    "pad reflection_pad2d replication_pad2d im2col col2im unfold pixel_shuffle pixel_unshuffle channel_shuffle repeat "
    "repeat_interleave tile roll flip index_select embedding one_hot scatter sort topk masked_select tril triu item dim "
    "numel rand rand_like randn randn_like bernoulli bernoulli_ dropout_ feature_dropout alpha_dropout linspace "
    "glu prelu hardswish hardswish_"
)
FREE = frozenset(
    f"aten::{name}" for group in (_NORMALISATIONS, _POOLS_AND_RESIZING, _REDUCTIONS, _MOVING) for name in group.split()
)

HANDLES: dict[str, Handle] = dict.fromkeys(FREE, _free) | COUNTED
"""For `FlopCountAnalysis.set_op_handle`: in place of fvcore's own."""


def is_free(kind: str) -> bool:
    """Whether an operator without a handle multiplies and accumulates nothing: elementwise operators and views."""
    space, _, name = kind.partition("::")
    packet = getattr(torch.ops.aten, name, None) if space == "aten" else None
    if packet is None:
        return False
    overloads = [getattr(packet, overload) for overload in packet.overloads()]
    return any(torch.Tag.pointwise in overload.tags or overload.is_view for overload in overloads)
