"""ExecuTorch programs (.pte)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from archlab.deploy import executorch_export
from archlab.deploy.agreement import Images
from archlab.deploy.executorch_runtime import method_of
from archlab.deploy.formats import Exporter
from archlab.deploy.mending import Mending


class ExecuTorchExporter(Exporter):
    def _in_float(self) -> bytes:
        return executorch_export.float_content(self.network)

    def in_int8(self, calibration: np.ndarray, images: Images) -> tuple[bytes, Mending]:
        return self._first_good(executorch_export.int8_ways(self.network, calibration), images)

    def probabilities(self, content: bytes, pixels: np.ndarray) -> np.ndarray:
        return executorch_export.probabilities(content, pixels)

    @staticmethod
    def ready(content: bytes, image: np.ndarray) -> Callable[[], object]:
        return partial(method_of(content, threads=1).execute, [torch.from_numpy(image)])
