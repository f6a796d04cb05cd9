"""A search from its beginning to its end."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial

from archlab.executors import Interrupted, Outcome, Settings, open_executor
from archlab.foundation import UserError
from archlab.runs import Event, Store
from archlab.study.ablating import runs_of
from archlab.study.ablation import Ablation, assess
from archlab.study.computing import compute
from archlab.study.loading import load_study
from archlab.study.progress import Progress
from archlab.study.search.beginning import Basis, basis, reference_runs
from archlab.study.search.designs import Designs
from archlab.study.search.finale import final_study, finalists, search_name
from archlab.study.search.findings import Cost, document, save
from archlab.study.search.opening import open_search
from archlab.study.search.running import Searching
from archlab.study.search.second_objective import Stopwatch, second_objective
from archlab.study.search.trials import Trials, open_storage
from archlab.study.search.warm_start import warm_start
from archlab.study.shipped import study_path
from archlab.study.space import space_size

ORDER, MILLISECONDS = "datasets", "reference_ms"  # a search's user attributes: what all its processes agree on


@dataclass(frozen=True)
class Found:
    """What a search found: the document of `archlab search --json`, the folder of its files, runs that failed in words; and the
    final table."""

    document: dict[str, Any]
    failures: list[str]
    final: Ablation

    @property
    def folder(self) -> Path:
        return self.final.folder


def search(
    source: str | Path | dict,
    store: Store,
    settings: Settings | None = None,
    progress: Progress | None = None,
    *,
    trials: int | None = None,
    storage: str | None = None,
    resume: bool = False,
    on_event: Callable[[Event], None] | None = None,
) -> Found:
    """Searches a study. The same call goes on with a search that was interrupted, and joins one that others are at.

    Args:
        trials: How many there are to be in the storage; None: as the study says.
        storage: An Optuna URL or a journal file; None: a journal file in the store.
        resume: Whether it is an error when there is nothing to go on with.

    Raises:
        UserError: Anything wrong in the study; too few references.
        Interrupted: After Ctrl-C; what has ended is kept.
    """
    settings, progress = settings or Settings(), progress or Progress()
    began, own = time.monotonic(), time.process_time()
    study = load_study(source, home=store.home)
    designs = Designs(study, store.home)
    designs.start()  # tells what is wrong in it before anything runs
    references = reference_runs(designs)
    place = open_storage(storage, store.home / "studies" / search_name(study.name))
    there = Trials(open_search(place, designs))
    if resume and not there.all():
        raise UserError(f"there is no search of {study.name} to go on with", where=study.where)
    _, first = compute(f"{study.name}: the references", references, store, settings, progress, measure=False)
    facts = there.study.user_attrs
    known = basis(designs, store, facts.get(ORDER))
    there.study.set_user_attr(ORDER, known.rungs.order)
    stopwatch = None
    if second_objective(study) == "latency_ms":
        stopwatch = Stopwatch(designs, store, facts.get(MILLISECONDS))
        there.study.set_user_attr(MILLISECONDS, stopwatch.milliseconds)
    warm = warm_start(place, there, designs, known, store, stopwatch)
    wanted = trials or study.search.trials
    for words in _beginning(space_size(study), known, warm, there.tried(), wanted):
        progress.say(f"{study.name}: {words}")

    def heard(trial: FrozenTrial) -> None:
        scores = [each.user_attrs["xscore"] for each in there.history() if "xscore" in each.user_attrs]
        progress.trial(trial, max(scores, default=None))

    searching = Searching(designs, known, there, store, wanted, stopwatch=stopwatch, on_event=on_event, on_trial=heard)
    try:
        searching.run(open_executor(store, settings), settings.at_once, fail_fast=settings.fail_fast)
    except Interrupted:
        progress.say(
            f"interrupted: what has ended is kept ({there.tried()} of {wanted} trials); the same command goes on from there"
        )
        raise
    path = None if isinstance(source, dict) else str(study_path(source))
    final = final_study(designs, finalists(there, study.search.finalists), path)
    final_runs = runs_of(final, store.home)
    if searching.halted:
        progress.say(f"{study.name}: a run failed, so the final table shows only what is stored")
        last = Outcome({run.key: stored for run in final_runs if (stored := store.get(run.key))})
    else:
        _, last = compute(f"{study.name}: the final table", final_runs, store, settings, progress, measure=False)
    ablation = assess(final, final_runs, last, store)
    computed = first.computed + searching.computed + last.computed

    def spent() -> Cost:
        return Cost(time.process_time() - own, time.monotonic() - began, computed)

    found = document(ablation, designs, known, there, store, spent, searching.exhausted)
    failures = [str(failure) for failure in {each.run.key: each for each in first.failed + last.failed}.values()]
    failures += [f"{trial['model']}: {trial['failed']}" for trial in found["trials"] if trial["failed"]]
    result = Found(found, failures, ablation)
    progress.found(result)
    ablation.save()
    save(final.name, found, designs, there, store)
    ablation.save_latencies()
    return result


def _beginning(size: float, known: Basis, warm: int, there: int, wanted: int) -> list[str]:
    rungs, (reference, xscore) = known.rungs, known.best
    stands = (
        "" if known.subset is None else f" (they stand for all with a left-out R2 of {known.subset['left_out_r2']:.2f})"
    )
    middle = "half-way through the first and " if known.halfway else ""
    stops = (
        f"; {middle}after {' and '.join(map(str, rungs.places))} of them the best {rungs.keep:.0%} go on"
        if rungs.places
        else ""
    )
    words = [
        f"{size:,} designs in the space" if math.isfinite(size) else "endlessly many designs in the space",
        f"the best reference is {reference}, with an xScore of {xscore:.3f} on validation data",
        f"designs meet {', '.join(rungs.order)}{stands}{stops}",
    ]
    if warm:
        words.append(f"{warm} designs are known already")
    if there:
        words.append(f"{there} of {wanted} trials are there")
    return words
