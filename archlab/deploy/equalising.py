"""Cross-layer equalisation of an ONNX graph (Nagel et al. 2019, arXiv 1906.04721, section 4.1).

Where one convolution feeds another, directly or through ReLU, a channel between them may be divided by any s > 0 and the
network stays the same: the first's weights and bias by s, the second's weights of that channel times s. With s the ratio of
the two ranges of weights, to the power of a half, both ranges are equal.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

THROUGH = ("Relu", "LeakyRelu")
"""What keeps a positive factor. ReLU6 and the smooth activations do not."""
ROUNDS = 10


def equalised(core: Any) -> tuple[Any, int]:
    """A copy of the graph with equalised convolutions, and how many pairs there were."""
    import onnx
    from onnx import numpy_helper

    model = onnx.ModelProto()
    model.CopyFrom(core)
    weights = {each.name: numpy_helper.to_array(each).copy() for each in model.graph.initializer}
    pairs = list(_pairs(model.graph, weights))
    for _ in range(ROUNDS):
        for first, second in pairs:
            _equalise(first, second, weights)
    for each in model.graph.initializer:
        each.CopyFrom(numpy_helper.from_array(weights[each.name], each.name))
    return model, len(pairs)


def _pairs(graph: Any, weights: dict[str, np.ndarray]) -> Any:
    """Convolutions of which the second alone reads what the first gives."""
    readers = defaultdict(list)
    for node in graph.node:
        for name in node.input:
            readers[name].append(node)
    given = {each.name for each in graph.output}
    shared = {name for name, nodes in readers.items() if len(nodes) > 1}
    for first in graph.node:
        if first.op_type != "Conv" or {*first.input[1:]} & shared:
            continue
        name = first.output[0]
        while len(readers[name]) == 1 and name not in given and readers[name][0].op_type in THROUGH:
            name = readers[name][0].output[0]
        if len(readers[name]) != 1 or name in given:
            continue
        (second,) = readers[name]
        known = all(each in weights for node in (first, second) for each in node.input[1:])
        if second.op_type == "Conv" and second.input[0] == name and known and not {*second.input[1:]} & shared:
            yield first, second


def _equalise(first: Any, second: Any, weights: dict[str, np.ndarray]) -> None:
    one, two = weights[first.input[1]], weights[second.input[1]]
    channels = one.shape[0]
    groups = next((each.i for each in second.attribute if each.name == "group"), 1)
    inputs, outputs = two.shape[1], two.shape[0] // groups
    by_channel = two.reshape(groups, outputs, inputs, -1)  # input channel g * inputs + i is [g, :, i]
    range_one = np.abs(one.reshape(channels, -1)).max(1)
    range_two = np.abs(by_channel).max(axis=(1, 3)).reshape(-1)
    alive = (range_one > 0) & (range_two > 0)
    factor = np.ones(channels)
    factor[alive] = np.sqrt(range_one[alive] / range_two[alive])
    one /= factor.reshape(-1, *[1] * (one.ndim - 1)).astype(one.dtype)
    if len(first.input) > 2:
        weights[first.input[2]] /= factor.astype(one.dtype)
    by_channel *= factor.reshape(groups, 1, inputs, 1).astype(two.dtype)
