"""How much of the bare step's speed the whole training loop reaches: the step alone on one batch that lies ready."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from archlab.bench.laps import Contender, Contest, Lap
from archlab.bench.material import cut
from archlab.bench.measured import Bench, Spread

DATASET, STEPS = "textures", 20
REACHED = "all references, median"


def bench_step(home: Path, *, repeats: int, progress: Callable[[str], None]) -> Bench:
    """The quick recipe on each reference fitted to 2.5 M parameters; CPU time."""
    from archlab.architecture import references

    bench = Bench("step", {"recipe": "quick", "dataset": DATASET, "steps_a_portion": STEPS, "threads": 1})
    for name in references():
        progress(name)
        contender = Contender(f"{__name__}:loop_and_step", {"home": str(home), "name": name})
        with Contest({name: [contender]}) as contest:
            # odd portions are the loop's, even ones the bare step's
            rounds = [{"loop": contest.round()[name], "bare step": contest.round()[name]} for _ in range(repeats)]
        bench.add(rounds, "cpu", "loop", f"{name}: ")
    bench.ratios = {name.removesuffix(": bare step"): spread for name, spread in bench.ratios.items()}
    bench.ratios[REACHED] = Spread.of([spread.median for spread in bench.ratios.values()])
    bench.least = {REACHED: 0.97}
    return bench


def loop_and_step(lap: Lap, *, home: str, name: str) -> None:
    """A contender that alternates between an epoch of `archlab.training.loop.train` and as many bare steps."""
    from archlab.architecture import InputSpec, architecture
    from archlab.budget import Budget, fit_width
    from archlab.training.loop import train
    from archlab.training.reading import load_recipe

    recipe = replace(load_recipe("quick"), epochs=10**6, steps=None)
    images = cut(home, DATASET, 32, recipe.batch_size * STEPS)
    design = architecture(name)
    width = fit_width(design, InputSpec(images.num_classes), Budget())
    step = _bare_step(design, width, images, recipe)

    def after_epoch(row: dict[str, Any]) -> None:
        if row["epoch"] > 1:  # the first is the loop's warm-up
            lap(recipe.batch_size * STEPS)
        for _ in range(STEPS):
            step()
        lap(recipe.batch_size * STEPS)

    train(design, images, recipe, 0, width=width, on_epoch=after_epoch)


def _bare_step(design: Any, width: float, images: Any, recipe: Any) -> Callable[[], None]:
    import torch
    import torch.nn.functional as F

    from archlab.architecture import InputSpec, build_model
    from archlab.training.optimizer import make_optimizer

    model = build_model(design, InputSpec(images.num_classes, 32), width)
    model = model.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimizer = make_optimizer(model, recipe)
    inputs = torch.randn(recipe.batch_size, 3, 32, 32).to(memory_format=torch.channels_last)
    labels = torch.randint(images.num_classes, (recipe.batch_size,))

    def step() -> None:
        F.cross_entropy(model(inputs), labels, label_smoothing=recipe.label_smoothing).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step
