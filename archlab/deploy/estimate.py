"""What a network would need on a device that is not here."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Estimate:
    """Of a .tflite file on one target; None for what was not found out.

    Attributes:
        target: One of `archlab.deploy.targets.TARGETS`.
        estimated_by: The tool, its version and its settings, in words.
        cycles: Of the accelerator for one image; operators that fall back to the CPU have none.
        inferences_per_second, ms: What the tool makes of them.
        sram: Bytes of fast memory, for feature maps and for weights on their way from flash.
        least_sram: The same where memory counts more than speed, at `least_sram_ms`.
        flash: Bytes of what does not change, weights and what says how to compute; on a system without flash they lie in DRAM.
        arena: Bytes of the least arena in which TFLM runs the file; `arena_maps`: those of feature maps, which take turns.
        on_cpu: Operators that the accelerator does not take, `SOFTMAX (head)`.
        images: How many were computed here as the device would; `same_as_litert`: on how many the output was to the bit that
            of LiteRT's reference kernels; `largest_difference`: of a probability.
        cause: Why there is no estimate.
    """

    target: str
    estimated_by: str
    cycles: int | None = None
    inferences_per_second: float | None = None
    ms: float | None = None
    sram: int | None = None
    least_sram: int | None = None
    least_sram_ms: float | None = None
    flash: int | None = None
    arena: int | None = None
    arena_maps: int | None = None
    on_cpu: tuple[str, ...] = ()
    images: int | None = None
    same_as_litert: int | None = None
    largest_difference: float | None = None
    cause: str | None = None

    @property
    def memory(self) -> int | None:
        """Bytes that feature maps and what is needed beside them take."""
        return self.sram if self.sram is not None else self.arena

    def document(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "on_cpu": list(self.on_cpu)}
