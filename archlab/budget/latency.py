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
    networks = [_deployed(model, place) for model in models]
    times: list[list[float]] = [[] for _ in models]
    with torch.inference_mode(), _one_thread():
        for _ in range(TURNS):
            for network, found in zip(networks, times, strict=True):
                _repeat(partial(network, image), place, seconds / TURNS / 4)
                found += _repeat(partial(network, image), place, seconds / TURNS)
    hardware = torch.cuda.get_device_name(place) if place.type == "cuda" else f"{cpu_name()}, one thread"
    return [_summary(found, hardware) for found in times]


def _repeat(call: Callable[[], object], device: torch.device, seconds: float) -> list[float]:
    """Milliseconds of each call, for so long and at least FEWEST times."""
    found: list[float] = []
    end = time.perf_counter() + seconds
    while len(found) < FEWEST or time.perf_counter() < end:
        began = time.perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        found.append(1000 * (time.perf_counter() - began))
    return found


def _summary(milliseconds: Sequence[float], hardware: str) -> Latency:
    low, median, high = (float(value) for value in np.quantile(milliseconds, [0.25, 0.5, 0.75]))
    return Latency(median, low, high, len(milliseconds), hardware)


def _deployed(model: nn.Module, device: torch.device) -> nn.Module:
    own = copy.deepcopy(model).eval()
    fuse = getattr(own, "fuse", None)
    with torch.random.fork_rng(devices=[]):  # layers that fusing makes initialise themselves first
        fused: nn.Module = fuse() if fuse else own
    return fused.eval().to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
