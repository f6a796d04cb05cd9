"""The formats of files that networks ship in: what each needs, and who makes it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pkgutil import resolve_name

import numpy as np

from archlab.deploy.agreement import Images
from archlab.deploy.loading import LoadedNetwork
from archlab.deploy.mending import Mending, Way, first_good


class Exporter(ABC):
    """Makes files of one network, which is on the CPU; what two files need is computed once.

    Attributes:
        seconds: After which no other way of quantising is begun.
    """

    def __init__(self, network: LoadedNetwork):
        self.network, self.seconds = network, math.inf

    @cached_property
    def in_float(self) -> bytes:
        """The file in float: uint8 (N, H, W, 3) to probabilities, float32 (N, classes).

        Raises UserError for a network with blocks that cannot be exported; the message says where and why.
        """
        return self._in_float()

    @abstractmethod
    def _in_float(self) -> bytes: ...

    def _first_good(self, ways: Iterable[Way], images: Images) -> tuple[bytes, Mending]:
        """See `archlab.deploy.mending.first_good`."""
        found = Mending()
        return first_good(ways, found, images, self.in_float, self.probabilities, self.seconds), found

    @abstractmethod
    def in_int8(self, calibration: np.ndarray, images: Images) -> tuple[bytes, Mending]:
        """The same in int8, and how it came to be.

        Args:
            calibration: Training images, uint8 (N, R, R, 3).
            images: With labels, to choose the way of quantising by.
        """

    @abstractmethod
    def probabilities(self, content: bytes, pixels: np.ndarray) -> np.ndarray:
        """float32 (N, classes): what the format's runtime makes, by a file's content, of uint8 images (N, R, R, 3)."""

    @staticmethod
    @abstractmethod
    def ready(content: bytes, image: np.ndarray) -> Callable[[], object]:
        """A call that computes one uint8 image (1, R, R, 3) on one thread of the CPU, to be timed."""


@dataclass(frozen=True)
class Format:
    """Attributes:
    name: Of the format, as people call it.
    extra: Of archlab, that brings what it needs.
    maker: Module and class of its `Exporter`.
    """

    name: str
    extra: str
    maker: str

    def exporter(self, network: LoadedNetwork) -> Exporter:
        found: Exporter = resolve_name(self.maker)(network)
        return found


FORMATS = {
    "onnx": Format("ONNX", "onnx", "archlab.deploy.onnx_exporter:OnnxExporter"),
    "tflite": Format("LiteRT", "litert", "archlab.deploy.litert_exporter:LiteRTExporter"),
    "pte": Format("ExecuTorch", "executorch", "archlab.deploy.executorch_exporter:ExecuTorchExporter"),
}
"""By the ending of their files."""
