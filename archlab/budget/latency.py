"""How long a network takes for one image, as it is deployed."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import nn

from archlab.foundation.machine import cpu_name

TURNS = 3
FEWEST = 3  # images of a turn and of its warm-up, however slow the network


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds for one image: the median of `n` repeats, with `low_ms` and `high_ms`, the quartiles, as their spread."""

    median_ms: float
    low_ms: float
    high_ms: float
    n: int
    hardware: str


def measure_latencies(
    models: Sequence[nn.Module],
    resolution: int,
    *,
    device: str | torch.device = "cpu",
    seconds: float = 0.2,
) -> list[Latency]:
    """The latency of each module for one image of (3, resolution, resolution), in some `seconds` each.

    What is timed is the deployed form: what the module's `fuse()` returns, where it has one, in evaluation mode, float32
    and channels_last; on a CPU with one thread. The modules take turns, each with a warm-up, so that whatever else the
    machine does meets all of them. They are left as they are.
    """
    place = torch.device(device)
    image = torch.rand(1, 3, resolution, resolution, generator=torch.Generator().manual_seed(0))
    image = image.to(place, memory_format=torch.channels_last)

    def call(network: nn.Module) -> None:
        network(image)
        if place.type == "cuda":
            torch.cuda.synchronize(place)

    with torch.inference_mode(), one_thread():
        times = in_turns([partial(call, deployed(model, place)) for model in models], seconds)
    hardware = torch.cuda.get_device_name(place) if place.type == "cuda" else f"{cpu_name()}, one thread"
    return [latency_of(found, hardware) for found in times]


def in_turns(calls: Sequence[Callable[[], object]], seconds: float) -> list[list[float]]:
    """Milliseconds of the repeats of each call, which take turns for some `seconds` each, with a warm-up before every turn."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(TURNS):
        for call, found in zip(calls, times, strict=True):
            _repeat(call, seconds / TURNS / 4)
            found += _repeat(call, seconds / TURNS)
    return times


def _repeat(call: Callable[[], object], seconds: float) -> list[float]:
    """Milliseconds of each call, for so long and at least FEWEST times."""
    found: list[float] = []
    end = time.perf_counter() + seconds
    while len(found) < FEWEST or time.perf_counter() < end:
        began = time.perf_counter()
        call()
        found.append(1000 * (time.perf_counter() - began))
    return found


def latency_of(milliseconds: Sequence[float], hardware: str) -> Latency:
    low, median, high = (float(value) for value in np.quantile(milliseconds, [0.25, 0.5, 0.75]))
    return Latency(median, low, high, len(milliseconds), hardware)


def deployed(model: nn.Module, device: torch.device) -> nn.Module:
    """A copy in the form that ships: fused, in evaluation mode and channels_last."""
    own = copy.deepcopy(model).eval()
    fuse = getattr(own, "fuse", None)
    with torch.random.fork_rng(devices=[]):  # layers that fusing makes initialise themselves first
        fused: nn.Module = fuse() if fuse else own
    return fused.eval().to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


@contextmanager
def one_thread() -> Iterator[None]:
    """torch computes with one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
