"""Computing a study's runs: planned first, then whatever is not stored, the longest first."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from archlab.data import Need, entry
from archlab.data.prepared import folder
from archlab.executors import TRAIN, Interrupted, Outcome, Settings, Task, execute, one_server
from archlab.forecast import Plan, check_counts, plan
from archlab.foundation.words import counted
from archlab.runs import Run, Store
from archlab.study.progress import Progress
from archlab.study.resolved import ResolvedStudy

if TYPE_CHECKING:
    from archlab.study.study import Study


def training_of(study: Study | ResolvedStudy) -> Task:
    """What is done with each of a study's runs."""
    return TRAIN if study.class_scores else Task(TRAIN.function, {"class_scores": False})


@one_server()
def compute(
    what: str,
    runs: Iterable[Run],
    store: Store,
    settings: Settings,
    progress: Progress,
    task: Task = TRAIN,
    *,
    measure: bool = True,
) -> tuple[Plan, Outcome]:
    """The plan of the runs, and what became of them.

    `what` says in words what they are. With `measure` the machine's speed is measured where nothing tells what they will
    take. Raises UserError where a model that is to be trained is counted otherwise by fvcore; Interrupted after Ctrl-C, when
    everything finished is stored.
    """
    runs = list({run.key: run for run in runs}.values())
    missing = [run for run in runs if run.key not in store]
    check_counts(missing, store, settings, progress.say)
    planned = Plan(runs, [], 1)  # which needs no torch, as planning on a machine with a GPU does
    if missing:
        planned = plan(runs, store, settings, measure=measure, on_event=progress.measuring)
    with progress.computing(what, planned) as hear:
        try:
            return planned, execute([*planned.stored, *planned.runs], store, settings, task=task, on_event=hear)
        except Interrupted as interrupted:
            done, count = len(interrupted.outcome.results), len(planned.stored) + len(planned.missing)
            progress.say(
                f"interrupted: {done} of {counted(count, 'run is', 'runs are')} stored; the same command goes on from there"
            )
            raise


def announce_preparation(needed: Iterable[Need], home: Path, progress: Progress) -> None:
    """Says which datasets will be prepared first: the sample ones, which prepare themselves."""
    missing = {need.name: None for need in needed if entry(need.name, home).sample and not folder(home, *need).exists()}
    if missing:
        progress.say(f"preparing {', '.join(missing)}")
