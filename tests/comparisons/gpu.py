"""Training steps on a GPU: archlab's loop beside a step of timm's parts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from timm.optim import create_optimizer_v2
from torch import Tensor

from archlab.bench.gpu import BATCHES, LOOP, laps, material
from archlab.bench.laps import Contender, Lap, rounds_of
from archlab.bench.measured import Bench

TIMM = "timm's parts"


def bench_gpu(home: Path, *, repeats: int, progress: Callable[[str], None]) -> Bench:
    """Images per second of wall time, bfloat16, channels_last; the same network, strides and batch on both sides."""
    if not torch.cuda.is_available():
        return Bench("gpu", {"not measured": "no CUDA device"})
    bench = Bench("gpu", {"precision": "bfloat16", "batch_sizes": BATCHES})
    for resolution, batch_size in BATCHES.items():
        given = {"home": str(home), "resolution": resolution, "batch_size": batch_size}
        contenders = {
            LOOP: [Contender("archlab.bench.gpu:with_archlab", given)],
            TIMM: [Contender(f"{__name__}:with_timm", given)],
        }
        rounds = rounds_of(contenders, repeats, progress, f"{resolution} pixels, ")
        bench.add(rounds, "wall", LOOP, f"{resolution} px: ")
    return bench


def with_timm(lap: Lap, *, home: str, resolution: int, batch_size: int) -> None:
    """A contender: a step as timm's benchmark takes it, out of its parts around archlab's model, on one batch."""
    torch.backends.cudnn.benchmark = True
    model, images, labels = material(resolution, batch_size)
    optimizer = create_optimizer_v2(model, opt="sgd", lr=1e-4)
    criterion = torch.nn.CrossEntropyLoss()

    def step(images: Tensor, labels: Tensor) -> None:
        optimizer.zero_grad()
        with torch.autocast("cuda", torch.bfloat16):
            loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()

    laps(lap, step, images, labels)
