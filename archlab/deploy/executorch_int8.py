"""Quantising an exported graph to int8 after training, as XNNPACK computes it: static, weights per channel."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from torch import Tensor

MIN_MAX, HISTOGRAM = "minimum and maximum", "histogram"


def quantised_graph(graph: Any, images: Iterable[Tensor], way: str) -> Any:
    """The graph with every convolution, linear layer, sum and product of the network in int8; `graph` is used up.

    Args:
        graph: What `torch.export` makes of a module, of which `deployed.network` is quantised.
        images: Batches, uint8 (N, R, R, 3), that the ranges of activations come from.
        way: MIN_MAX holds every value; HISTOGRAM minimises the squared error of the values.
    """
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import XNNPACKQuantizer
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    quantizer = XNNPACKQuantizer().set_global(_config(way)).set_filter_function(_in_network)
    prepared = prepare_pt2e(graph, quantizer)
    for batch in images:
        prepared(batch)
    return convert_pt2e(prepared)


def _config(way: str) -> Any:
    """Of XNNPACK's quantizer; the least scale, 2 ** -12, keeps dead channels from ranges of nothing."""
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import get_symmetric_quantization_config
    from torchao.quantization.pt2e import MinMaxObserver

    config = get_symmetric_quantization_config(is_per_channel=True)
    if way == HISTOGRAM:
        return config
    observer = MinMaxObserver.with_args(eps=2**-12)
    spec = dataclasses.replace(config.input_activation, observer_or_fake_quant_ctr=observer)
    return dataclasses.replace(config, input_activation=spec, output_activation=spec)


def _in_network(node: Any) -> bool:
    """Whether a node comes from the network itself: normalisation and softmax do not. Weights, which the quantizer asks about
    beside the convolution that they belong to, tell nothing of where they come from."""
    paths = [path for path, _ in node.meta.get("nn_module_stack", {}).values()]
    return node.op == "get_attr" or any("deployed.network" in path for path in paths)
