"""Counting a network and fitting its width by the closed form, against fvcore's count of the module."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from archlab.bench.measured import Spread
from archlab.foundation import UserError
from tests.comparisons.timed import Seconds, TimedBench, timed

if TYPE_CHECKING:
    from archlab.architecture import Architecture

RESOLUTION, CLASSES = 224, 120
CALLS = 20  # of the closed form in a round, each at a width of its own
COUNT, FIT, FVCORE = "closed form", "fitting the width", "fvcore"
ALL = "all references, median"
COUNT_LIMIT, FIT_LIMIT = 1e-3, 20e-3


def bench_budget(home: Path, *, repeats: int, progress: Callable[[str], None]) -> TimedBench:
    """Each reference fitted to 2.5 M parameters; ratios of CPU time. Raises UserError where fvcore counts anything else."""
    from archlab.architecture import architecture, references

    bench = TimedBench("budget", {"resolution": RESOLUTION, "classes": CLASSES, "params": "2.5M"})
    ratios = []
    for name in references():
        progress(name)
        rounds = _rounds(architecture(name), repeats)
        bench.add_seconds([{f"{name}: {action}": each[action] for action in each} for each in rounds])
        ratios.append(Spread.of([each[FVCORE]["cpu"] / each[COUNT]["cpu"] for each in rounds]))
        bench.ratios[f"{name}: fvcore to closed form"] = ratios[-1]
        bench.most |= {f"{name}: {COUNT}": COUNT_LIMIT, f"{name}: {FIT}": FIT_LIMIT}
    bench.ratios[ALL] = Spread.of([ratio.median for ratio in ratios])
    return bench


def _rounds(design: Architecture, repeats: int) -> list[dict[str, Seconds]]:
    from archlab.architecture import InputSpec, build_model
    from archlab.budget import Budget, count, fit_width, measure

    spec, budget = InputSpec(CLASSES, RESOLUTION), Budget()
    width = fit_width(design, spec, budget)
    model = build_model(design, spec, width)
    counted, measured = count(design, spec, width), measure(model, RESOLUTION)
    if counted != measured:
        raise UserError(f"{design.name}: the closed form counts {counted}, fvcore {measured}")
    widths = (width - number / 10_000 for number in range(repeats * CALLS))
    return [
        {
            COUNT: timed(lambda: count(design, spec, next(widths)), CALLS),
            FIT: timed(lambda: fit_width(design, spec, budget)),
            FVCORE: timed(lambda: measure(model, RESOLUTION)),
        }
        for _ in range(repeats)
    ]
