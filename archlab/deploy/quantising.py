"""Quantising an ONNX graph to int8 after training: static, per channel, ranges from training images."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from archlab.deploy.agreement import batches
from archlab.deploy.deployed import refusal
from archlab.deploy.onnx_export import RESIZED
from archlab.deploy.quiet import quiet

MIN_MAX, PERCENTILE = "minimum and maximum", "percentile 99.99"
BESIDE = "input_or_output"
"""How the names of nodes before and after the network begin: normalisation and softmax stay in float."""


class Quantiser:
    """Makes int8 versions of a graph. The ranges of activations are measured once for each way of calibrating.

    Args:
        core: As `archlab.deploy.onnx_export.core_graph` gives it.
        images: uint8 (N, R, R, 3), to calibrate on.
        seen: Pixels on a side that the network sees of them; None: all.
    """

    def __init__(self, core: Any, images: np.ndarray, seen: int | None = None):
        self.core, self.images, self.seen = core, images, seen
        self._ranges: dict[str, Any] = {}

    @property
    def layers(self) -> list[str]:
        """The layers with nodes that can be quantised, in order: `layers.0`, ..., `head`."""
        kinds = _kinds()
        named = (layer_of(node.name) for node in self.core.graph.node if node.op_type in kinds)
        return [layer for layer in dict.fromkeys(named) if layer != BESIDE]

    def quantised(self, way: str, *, in_float: Container[str] = ()) -> bytes:
        """The graph in int8, but for the layers `in_float`. `way`: MIN_MAX or PERCENTILE.

        Raises UserError for a graph that ONNX Runtime cannot quantise so.
        """
        try:
            return self._quantised(way, in_float)
        except (MemoryError, OSError):  # of the machine, not of the graph
            raise
        except Exception as error:  # nearly anything, from deep inside
            raise refusal(error, "ONNX in int8") from error

    def _quantised(self, way: str, in_float: Container[str]) -> bytes:
        from onnxruntime.quantization import QuantType
        from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

        nodes = [
            node.name
            for node in self.core.graph.node
            if (layer := layer_of(node.name)) != BESIDE and layer not in in_float
        ]
        with quiet():
            quantizer = QDQQuantizer(
                self._prepared(),
                per_channel=True,
                reduce_range=False,
                weight_qType=QuantType.QInt8,
                activation_qType=QuantType.QUInt8,
                tensors_range=self._calibrated(way),
                nodes_to_quantize=nodes,
                nodes_to_exclude=[],
                op_types_to_quantize=_kinds(),
                extra_options={},
            )
            quantizer.quantize_model()
            quantizer.model.topological_sort()
        return quantizer.model.model.SerializeToString()

    def _prepared(self) -> Any:
        """A copy of the graph in which the shapes of all values are known."""
        import onnx
        from onnx import shape_inference

        prepared = onnx.ModelProto()
        prepared.CopyFrom(self.core)
        return shape_inference.infer_shapes(prepared)

    def _calibrated(self, way: str) -> Any:
        if way not in self._ranges:
            from onnxruntime.quantization import CalibrationMethod
            from onnxruntime.quantization.calibrate import create_calibrator

            method = CalibrationMethod.Percentile if way == PERCENTILE else CalibrationMethod.MinMax
            options = {"percentile": 99.99} if way == PERCENTILE else {}
            with tempfile.TemporaryDirectory() as folder, quiet():
                path = Path(folder) / "core.onnx"
                path.write_bytes(self._prepared().SerializeToString())
                calibrator = create_calibrator(
                    path,
                    _kinds(),
                    augmented_model_path=str(Path(folder) / "calibrating.onnx"),
                    calibrate_method=method,
                    extra_options=options,
                )
                # histograms are made of one array, with all feature maps of all images that are given at once
                for rows in batches(self.images, self.seen) if way == PERCENTILE else [slice(None)]:
                    calibrator.collect_data(_Reader(self.images[rows], self.seen))
                self._ranges[way] = calibrator.compute_data()
        return self._ranges[way]


def layer_of(name: str) -> str:
    """The layer that a node belongs to, by its name."""
    found = re.match(r"layers\.\d+|head", name)
    return found[0] if found else BESIDE


def _kinds() -> list[str]:
    """The kinds of nodes that ONNX Runtime can quantise."""
    from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

    return sorted({*QDQRegistry, *QLinearOpsRegistry} - {"Softmax"})


class _Reader:
    """What calibrators read from."""

    def __init__(self, images: np.ndarray, seen: int | None):
        self._batches: Iterator[slice] = batches(images, seen)
        self._images = images

    def get_next(self) -> dict[str, np.ndarray] | None:
        rows = next(self._batches, None)
        return None if rows is None else {RESIZED: self._images[rows]}
