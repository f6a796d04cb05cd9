"""How long a network takes for one image, as it is deployed."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from archlab.foundation.machine import cpu_name

WARM_UP = 3  # images, and then for a fifth of the time
FEWEST = 5  # repeats, however slow the network


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds for one image: the median of `n` repeats, and `low_ms` to `high_ms`, the quartiles, as their spread."""

    median_ms: float
    low_ms: float
    high_ms: float
    n: int
    hardware: str

    @classmethod
    def of(cls, milliseconds: Sequence[float], hardware: str) -> Latency:
        """The summary of repeats on one hardware."""
        low, median, high = (float(value) for value in np.quantile(milliseconds, [0.25, 0.5, 0.75]))
        return cls(median, low, high, len(milliseconds), hardware)


def measure_latency(
    model: nn.Module,
    resolution: int,
    *,
    device: str | torch.device = "cpu",
    in_channels: int = 3,
    seconds: float = 0.25,
) -> Latency:
    """The latency of a module for one image of (in_channels, resolution, resolution), in `seconds` and a little more.

    What is timed is the deployed form: what the module's `fuse()` returns, where it has one, in evaluation mode, float32
    and channels_last; on a CPU with one thread. The module itself is left as it is.
    """
    hardware = hardware_of(device)
    return Latency.of(time_images(model, resolution, device=device, in_channels=in_channels, seconds=seconds), hardware)


def time_images(
    model: nn.Module,
    resolution: int,
    *,
    device: str | torch.device = "cpu",
    in_channels: int = 3,
    seconds: float = 0.25,
) -> list[float]:
    """The milliseconds of each repeat of `measure_latency`.

    Networks that are to be compared take turns, a short `seconds` each: then whatever else the machine does meets all.
    """
    place = torch.device(device)
    deployed = _deployed(model, place)
    image = torch.rand(1, in_channels, resolution, resolution, generator=torch.Generator().manual_seed(0))
    image = image.to(place, memory_format=torch.channels_last)

    def one() -> float:
        began = time.perf_counter()
        deployed(image)
        if place.type == "cuda":
            torch.cuda.synchronize(place)
        return 1000 * (time.perf_counter() - began)

    with torch.inference_mode(), _one_thread():
        _repeat(one, WARM_UP, seconds / 5)
        return _repeat(one, FEWEST, seconds)


def hardware_of(device: str | torch.device) -> str:
    """What a latency on a device was measured on, in words."""
    place = torch.device(device)
    return torch.cuda.get_device_name(place) if place.type == "cuda" else f"{cpu_name()}, one thread"


def _repeat(one: Callable[[], float], fewest: int, seconds: float) -> list[float]:
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < fewest or time.perf_counter() < end:
        times.append(one())
    return times


def _deployed(model: nn.Module, device: torch.device) -> nn.Module:
    own = copy.deepcopy(model).eval()
    fuse = getattr(own, "fuse", None)
    with torch.random.fork_rng(devices=[]):  # layers that fusing makes initialise themselves first
        fused = fuse() if fuse else own
    return fused.to(device, memory_format=torch.channels_last).eval()


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
