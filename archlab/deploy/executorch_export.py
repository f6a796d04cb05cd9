"""A trained network as an ExecuTorch program, computed by XNNPACK: raw pixels in, probabilities out.

The methods of a program that give nothing but a text say what it is: `classes`, a JSON list, `preprocessing` and `origin`, JSON
objects. ExecuTorch's runtime reads them without archlab:

    program = executorch.runtime.Runtime.get().load_program("net.pte")
    classes = json.loads(program.load_method("classes").execute([])[0])
    (probabilities,) = program.load_method("forward").execute([images])

`images` is uint8 (1, R, R, 3), resized as `preprocessing` says; probabilities are float32 (1, classes). The batch is 1: with a
free one ExecuTorch plans memory for the largest that it admits, and cuts the network into more pieces (ShuffleNetV2 into 47
instead of 14, with three times the memory).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from archlab.deploy.deployed import Deployed, deployed, metadata, refusal
from archlab.deploy.executorch_int8 import HISTOGRAM, MIN_MAX, quantised_graph
from archlab.deploy.executorch_runtime import check_operators, method_of
from archlab.deploy.loading import LoadedNetwork
from archlab.deploy.mending import Way
from archlab.deploy.quiet import silent

CALIBRATED_AT_ONCE = 32  # images


class _FloatFirst(nn.Module):
    """The same, with pixels made floats at once: XNNPACK turns those to channels first, and leaves bytes to a slow kernel."""

    def __init__(self, module: Deployed):
        super().__init__()
        # XNNPACK's exporter wants weights in the plain order, and those of the network are not ours to move
        self.deployed = copy.deepcopy(module).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]

    def forward(self, images: Tensor) -> Tensor:
        return self.deployed(images.float())


def float_content(network: LoadedNetwork) -> bytes:
    """The program in float: uint8 (1, R, R, 3) to probabilities, float32 (1, classes).

    Raises UserError for a network with blocks that cannot be exported; the message says where and why.
    """
    module = _FloatFirst(deployed(network)).eval()
    return _program(module, network)


def int8_ways(network: LoadedNetwork, calibration: np.ndarray) -> Iterator[Way]:
    """Ways of making the program in int8, in the order in which they should be tried: of choosing the ranges of activations.
    Weights are quantised per channel; normalisation and softmax stay in float.

    Args:
        calibration: Training images, uint8 (N, R, R, 3).

    Raises UserError as `float_content` does, as do the ways.
    """
    module = _FloatFirst(deployed(network)).eval()
    try:
        with silent(), torch.no_grad():
            graph, batch = _graph_to_calibrate(module, network.preprocessing.resolution)
    except Exception as error:  # nearly anything, from deep inside
        raise refusal(error, "ExecuTorch") from error
    images = torch.tensor(calibration).split(batch)
    for way in (MIN_MAX, HISTOGRAM):
        yield way, partial(_quantised, graph, images, way, network)


def _quantised(graph: Any, images: Iterable[Tensor], way: str, network: LoadedNetwork) -> bytes:
    try:
        with silent(), torch.no_grad():
            quantised = quantised_graph(copy.deepcopy(graph), images, way)
    except Exception as error:
        raise refusal(error, "ExecuTorch in int8") from error
    return _program(quantised, network)


def probabilities(content: bytes, pixels: np.ndarray) -> np.ndarray:
    """float32 (N, classes): what ExecuTorch's runtime makes of uint8 images (N, R, R, 3), which it gets one at a time."""
    method = method_of(content)
    return np.concatenate([method.execute([image])[0].numpy() for image in torch.tensor(pixels).split(1)])


def _program(module: nn.Module, network: LoadedNetwork) -> bytes:
    """Raises UserError where there is none, or the runtime could not run it."""
    side = network.preprocessing.resolution
    try:
        with silent(), torch.no_grad():
            from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
            from executorch.exir import to_edge_transform_and_lower

            exported = torch.export.export(module, (torch.zeros(1, side, side, 3, dtype=torch.uint8),))
            lowered = to_edge_transform_and_lower(
                exported, partitioner=[XnnpackPartitioner()], constant_methods=metadata(network, ["normalise"])
            )
            program = lowered.to_executorch()
    except Exception as error:  # nearly anything, from deep inside
        raise refusal(error, "ExecuTorch") from error
    check_operators(program.executorch_program)
    return bytes(program.buffer)


def _graph_to_calibrate(module: nn.Module, side: int) -> tuple[Any, int]:
    """And how many images it takes at a time: many where the network admits it, which is several times as fast."""
    images = torch.zeros(2, side, side, 3, dtype=torch.uint8)
    try:
        free = ({0: torch.export.Dim("batch", min=1)},)
        return torch.export.export(module, (images,), dynamic_shapes=free).module(), CALIBRATED_AT_ONCE
    except Exception:  # of another cause than the batch this is said of one image too
        return torch.export.export(module, (images[:1],)).module(), 1
