"""Training on a GPU: the whole loop, its step as a CUDA graph and eager, several runs at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from archlab.bench.laps import Contender, Lap, rounds_of
from archlab.bench.material import cut
from archlab.bench.measured import Bench, Spread

MODEL, DATASET, STEPS = "mobilenetv2", "textures", 50
BATCHES = {224: 64, 32: 128}  # by resolution; seven processes lie on the card at once
TOGETHER = 4
LOOP, GRAPH, EAGER = "archlab's loop", "graphed step", "eager step"
SEVERAL = f"{TOGETHER} loops together"


def bench_gpu(home: Path, *, repeats: int, progress: Callable[[str], None]) -> Bench:
    """Images per second of wall time, channels_last; the same network, strides, batch and precision on all sides."""
    import torch

    if not torch.cuda.is_available():
        return Bench("gpu", {"not measured": "no CUDA device"})
    precision = "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    settings = {"model": MODEL, "dataset": DATASET, "steps_a_portion": STEPS, "precision": precision}
    bench = Bench("gpu", settings, least={f"{side} px: {SEVERAL} to one": 1.0 for side in BATCHES})
    for resolution, batch_size in BATCHES.items():
        bench.settings[f"batch_size_at_{resolution}"] = batch_size
        cut(home, DATASET, resolution, 1)  # tells where it cannot be had, before any process starts
        given = {"home": str(home), "resolution": resolution, "batch_size": batch_size}
        step = "archlab.bench.gpu:with_a_step"
        contenders = {
            LOOP: [Contender("archlab.bench.gpu:with_archlab", given)],
            GRAPH: [Contender(step, {**given, "graphed": True})],
            EAGER: [Contender(step, {**given, "graphed": False})],
            SEVERAL: [Contender("archlab.bench.gpu:with_archlab", given) for _ in range(TOGETHER)],
        }
        rounds = rounds_of(contenders, repeats, progress, f"{resolution} pixels, ")
        group = f"{resolution} px: "
        bench.add(rounds, "wall", LOOP, group)
        rates = [{name: each.images / each.wall for name, each in portions.items()} for portions in rounds]
        bench.ratios[f"{group}graphed step to eager"] = Spread.of([each[GRAPH] / each[EAGER] for each in rates])
        bench.ratios[f"{group}{SEVERAL} to one"] = Spread.of([each[SEVERAL] / each[LOOP] for each in rates])
    return bench


def with_archlab(lap: Lap, *, home: str, resolution: int, batch_size: int) -> None:
    """A contender: `archlab.training.loop.train`, an epoch a portion."""
    from archlab.architecture import architecture
    from archlab.training.loop import train
    from archlab.training.reading import load_recipe

    recipe = replace(load_recipe("quick"), batch_size=batch_size, epochs=10**6, steps=None)
    images = cut(home, DATASET, resolution, batch_size * STEPS)
    train(architecture(MODEL), images, recipe, 0, device="cuda", on_epoch=lambda row: lap(batch_size * STEPS))


def with_a_step(lap: Lap, *, home: str, resolution: int, batch_size: int, graphed: bool) -> None:
    """A contender: the loop's step on one batch that lies ready."""
    import torch
    import torch.nn.functional as F
    from torch import Tensor

    from archlab.training.graph import GraphedStep
    from archlab.training.mode import precision_of
    from archlab.training.optimizer import make_optimizer
    from archlab.training.reading import load_recipe

    device = torch.device("cuda")
    torch.backends.cudnn.benchmark = True
    model, images, labels = material(resolution, batch_size)
    optimizer = make_optimizer(model, load_recipe("quick"), capturable=graphed)

    def step(images: Tensor, labels: Tensor) -> None:
        with precision_of(device):
            loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    laps(lap, GraphedStep(step, device) if graphed else step, images, labels)


def material(resolution: int, batch_size: int) -> tuple[Any, Any, Any]:
    import torch

    from archlab.architecture import InputSpec, architecture, build_model

    model = build_model(architecture(MODEL), InputSpec(3, resolution))
    model = model.to("cuda", memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    images = torch.randn(batch_size, 3, resolution, resolution, device="cuda")
    labels = torch.randint(3, (batch_size,), device="cuda")
    return model, images.to(memory_format=torch.channels_last), labels


def laps(lap: Lap, step: Callable[[Any, Any], None], images: Any, labels: Any) -> None:
    import torch

    while True:
        for _ in range(STEPS):
            step(images, labels)
        torch.cuda.synchronize()
        lap(len(labels) * STEPS)
