"""A search from its beginning to its end."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archlab.deploy.extras import require
from archlab.executors import Interrupted, Outcome, Settings, open_executor, with_room
from archlab.foundation import UserError
from archlab.foundation.words import counted
from archlab.runs import Failure, Store
from archlab.study.ablating import runs_of, saved, tell_of_namesake
from archlab.study.ablation import Ablation, assess
from archlab.study.computing import compute, training_of
from archlab.study.latency import LIMITED, Stopwatch, check_latency
from archlab.study.loading import load_study
from archlab.study.measuring import check_measurable
from archlab.study.progress import Progress
from archlab.study.resolved import ResolvedStudy
from archlab.study.search.backends import open_storage
from archlab.study.search.basis import Basis, basis, reference_runs
from archlab.study.search.designs import Designs
from archlab.study.search.final import final_study, finalists, unseen_runs
from archlab.study.search.findings import TRIAL, document, save
from archlab.study.search.sampler import check_sampler
from archlab.study.search.scheduler import Scheduler
from archlab.study.search.storage import open_search, warm_start
from archlab.study.search.trials import ORDER, Trials
from archlab.study.search_settings import search_name
from archlab.study.settling import file_of
from archlab.study.source import StudySource
from archlab.study.space import space_size
from archlab.study.study import Study

if TYPE_CHECKING:
    import pandas as pd

MILLISECONDS = "reference_cpu_ms"  # beside ORDER a user attribute of a search: what all its processes agree on


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        document: That of `archlab search --json`.
        final: The final table.
        failed: Runs of references and finalists that failed; those of trials are in `trials`.
    """

    document: dict[str, Any]
    final: Ablation
    failed: list[Failure]

    def __repr__(self) -> str:
        """What it is and the winner, for notebooks: all that it holds fills screens."""
        winner = f"the best is {self.best['model']}" if self.best else "no design is complete"
        tried = counted(len(self.document["trials"]), "trial")
        return f"{self.final.study.name}: {tried}, {winner}, results in {self.folder}"

    @property
    def table(self) -> pd.DataFrame:
        """The final table, tidy: model, dataset, seed, split ("validation", "test"), metric, value."""
        return self.final.table

    @property
    def scores(self) -> pd.DataFrame:
        """As `Ablation.scores`, of the references and the best designs."""
        return self.final.scores

    @property
    def trials(self) -> pd.DataFrame:
        """A row a design that was tried: number, state, known, model, values, width, params, macs, latency_ms, xscore, ...;
        scores and latencies that are not known are NaN."""
        import pandas as pd

        rows = pd.DataFrame(self.document["trials"], columns=list(TRIAL))
        return rows.astype(dict.fromkeys(("latency_ms", "xscore", "mean", "variance"), float))

    @property
    def best(self) -> dict[str, Any] | None:
        """What the document says of the winner, its architecture `file` among it; None where no design is complete."""
        return self.document["best"]

    @property
    def folder(self) -> Path:
        return self.final.folder

    @property
    def failures(self) -> list[str]:
        """All runs that failed, in words."""
        tried = [trial for trial in self.document["trials"] if trial["failed"]]
        of_trials = [(trial["model"] or f"trial {trial['number']}", trial["failed"]) for trial in tried]
        return [*map(str, self.failed), *(f"{name}: {cause}" for name, cause in of_trials)]


def search(
    source: StudySource,
    store: Store,
    settings: Settings | None = None,
    progress: Progress | None = None,
    *,
    trials: int | None = None,
    storage: str | Path | None = None,
    resume: bool = False,
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
    if trials is not None and trials < 1:
        raise UserError(f"a search tries at least 1 design, not {trials}")
    settings, progress = settings or Settings(), progress or Progress()
    began, own = time.monotonic(), time.process_time()
    study = load_study(source, home=store.home)
    designs, task = Designs(study, store.home), training_of(study)
    _check_installed(study)
    designs.start()  # tells what is wrong in it before anything runs
    unseen_runs(designs, runs_of)  # likewise
    check_sampler(designs)
    references = reference_runs(designs)
    opened = open_storage(storage, store.home / "studies" / search_name(study.name))
    there = Trials(open_search(opened, designs))
    if resume and not there.all():
        raise UserError(f"there is no search of {study.name} to go on with", where=study.where)
    check_measurable(study.metric, references, store)
    of_references = final_study(designs, [], file_of(source))
    tell_of_namesake(of_references, store, progress)
    check_latency(of_references, store, settings.time_limit, progress.say)
    what, here = f"{study.name}: the references", with_room(settings)
    _, first = compute(what, references, store, here, progress, task, measure=False)
    if first.failed and settings.fail_fast:
        raise UserError(f"a reference failed, and designs are held against them: {first.failed[0]}")
    known, stopwatch = _agreed(designs, store, there, settings.time_limit)
    warm = warm_start(opened, there, designs, known, store, stopwatch)
    wanted = trials or study.search.trials
    for words in _opening_words(space_size(study), known, warm, there.tried(), wanted):
        progress.say(f"{study.name}: {words}")
    scheduler = Scheduler(designs, known, there, wanted, stopwatch=stopwatch, progress=progress)
    try:
        settings = with_room(settings)  # which may be more by now
        scheduler.run(open_executor(store, settings, task), settings.at_once, fail_fast=settings.fail_fast)
    except Interrupted:
        tried = f"{there.tried()} of {counted(wanted, 'trial')}"
        progress.say(f"interrupted: what has ended is kept ({tried}); the same command goes on from there")
        raise
    chosen = finalists(there, known, study.search.finalists)
    final = final_study(designs, chosen, file_of(source))
    ablation = _final_table(study.name, final, store, settings, progress, halted=scheduler.halted)
    described = document(ablation, chosen, designs, known, there, scheduler.exhausted)
    failed = list({each.run.key: each for each in first.failed + ablation.failed}.values())
    described["failed"] = [each.document() for each in failed]
    described["computed"] = first.computed + scheduler.computed + ablation.computed
    of_this_call = {"coordinating_seconds": time.process_time() - own, "wall_seconds": time.monotonic() - began}
    described["cost"] |= of_this_call
    found = Found(described, ablation, failed)

    def save_all() -> None:
        ablation.save()
        save(ablation, described, designs, there)

    try:
        progress.found(found)
    finally:
        trained = counted(described["computed"], "run was", "runs were")
        progress.say(f"{trained} trained; {saved(ablation, settings, save_all, progress.say)}")
    return found


def _check_installed(study: Study) -> None:
    """Raises UserError where networks are to be timed or quantised, and what does that is not installed."""
    for is_needed, by, at in (
        ("int8" in study.precision, "`precision: int8`", study.where),
        (study.budget.latency is not None, LIMITED, study.budget_where),
        (study.search.second_objective == "latency_ms", "`objective: xscore_and_latency`", study.where),
    ):
        if is_needed:
            require("onnx", by, at)


def _agreed(designs: Designs, store: Store, trials: Trials, time_limit: float | None) -> tuple[Basis, Stopwatch | None]:
    """The basis, and the stopwatch where latency counts; what was measured for them is what the first process of the search
    measured."""
    facts = trials.study.user_attrs
    known = basis(designs, store, facts.get(ORDER))
    trials.study.set_user_attr(ORDER, known.order)
    if designs.study.search.second_objective != "latency_ms" and not designs.study.budget.latency:
        return known, None
    stopwatch = Stopwatch(designs, designs.references[0], store, facts.get(MILLISECONDS), time_limit)
    trials.study.set_user_attr(MILLISECONDS, stopwatch.milliseconds)
    return known, stopwatch


def _final_table(
    name: str, study: ResolvedStudy, store: Store, settings: Settings, progress: Progress, *, halted: bool
) -> Ablation:
    """Of what is stored alone where a failed run has ended the search."""
    runs = runs_of(study, store.home)
    if halted:
        progress.say(f"{name}: a run failed, so the final table shows only what is stored")
        outcome = Outcome({run.key: stored for run in runs if (stored := store.get(run.key))})
    else:
        what, task = f"{name}: the final table", training_of(study)
        _, outcome = compute(what, runs, store, settings, progress, task, measure=False)
    return assess(study, runs, outcome, store)


def _opening_words(size: float, known: Basis, warm: int, there: int, wanted: int) -> list[str]:
    reference, xscore = known.best
    stands = (
        "" if known.subset is None else f" (they stand for all with a left-out R2 of {known.subset['left_out_r2']:.2f})"
    )
    middle = "half-way through the first and " if known.middle else ""
    after = " and ".join(str(rung) for rung in known.rungs if rung)
    stops = f"; {middle}after {after} of them the best {known.keep:.0%} go on" if known.rungs else ""
    words = [
        f"{counted(int(size), 'design')} in the space"
        if math.isfinite(size)
        else "endlessly many designs in the space",
        f"the best reference is {reference}, with an xScore of {xscore:.3f} on validation data",
        f"designs meet {', '.join(known.order)}{stands}{stops}",
    ]
    if warm:
        words.append(f"{counted(warm, 'design is', 'designs are')} known already")
    if there:
        words.append(f"{there} of {counted(wanted, 'trial is', 'trials are')} there")
    return words
