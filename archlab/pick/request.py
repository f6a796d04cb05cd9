"""What `archlab pick` is asked for."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archlab.budget import Budget
from archlab.executors import Settings
from archlab.foundation import UserError, real
from archlab.foundation.metric import METRICS, METRICS_TO_CHOOSE_BY, Metric
from archlab.pick.photographs import Source

BALANCED = ("balanced_accuracy", "macro_f1")  # where each class counts alike, training weighs them alike too
LEAST_TIME = 60.0  # seconds
LARGEST_SEED = 2**31  # runs have a thousand seeds for each, and tables hold 2**63
LIMITS = ("params", "macs", "peak_memory", "flash", "latency")


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Attributes:
        source: The images.
        budget: The limits that every candidate keeps.
        within: Seconds.
        output: The folder that is written.
        int8: Whether the int8 file is wanted even where it loses accuracy.
        flip: Whether a mirror image is an example of the same class.
        seed: Counts repetitions: all runs have other seeds then.
        metric: One of METRICS_TO_CHOOSE_BY.
        command: The command that asks for it.
        began: When the time began, by `time.monotonic`.
    """

    source: Source
    budget: Budget
    within: float
    output: Path
    int8: bool = False
    flip: bool = True
    seed: int = 0
    metric: str = "accuracy"
    command: str = "archlab pick"
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        if self.metric not in METRICS_TO_CHOOSE_BY:
            what = (
                f"nothing is chosen by {self.metric}"
                if self.metric in METRICS
                else f"there is no metric {self.metric!r}"
            )
            raise UserError(what, name=self.metric, known=METRICS_TO_CHOOSE_BY)
        if dataclasses.replace(self.budget, fit="width") != Budget(
            **{name: getattr(self.budget, name) for name in LIMITS}
        ):
            raise UserError(f"the budget of a pick has numbers of {', '.join(LIMITS)}, and nothing else")
        if type(self.seed) is not int or not 0 <= self.seed <= LARGEST_SEED:
            raise UserError(f"a seed is a whole number from 0 to {LARGEST_SEED:,}, not {self.seed!r}")
        if self.within < LEAST_TIME:
            raise UserError(f"within {self.within:g} s nothing can be trained; {LEAST_TIME:g} s are the least")
        place = self.source.folder
        if place and place.is_dir() and real(self.output).is_relative_to(real(place)):
            raise UserError("would lie among the images: say another --output", where=str(self.output))

    @property
    def limits(self) -> dict[str, Any]:
        """Numbers: of parameters, multiply-accumulates, bytes, and milliseconds; None where there is no limit."""
        limits = {name: getattr(self.budget, name) for name in LIMITS}
        latency = limits.pop("latency")
        return {**limits, "latency_ms": latency}

    @property
    def judged_by(self) -> Metric:
        return METRICS[self.metric]

    @property
    def balance(self) -> bool:
        return self.metric in BALANCED

    def decisive(self, dataset_digest: str, settings: Settings) -> dict[str, Any]:
        """What the decisions of a pick rest on, beside measurements: another request, or way of computing, decides anew."""
        return {
            "dataset": dataset_digest,
            "limits": self.limits,
            "within": self.within,
            "flip": self.flip,
            "seed": self.seed,
            "metric": self.metric,
            "computed": [settings.executor, settings.workers, settings.device, settings.gpus],
        }
