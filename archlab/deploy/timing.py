"""How long a network takes for one image, as it is deployed."""

from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from archlab.architecture import Network
from archlab.data.preprocessing import Preprocessing
from archlab.deploy.deployed import Deployed
from archlab.deploy.extras import onnx_runtime_version
from archlab.deploy.onnx_export import RESIZED, graph_of
from archlab.deploy.onnx_runtime import session_of
from archlab.deploy.quantising import MIN_MAX, Quantiser
from archlab.foundation.machine import cpu_name

TURNS = 3
FEWEST = 3  # images of a turn and of its warm-up, however slow the network


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds for one image: the median of `n` repeats, with `low_ms` and `high_ms`, the quartiles, as their spread.

    On a CPU they are of its time, which passes no faster where others compute beside it. `precision` is "float" or "int8",
    `hardware` says what computed, with what.
    """

    median_ms: float
    low_ms: float
    high_ms: float
    n: int
    hardware: str
    precision: str = "float"


def time_on_cpu(networks: Sequence[Network], resolution: int, *, seconds: float = 0.2) -> list[list[Latency]]:
    """Of each network its latencies in ONNX Runtime, in float and in int8, in some `seconds` each; those alone that can
    be made.

    What is timed is what ships, without resizing: the fused graph for one uint8 image (resolution, resolution, 3), on one
    thread. Values do not matter to it, so int8 is calibrated on noise. All take turns, each with a warm-up, so that whatever
    else the machine does meets all of them.
    """
    image = np.random.default_rng(0).integers(0, 256, (1, resolution, resolution, 3), dtype=np.uint8)
    sessions: list[tuple[int, str, Any]] = []
    for at, network in enumerate(networks):
        with torch.random.fork_rng(devices=[]):  # layers that fusing makes initialise themselves first
            module = Deployed(network, _plain(resolution)).eval()
        with suppress(Exception):  # whatever exporter, runtime and quantiser make of an unusual network
            plain = graph_of(module, resolution, batch=1)
            sessions.append((at, "float", session_of(plain.SerializeToString(), threads=1)))
            sessions.append((at, "int8", session_of(Quantiser(plain, image).quantised(MIN_MAX), threads=1)))
    times = in_turns([partial(session.run, None, {RESIZED: image}) for *_, session in sessions], seconds)
    found: list[list[Latency]] = [[] for _ in networks]
    for (at, precision, _), milliseconds in zip(sessions, times, strict=True):
        found[at].append(dataclasses.replace(latency_of(milliseconds, on_cpu()), precision=precision))
    return found


def time_on_gpu(networks: Sequence[nn.Module], resolution: int, *, seconds: float = 0.2) -> list[Latency]:
    """Of each network its latency in torch: one image, the fused network in evaluation mode, float32 and channels_last."""
    image = torch.rand(1, 3, resolution, resolution, generator=torch.Generator().manual_seed(0))
    image = image.to("cuda", memory_format=torch.channels_last)

    def call(network: nn.Module) -> None:
        network(image)
        torch.cuda.synchronize()

    with torch.inference_mode():
        times = in_turns(
            [partial(call, _fused(network).to("cuda")) for network in networks], seconds, time.perf_counter
        )
    return [latency_of(found, torch.cuda.get_device_name()) for found in times]


def on_cpu() -> str:
    """What computes where latencies are measured on a CPU."""
    return f"{cpu_name()}, one thread, CPU time, ONNX Runtime {onnx_runtime_version()}"


def in_turns(
    calls: Sequence[Callable[[], object]], seconds: float, clock: Callable[[], float] = time.thread_time
) -> list[list[float]]:
    """Milliseconds of the repeats of each call, which take turns for some `seconds` each, with a warm-up before every turn.

    Args:
        clock: What measures them; that of this thread's work on the CPU by default, which others who compute do not lengthen.
    """
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(TURNS):
        for call, found in zip(calls, times, strict=True):
            _repeat(call, seconds / TURNS / 4, clock)
            found += _repeat(call, seconds / TURNS, clock)
    return times


def _repeat(call: Callable[[], object], seconds: float, clock: Callable[[], float]) -> list[float]:
    """Milliseconds of each call, for so long and at least FEWEST times."""
    found: list[float] = []
    end = time.perf_counter() + seconds
    while len(found) < FEWEST or time.perf_counter() < end:
        began = clock()
        call()
        found.append(1000 * (clock() - began))
    return found


def latency_of(milliseconds: Sequence[float], hardware: str) -> Latency:
    low, median, high = (float(value) for value in np.quantile(milliseconds, [0.25, 0.5, 0.75]))
    return Latency(median, low, high, len(milliseconds), hardware)


def _fused(model: nn.Module) -> nn.Module:
    own = copy.deepcopy(model).eval()
    fuse = getattr(own, "fuse", None)
    with torch.random.fork_rng(devices=[]):  # layers that fusing makes initialise themselves first
        fused: nn.Module = fuse() if fuse else own
    return fused.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # in torch, not in its stubs


def _plain(resolution: int) -> Preprocessing:
    return Preprocessing(resolution, "stretch", 255, (0.5,) * 3, (0.5,) * 3)


@contextmanager
def one_thread() -> Iterator[None]:
    """torch computes with one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
