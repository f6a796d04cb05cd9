"""What a search will cost, before it starts, and what shows in a minute that it will run."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from archlab.forecast import Plan
from archlab.runs import Run, Store
from archlab.study.ablating import planned_runs, runs_of
from archlab.study.latency import networks_to_time
from archlab.study.search.backends import JOURNAL, open_storage
from archlab.study.search.basis import datasets_met, reference_runs, rungs_of
from archlab.study.search.designs import Designs
from archlab.study.search.final import final_study, unseen_runs
from archlab.study.search.sampler import ExhaustedError, propose
from archlab.study.search.storage import find_search
from archlab.study.search.trials import Trials
from archlab.study.search_settings import search_name

SAMPLED = 3


def tried_before(designs: Designs, store: Store, storage: str | None) -> int:
    """How many designs were tried in the storage of a search, which is as `archlab search` takes it. Begins no search."""
    folder = store.home / "studies" / search_name(designs.study.name)
    if "://" not in (storage or "") and not Path(storage or folder / JOURNAL).exists():
        return 0  # and no journal is made
    _, study = find_search(open_storage(storage, folder), designs)
    return Trials(study).tried() if study else 0


def forecast(designs: Designs, trials: int, plan: Callable[[list[Run]], Plan], *, tried: int = 0) -> dict[str, Any]:
    """Seconds of work, and of wall time on the plan's workers, by part: references, those of the trials that were not tried
    before, final, and where there are such, the final table's datasets that the search does not see (unseen).

    Where the budget limits latency, also how many networks are timed, at least (networks_to_time).

    What `plan` predicts for runs of references, or stored ones took, counts for those of designs too. Trials take longer than
    said where early designs, which have few to be compared with, go on; the final table where its recipe is longer than theirs.
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
    keep = 1.0 if study.search.second_objective else study.search.keep
    left = max(trials - tried, 0)
    ahead = runs_of_trials(left, len(references) // number, met, keep)
    known = 0 if study.search.recipe else met  # their own trials are the runs with the first seed
    last = study.search.finalists * (len(study.seeds) * number - known)
    work = {"references": first.work, "trials": ahead * seconds, "final": again.work + last * seconds}
    runs = {
        "references": len(references),
        "trials": round(ahead),
        "final": len(again.stored) + len(again.missing) + last,
    }
    if beside := unseen_runs(designs, planned_runs):
        planned = plan(beside)
        took = [found["seconds"] for run in planned.stored if (found := store.get(run.key))]
        more = study.search.finalists * len(study.seeds) * len(study.unseen)
        seconds = statistics.mean([*planned.predicted.values(), *took] or [0.0])
        work["unseen"], runs["unseen"] = planned.work + more * seconds, len(beside) + more
    total = sum(work.values())
    timing = {}
    if study.budget.latency:
        timing["networks_to_time"] = networks_to_time(final_study(designs, [], None), store) + left
    return {
        "study": study.name,
        "trials": trials,
        "tried": trials - left,
        "runs": runs,
        "work_seconds": {**work, "all": total},
        "workers": first.workers,
        "wall_seconds": total / first.workers,
        **timing,
    }


def runs_of_trials(trials: int, references: int, datasets: int, keep: float) -> float:
    """How many datasets so many designs meet together, at least where they are better than the references: at each rung the
    best share of both goes on."""
    runs, designs = 0.0, float(trials)
    for number in range(1, datasets + 1):
        runs += designs
        if number in rungs_of(datasets):
            designs = min(designs, keep * (designs + references))
    return runs


def smoke_runs(designs: Designs) -> list[Run]:
    """The runs of the references, of the designs to start with, and of a few that the sampler proposes. Raises UserError."""
    tried = {design.digest: design for design in designs.start()}
    for number in range(SAMPLED):
        with suppress(ExhaustedError):  # a small space
            design = propose(designs, None, [], tried, designs.study.search.seed + number)
            tried[design.digest] = design
    datasets = designs.study.suite.datasets
    beside = unseen_runs(designs, runs_of)
    return [
        *reference_runs(designs),
        *beside,
        *(designs.run(design, name) for design in tried.values() for name in datasets),
    ]
