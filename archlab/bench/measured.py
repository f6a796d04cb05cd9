"""What a measurement gives: spreads of rates and ratios, with the machine and the versions that they belong to."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from archlab.bench.laps import Portion
from archlab.foundation.machine import core_count, cpu_name, gpu_names

PACKAGES = ("archlab", "torch", "torchvision", "timm", "fvcore", "numpy", "pillow")


@dataclass(frozen=True)
class Spread:
    """Minimum, median and maximum of `n` repeats."""

    min: float
    median: float
    max: float
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(min(values), statistics.median(values), max(values), len(values))


@dataclass
class Bench:
    """One measurement. Rates are images per second of CPU or wall time; a ratio is of two values of one round, `least` what it
    is meant to reach, where something was promised.
    """

    name: str
    settings: dict[str, Any]
    rates: dict[str, dict[str, Spread]] = field(default_factory=dict)
    ratios: dict[str, Spread] = field(default_factory=dict)
    least: dict[str, float] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=lambda: machine())

    def add(self, rounds: list[dict[str, Portion]], clock: str, first: str, group: str = "") -> None:
        """Adds the rates of all contenders, and the ratios of `first` to every other, both by `clock` (cpu or wall)."""
        for name in rounds[0]:
            self.rates[group + name] = {
                kind: Spread.of([portions[name].images / getattr(portions[name], kind) for portions in rounds])
                for kind in ("cpu", "wall")
            }
            if name != first:
                self.ratios[group + name] = Spread.of([_ratio(portions, first, name, clock) for portions in rounds])

    def document(self) -> dict[str, Any]:
        return asdict(self)


def _ratio(portions: dict[str, Portion], first: str, other: str, clock: str) -> float:
    one, two = portions[first], portions[other]
    return (one.images / getattr(one, clock)) / (two.images / getattr(two, clock))


def machine() -> dict[str, Any]:
    """Hardware and versions."""
    return {
        "cpu": cpu_name(),
        "cores": core_count(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "gpus": list(gpu_names()),
        "platform": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
