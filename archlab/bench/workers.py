"""What workers of one thread each bring."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from archlab.bench.laps import Contender, Lap, rounds_of
from archlab.bench.material import cut
from archlab.bench.measured import Bench

MODEL, DATASET, RESOLUTION, STEPS = "mobilenetv2", "textures", 32, 40
ONE, TWO = "one worker of two threads", "two workers of one thread"


def bench_workers(home: Path, *, repeats: int, progress: Callable[[str], None]) -> Bench:
    """The quick recipe's training by two processes of one thread against one process of two threads, wall time."""
    settings = {"model": MODEL, "resolution": RESOLUTION, "recipe": "quick", "steps_a_portion": STEPS}
    bench = Bench("workers", settings, least={ONE: 1.25})
    cut(home, DATASET, RESOLUTION, 1)  # tells where it cannot be had, before any process starts
    train, arguments = "archlab.bench.workers:train_portions", {"home": str(home)}
    contenders = {
        TWO: [Contender(train, arguments), Contender(train, arguments)],
        ONE: [Contender(train, arguments, threads=2)],
    }
    bench.add(rounds_of(contenders, repeats, progress), "wall", TWO)
    return bench


def train_portions(lap: Lap, *, home: str) -> None:
    """A contender: `archlab.training.loop.train`, an epoch a portion."""
    from archlab.architecture import architecture
    from archlab.training.loop import train
    from archlab.training.reading import load_recipe

    recipe = replace(load_recipe("quick"), epochs=10**6, steps=None)
    count = recipe.batch_size * STEPS
    train(architecture(MODEL), cut(home, DATASET, RESOLUTION, count), recipe, 0, on_epoch=lambda row: lap(count))
