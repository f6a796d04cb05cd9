"""What a search will cost, before it starts."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable
from typing import Any

from archlab.runs import Plan, Run, Store
from archlab.study.search.beginning import datasets_met, reference_runs
from archlab.study.search.designs import Designs
from archlab.study.search.rungs import places
from archlab.study.search.second_objective import second_objective


def forecast(designs: Designs, trials: int, plan: Callable[[list[Run]], Plan]) -> dict[str, Any]:
    """Seconds of work, and of wall time on the plan's workers, by part: references, trials, finale.

    What `plan` predicts for runs of references, or stored ones took, counts for those of designs too; at each rung, the
    share that is to go on does. The finale is at least as long as said where its recipe is longer than the search's.
    """
    study = designs.study
    references = reference_runs(designs)
    first = plan(references)
    others = [seed for seed in study.seeds if seed != study.seeds[0] or study.search.recipe]
    again = plan([dataclasses.replace(run, seed=seed) for run in references for seed in others])
    store = Store(designs.home)
    took = [found["seconds"] for run in (*first.stored, *again.stored) if (found := store.get(run.key))]
    seconds = statistics.mean([*first.predicted.values(), *again.predicted.values(), *took] or [0.0])
    number = len(study.suite.datasets)
    met = datasets_met(study, number, len(references) // number)
    tried = trials * runs_a_trial(met, study.search.keep if second_objective(study) is None else 1.0)
    last = study.search.finalists * len(study.seeds) * number
    work = {"references": first.work, "trials": tried * seconds, "finale": again.work + last * seconds}
    total = sum(work.values())
    runs = {
        "references": len(references),
        "trials": round(tried),
        "finale": len(again.stored) + len(again.missing) + last,
    }
    return {
        "study": study.name,
        "trials": trials,
        "runs": runs,
        "work_seconds": {**work, "all": total},
        "workers": first.workers,
        "wall_seconds": total / first.workers,
    }


def runs_a_trial(datasets: int, keep: float) -> float:
    """How many datasets a design meets on average, where the share that is to go on at a rung does."""
    return sum(keep ** sum(place < number for place in places(datasets)) for number in range(1, datasets + 1))
