"""How runs are computed, and what is done with each."""

from __future__ import annotations

import importlib
import logging
import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from archlab.foundation import UserError
from archlab.foundation.machine import core_count, gpu_count
from archlab.foundation.own_code import is_own, own_code

EXECUTORS = ("local", "ray")

_log = logging.getLogger("archlab")


@dataclass(frozen=True)
class Settings:
    """How runs are computed: made once, and handed on whole.

    Args:
        executor: "local", "ray", or a user's own as `FILE.py:NAME` (see `archlab.executors.executor`).
        workers: Runs at once on this machine; None for as many as suit it. A Ray cluster computes as many as it has room
            for, and these are only planned with.
        address: Of the Ray cluster: "auto", HOST:PORT, or None for a cluster of this machine alone.
        gpus: The share of a GPU that Ray gives to a run.
        retries: How often a run that failed is tried again, behind all others.
        time_limit: Seconds of one attempt of one run; None: no limit.
        fail_fast: Whether the first failed run ends all.
        device: "cpu", "cuda", or "auto": a GPU where there is one.
        deterministic: Bit-equal repetition on a GPU too, at some cost.
    """

    executor: str = "local"
    workers: int | None = None
    address: str | None = None
    gpus: float = 0.0
    retries: int = 1
    time_limit: float | None = None
    fail_fast: bool = False
    device: str = "auto"
    deterministic: bool = False

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise UserError(f"{self.workers} workers cannot do anything; at least 1 is needed")
        if not 0 <= self.gpus < math.inf or (self.gpus > 1 and self.gpus % 1):
            raise UserError(f"a run's share of a GPU is from 0 to 1, or whole GPUs, not {self.gpus:g}")
        if self.time_limit is not None and not self.time_limit >= 0:
            raise UserError(f"a time limit is a number of seconds, not {self.time_limit:g}")
        if self.device not in ("auto", "cpu", "cuda"):
            raise UserError(f"a device is auto, cpu or cuda, not {self.device!r}")
        if self.executor not in EXECUTORS and not is_own(self.executor):
            raise UserError(f"there is no executor {self.executor!r}", name=self.executor, known=EXECUTORS, listed=True)
        if is_own(self.executor):
            own_code(self.executor)  # tells that it is not there before anything is measured
        if self.executor == "ray":
            import_ray()  # tells that it is not installed before anything is measured
            if self.address is not None:
                check_address(self.address)
        elif self.address or self.gpus:
            raise UserError("an address and GPU shares are for the executor ray")

    @property
    def at_once(self) -> int:
        """Runs at once: `workers`, else as many as the GPUs have room for, else one a core."""
        return self.workers or self.on_gpus(self.gpus_here) or core_count()

    def on_gpus(self, gpus: float) -> int:
        """How many runs so many GPUs have room for: one each, or as many as have their share there, which is never on two."""
        return int(gpus * max(int(1 / self.gpus), 1) / max(self.gpus, 1)) if self.gpus else int(gpus)

    @property
    def settled_device(self) -> str:
        """The CPU where Ray gives runs no share of a GPU, since all of a node would take its first one."""
        return "cpu" if self.executor == "ray" and self.device == "auto" and not self.gpus else self.device

    @property
    def gpus_here(self) -> int:
        """GPUs of this machine that runs may use."""
        there = gpu_count() if self.settled_device != "cpu" else 0
        return there if there and torch_has_gpus() else 0


@dataclass(frozen=True)
class Task:
    """What is done with every run.

    Args:
        function: `package.module:function`, called in a worker as `archlab.executors.worker.perform` says.
        options: More keyword arguments of the function, JSON values, beside `device` and `deterministic`.
        keep: Whether results are stored, and stored ones not computed again.
    """

    function: str = "archlab.executors.training:train_run"
    options: Mapping[str, Any] = field(default_factory=dict)
    keep: bool = True

    def arguments(self, settings: Settings) -> dict[str, Any]:
        """All keyword arguments of the function that are not the run's own."""
        return {"device": settings.device, "deterministic": settings.deterministic, **self.options}


TRAIN = Task()


@cache
def torch_has_gpus() -> bool:
    """Whether torch can use the GPUs that are there; said once where it cannot, as with a driver that is too old for it."""
    import torch  # takes seconds, and is asked where there is a GPU alone

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = torch.cuda.is_available()
    if not found:
        why = "".join(f": {each.message}".partition(" (Triggered")[0] for each in told)
        _log.warning("warning: torch %s can use no GPU here, so runs are computed on the CPU%s", torch.__version__, why)
    return found


def check_address(address: str) -> None:
    """Raises UserError where that is no address of a Ray cluster."""
    if address.startswith("ray://"):
        raise UserError(
            f"{address} is for Ray's client; a cluster's own address is `auto`, on one of its nodes, or HOST:PORT"
        )
    host_and_port = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[\w.-]+):(\d{1,5})", address)
    if address != "auto" and not (host_and_port and 0 < int(host_and_port[2]) < 2**16):
        raise UserError(f"the address of a Ray cluster is `auto` or HOST:PORT, not {address!r}")


def import_ray() -> Any:
    """Raises UserError where Ray is not installed."""
    try:
        return importlib.import_module("ray")
    except ImportError:
        raise UserError("the executor 'ray' needs Ray: pip install 'archlab[ray]'") from None
