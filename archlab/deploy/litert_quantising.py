"""Quantising a LiteRT file to int8 after training: static, per channel, ranges from training images."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import torch

from archlab.deploy.deployed import refusal
from archlab.deploy.litert_graph import content_of, graph_of, kind_of, values_of
from archlab.deploy.litert_runtime import computed
from archlab.deploy.mending import Way
from archlab.deploy.quiet import silent

MIN_MAX, PERCENTILE = "minimum and maximum", "percentile 99.99"
CUT = 0.00005  # of the values, on either side
PIXELS_AT_ONCE = 2**14  # of calibration, which keeps all feature maps: 16 images at 32 pixels
NARROWEST = 1e-3  # range of a feature map: what is always nought would get a scale that runtimes refuse
FINEST = 2.0**-24  # of an output's step, or of a bias: the least that one step of a weight and one of the input make

Range = dict[str, np.ndarray]


def ways(in_float: bytes, images: np.ndarray) -> Iterator[Way]:
    """Ways of quantising to int8, in the order in which they should be tried.

    Args:
        in_float: As `archlab.deploy.litert_export.float_content` gives it.
        images: uint8 (N, R, R, 3), to calibrate on.
    """
    for way in (MIN_MAX, PERCENTILE):
        yield way, partial(_quantised, in_float, images, way)


def _quantised(in_float: bytes, images: np.ndarray, way: str) -> bytes:
    try:
        return quantised(in_float, ranges(in_float, images, way))
    except Exception as error:  # nearly anything, from deep inside
        raise refusal(error, "LiteRT in int8") from error


def quantised(in_float: bytes, found: dict[str, Range]) -> bytes:
    """The file in int8: uint8 in, float32 out, integers between.

    Args:
        found: The range of each feature map, as `ranges` gives it.
    """
    from ai_edge_quantizer.quantizer import AlgorithmName, Quantizer
    from ai_edge_quantizer.recipe import TFLOperationName, static_wi8_ai8

    quantizer = Quantizer(in_float, static_wi8_ai8())
    quantizer.update_quantization_recipe(".*", TFLOperationName.OUTPUT, algorithm_key=AlgorithmName.NO_QUANTIZE)
    known = found | _weight_ranges(graph_of(in_float), found)
    with silent():
        made = quantizer.quantize(known, enable_progress_bar=False, enable_progress_report=False)
    graph = graph_of(bytes(made.quantized_model))
    _requantise_pixels(graph)
    return content_of(graph)


def ranges(in_float: bytes, images: np.ndarray, way: str) -> dict[str, Range]:
    """Of each feature map its `min` and `max`: over all values, or the means over batches of the quantiles CUT and 1 - CUT."""
    graph, size = graph_of(in_float), max(PIXELS_AT_ONCE // images.shape[1] ** 2, 1)
    maps = {number: graph.subgraphs[0].tensors[number].name.decode() for number in _feature_maps(graph)}
    ends: dict[str, list[tuple[float, float]]] = {name: [] for name in maps.values()}
    rows = (slice(at, at + size) for at in range(0, len(images), size))
    for interpreter in computed(in_float, images, rows, threads=torch.get_num_threads(), keep_all=True):
        for number, name in maps.items():
            ends[name].append(_ends(interpreter.get_tensor(number), way))
    found = {}
    for name, each in ends.items():
        lows, highs = np.array(each).T
        low, high = (lows.min(), highs.max()) if way == MIN_MAX else (lows.mean(), highs.mean())
        found[name] = _range(low, max(high, low + NARROWEST))
    for cast in _casts_of_pixels(graph):
        found[maps[cast.outputs[0]]] = _range(0, 255)
    return found


def _feature_maps(graph: Any) -> list[int]:
    """The numbers of the tensors of floats that are computed."""
    from ai_edge_litert import schema_py_generated as schema

    (subgraph,) = graph.subgraphs
    computed = [number for operator in subgraph.operators for number in operator.outputs]
    return [number for number in computed if subgraph.tensors[number].type == schema.TensorType.FLOAT32]


def _ends(values: np.ndarray, way: str) -> tuple[float, float]:
    values = values[np.isfinite(values)]  # what is added around a map before a maximum is minus infinity
    if way == MIN_MAX:
        return float(values.min()), float(values.max())
    low, high = int(CUT * (values.size - 1)), int(np.ceil((1 - CUT) * (values.size - 1)))
    ordered = np.partition(values, (low, high))
    return float(ordered[low]), float(ordered[high])


def _range(low: float, high: float) -> Range:
    return {"min": np.array([low], np.float32), "max": np.array([high], np.float32)}


def _weight_ranges(graph: Any, found: dict[str, Range]) -> dict[str, Range]:
    """Of each channel of weights: as far as they go, and so far that bias and output are no more than 2^24 of their steps.

    The step of a bias is that of the input times that of the weights. Where these are all but nought it would be so small
    that the bias, which is then all that there is, does not fit into 32 bits.
    """
    from ai_edge_litert import schema_py_generated as schema

    kinds = schema.BuiltinOperator
    channel_axis = {kinds.CONV_2D: 0, kinds.FULLY_CONNECTED: 0, kinds.DEPTHWISE_CONV_2D: 3}
    (subgraph,) = graph.subgraphs
    ranges = {}
    for operator in subgraph.operators:
        if kind_of(graph, operator) not in channel_axis:
            continue
        source, kernel, *biases = [subgraph.tensors[number] for number in operator.inputs if number >= 0]
        weights = values_of(graph, kernel)
        if weights is None:
            continue
        others = tuple({*range(weights.ndim)} - {channel_axis[kind_of(graph, operator)]})
        most = np.abs(weights).max(others, keepdims=True)
        given, made = (found[each.name.decode()] for each in (source, subgraph.tensors[operator.outputs[0]]))
        needed = np.full(most.shape, _step(made), np.float32)
        for bias in biases:
            values = values_of(graph, bias)
            assert values is not None
            needed = np.maximum(needed, np.abs(values).reshape(most.shape))
        most = np.maximum(most, 127 * FINEST * needed / _step(given)).astype(np.float32)
        ranges[kernel.name.decode()] = {"min": -most, "max": most}
    return ranges


def _step(each: Range) -> float:
    """Between neighbours of 256 numbers over a range and nought."""
    return float(max(each["max"].item(), 0) - min(each["min"].item(), 0)) / 255


def _casts_of_pixels(graph: Any) -> list[Any]:
    """The operators that make floats of bytes."""
    from ai_edge_litert import schema_py_generated as schema

    (subgraph,) = graph.subgraphs
    return [
        operator
        for operator in subgraph.operators
        if kind_of(graph, operator) == schema.BuiltinOperator.CAST
        and subgraph.tensors[operator.inputs[0]].type == schema.TensorType.UINT8
    ]


def _requantise_pixels(graph: Any) -> None:
    """Pixels become int8 at once, by subtracting 128, and not by way of floats: uint8 is a quantised number with step 1."""
    from ai_edge_litert import schema_py_generated as schema

    (subgraph,) = graph.subgraphs
    for cast in _casts_of_pixels(graph):
        pixels, floats = cast.inputs[0], cast.outputs[0]
        subgraph.tensors[pixels].quantization = quantization = schema.QuantizationParametersT()
        quantization.scale, quantization.zeroPoint = np.ones(1, np.float32), np.zeros(1, np.int64)
        for operator in subgraph.operators:
            operator.inputs = [pixels if number == floats else number for number in operator.inputs]
        subgraph.operators.remove(cast)
