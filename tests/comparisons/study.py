"""The quick study's training as archlab's workers do it, against a plain script, one run after another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from archlab.bench.laps import Contender, Lap, rounds_of
from archlab.bench.material import cut
from archlab.bench.measured import Bench, Spread

STUDY, DATASET, STEPS = "quick", "textures", 15
WHOLE = "the study"


def bench_study(home: Path, *, repeats: int, progress: Callable[[str], None]) -> Bench:
    """Every model of the quick study, images per wall second: two workers against one process of two threads."""
    from archlab.study.design import Designer
    from archlab.study.loading import load_study

    bench = Bench("study", {"study": STUDY, "dataset": DATASET, "steps_a_portion": STEPS}, least={WHOLE: 2.0})
    rounds_by_model = {}
    for model in Designer(load_study(STUDY, home=home), home).designs():
        progress(model.name)
        arguments = {"home": str(home), "architecture": model.architecture.canonical(), "width": model.width}
        fast, plain = f"{__name__}:with_archlab", f"{__name__}:with_a_plain_script"
        contenders = {
            "archlab": [Contender(fast, arguments), Contender(fast, arguments)],
            "plain": [Contender(plain, arguments, threads=2, allocator=False)],
        }
        rounds_by_model[model.name] = rounds_of(contenders, repeats, progress)
        bench.add(rounds_by_model[model.name], "wall", "archlab", f"{model.name}: ")
    # a study has as many images of every model: its time is the sum of theirs
    seconds = {
        side: [
            sum(rounds[number][side].wall / rounds[number][side].images for rounds in rounds_by_model.values())
            for number in range(repeats)
        ]
        for side in ("archlab", "plain")
    }
    ratios = [plain / fast for fast, plain in zip(seconds["archlab"], seconds["plain"], strict=True)]
    bench.ratios = {name.removesuffix(": plain"): spread for name, spread in bench.ratios.items()}
    bench.ratios[WHOLE] = Spread.of(ratios)
    return bench


def with_archlab(lap: Lap, *, home: str, architecture: dict, width: float) -> None:
    """A contender: `archlab.training.loop.train`, an epoch a portion."""
    from archlab.architecture import from_canonical
    from archlab.training.loop import train
    from archlab.training.reading import load_recipe

    recipe = replace(load_recipe("quick"), epochs=10**6, steps=None)
    count = recipe.batch_size * STEPS
    images = cut(home, DATASET, 32, count)
    train(from_canonical(architecture, "model"), images, recipe, 0, width=width, on_epoch=lambda row: lap(count))


def with_a_plain_script(lap: Lap, *, home: str, architecture: dict, width: float) -> None:
    """A contender: `tests.comparisons.plain.train_plainly`, an epoch a portion."""
    from archlab.architecture import from_canonical
    from archlab.training.reading import load_recipe
    from tests.comparisons.plain import train_plainly

    recipe = replace(load_recipe("quick"), epochs=10**6, steps=None)
    images = cut(home, DATASET, 32, recipe.batch_size * STEPS)
    design = from_canonical(architecture, "model")
    train_plainly(design, images, recipe, 0, width=width, on_epoch=lambda steps: lap(steps * recipe.batch_size))
