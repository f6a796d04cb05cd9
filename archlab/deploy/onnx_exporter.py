"""ONNX files, run by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

import numpy as np

from archlab.deploy.agreement import Images
from archlab.deploy.formats import Exporter
from archlab.deploy.mending import Mending
from archlab.deploy.onnx_export import core_graph, with_resizing
from archlab.deploy.onnx_runtime import run_onnx, session_of
from archlab.deploy.onnx_ways import quantised_graph
from archlab.deploy.quantising import Quantiser


class OnnxExporter(Exporter):
    @cached_property
    def _core(self) -> Any:
        return core_graph(self.network)

    def _in_float(self) -> bytes:
        return self._with_resizing(self._core)

    def in_int8(self, calibration: np.ndarray, images: Images) -> tuple[bytes, Mending]:
        import onnx

        quantiser = Quantiser(self._core, calibration, self.network.preprocessing.pixels)
        quantised, mending = quantised_graph(quantiser, images, self.seconds)
        mending.layers = [(self._with_block(layer), moved) for layer, moved in mending.layers]
        return self._with_resizing(onnx.load_from_string(quantised)), mending

    def _with_resizing(self, core: Any) -> bytes:
        content: bytes = with_resizing(core, self.network).SerializeToString()
        return content

    def _with_block(self, layer: str) -> str:
        """`layers.3` as `layers.3 (inverted_residual)`."""
        blocks = [each.block for each in self.network.architecture.layers for _ in range(each.repeat)]
        return f"{layer} ({blocks[int(layer.rpartition('.')[2])]})" if layer.startswith("layers.") else layer

    def probabilities(self, content: bytes, pixels: np.ndarray) -> np.ndarray:
        return run_onnx(content, pixels, self.network.preprocessing.pixels)

    @staticmethod
    def ready(content: bytes, image: np.ndarray) -> Callable[[], object]:
        session = session_of(content, threads=1)
        return partial(session.run, None, {session.get_inputs()[0].name: image})
