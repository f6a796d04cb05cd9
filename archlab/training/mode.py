"""The execution mode: everything outside a run's key that its last digits or its speed may depend on."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
import torch

from archlab.foundation import UserError
from archlab.foundation.machine import cpu_name


def settle_device(device: str) -> torch.device:
    """`auto` is a GPU where there is one. Raises UserError for one that is not there."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    elif device == "cuda" and not torch.cuda.is_available():
        raise UserError("there is no GPU that torch can use: --device cpu")
    return torch.device(device)


def precision_of(device: torch.device, precision: str = "mixed") -> AbstractContextManager:
    """mixed: bfloat16 autocast on a GPU that computes in it, else float32: on a CPU bfloat16 is slower. float32: everywhere."""
    return torch.autocast("cuda", torch.bfloat16) if _is_mixed(device, precision) else nullcontext()


def _is_mixed(device: torch.device, precision: str) -> bool:
    """NVIDIA's GPUs before Ampere hold bfloat16, but there are no convolutions in it for them."""
    return device.type == "cuda" and precision == "mixed" and torch.cuda.is_bf16_supported(including_emulation=False)


@contextmanager
def reproducible(device: torch.device, deterministic: bool) -> Iterator[None]:
    """Leaves the process's random numbers and settings as they were. `deterministic`: bit-equal kernels on a GPU too."""
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    if deterministic and device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        try:
            torch.use_deterministic_algorithms(deterministic)
            torch.backends.cudnn.benchmark = device.type == "cuda" and not deterministic
            yield
        finally:
            torch.use_deterministic_algorithms(before[0])
            torch.backends.cudnn.benchmark = before[1]


def execution_mode(device: torch.device, deterministic: bool, precision: str, *, graphed: bool) -> dict[str, Any]:
    """Device, precision, threads, versions, hardware and allocator of this process, as plain JSON values.

    `graphed`: whether the steps were replays of a CUDA graph.
    """
    cuda = device.type == "cuda"
    return {
        "device": device.type,
        "hardware": torch.cuda.get_device_name(device) if cuda else cpu_name(),
        "precision": "bfloat16" if _is_mixed(device, precision) else "float32",
        "memory_format": "channels_last",
        "step": "graph" if graphed else "eager",
        "threads": torch.get_num_threads(),
        "deterministic": deterministic or not cuda,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "platform": f"{platform.system()} {platform.machine()}",
        "capability": torch.backends.cpu.get_cpu_capability(),
        "allocator": {
            name: value
            for name, value in sorted(os.environ.items())
            if name.startswith("MALLOC_") or name in ("GLIBC_TUNABLES", "LD_PRELOAD")
        },
    }


def peak_memory(device: torch.device) -> int:
    """Bytes: of the device where it is a GPU, else the most that this process has had in memory."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:  # not on Windows
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if platform.system() == "Darwin" else most * 1024
