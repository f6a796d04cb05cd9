"""LiteRT files (.tflite)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from archlab.deploy.agreement import Images
from archlab.deploy.formats import Exporter
from archlab.deploy.litert_export import float_content
from archlab.deploy.litert_quantising import ways
from archlab.deploy.litert_runtime import interpreter_of, run_litert
from archlab.deploy.mending import Mending


class LiteRTExporter(Exporter):
    def _in_float(self) -> bytes:
        return float_content(self.network)

    def in_int8(self, calibration: np.ndarray, images: Images) -> tuple[bytes, Mending]:
        return self._first_good(ways(self.in_float, calibration), images)

    def probabilities(self, content: bytes, pixels: np.ndarray) -> np.ndarray:
        return run_litert(content, pixels, self.network.preprocessing.pixels)

    @staticmethod
    def ready(content: bytes, image: np.ndarray) -> Callable[[], object]:
        interpreter = interpreter_of(content, threads=1)
        (given,) = interpreter.get_input_details()
        interpreter.set_tensor(given["index"], image)
        call: Callable[[], object] = interpreter.invoke
        return call
