"""The memory that feature maps need, found by following which are alive in an exported graph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Node

VIEWS = (
    "alias", "chunk", "contiguous", "detach", "dropout", "expand", "flatten", "getitem", "movedim", "narrow", "pad", "permute",
    "reshape", "select", "slice", "split", "split_with_sizes", "squeeze", "swapaxes", "t", "to", "transpose", "unbind",
    "unflatten", "unsqueeze", "view",
)  # fmt: skip
"""What makes no map of its own: another look at one, and padding, which belongs to the convolution behind it."""

IN_PLACE = (
    "add", "batch_norm", "clamp", "div", "elu", "gelu", "hardsigmoid", "hardswish", "hardtanh", "layer_norm", "leaky_relu",
    "mish", "mul", "neg", "relu", "relu6", "rsub", "selu", "sigmoid", "silu", "softplus", "sub", "tanh",
)  # fmt: skip
"""What can write over a map of its output's size that nothing else needs."""


@torch.no_grad()
def peak_elements(module: nn.Module, images: Tensor) -> int:
    """The most elements of feature maps that are alive at once while `module` runs, operator by operator as it is exported.

    The input counts, weights do not. What an attention multiplies the values with counts as a map.
    """
    program = torch.export.export(module, (images,), strict=False)
    weights = {each.arg.name for each in program.graph_signature.input_specs if each.kind.name != "USER_INPUT"}
    nodes = [node for node in program.graph.nodes if node.name not in weights]
    last = _last_uses(nodes)
    places: dict[Node, list[Node]] = {}  # the nodes whose places a node's value lies in
    alive: dict[Node, int] = {}  # by the node that made the place, its elements
    peak = 0
    for at, node in enumerate(nodes):
        if node.op == "output":
            break
        given = [each for each in node.all_input_nodes if each in places]
        if node.op != "placeholder" and not given:
            continue  # a form of weights
        needed = {place for each, found in places.items() if last[each] > at for place in found}
        scratch = 0
        if node.op != "placeholder" and _kind(node) in VIEWS:
            places[node] = list(dict.fromkeys(place for each in given for place in places[each]))
        else:
            size = _elements(node.meta["val"])
            over = next(_free(given, places, needed, alive, size), None) if _kind(node) in IN_PLACE else None
            places[node] = [node if over is None else over]
            alive.setdefault(places[node][0], size)
            scratch = _scores(node)
        peak = max(peak, sum(alive.values()) + scratch)
        kept = {place for each, found in places.items() if last[each] > at for place in found}
        alive = {place: size for place, size in alive.items() if place in kept}
    return peak


def _last_uses(nodes: list[Node]) -> dict[Node, int]:
    """The index of the last node that needs a node's value, or a view of it."""
    order = {node: at for at, node in enumerate(nodes)}
    return {node: max((order[user] for user in node.users if user in order), default=at) for node, at in order.items()}


def _free(
    given: list[Node], places: dict[Node, list[Node]], needed: set[Node], alive: dict[Node, int], size: int
) -> Iterator[Node]:
    """Places of inputs of `size` elements that nothing else needs."""
    for each in given:
        if len(places[each]) == 1 and (place := places[each][0]) not in needed and alive.get(place) == size:
            yield place


def _kind(node: Node) -> str:
    """The name of an operator without its overload, `add` of `aten.add_.Tensor`."""
    return getattr(node.target, "__name__", str(node.target)).partition(".")[0].strip("_").removeprefix("unsafe_")


def _elements(value: Any) -> int:
    return (
        value.numel()
        if isinstance(value, Tensor)
        else sum(map(_elements, value))
        if isinstance(value, (list, tuple))
        else 0
    )


def _scores(node: Node) -> int:
    """Of an attention: by how many products of queries and keys it is larger than its output while they are there."""
    if _kind(node) != "scaled_dot_product_attention":
        return 0
    given: Any = node.args  # `all_input_nodes` would name a map that attends to itself once
    queries, keys = (each.meta["val"] for each in given[:2])
    return queries.numel() // queries.shape[-1] * keys.shape[-2]
