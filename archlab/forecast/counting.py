"""Models that are about to be trained, counted by fvcore: once for each architecture, class count and resolution."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from hashlib import sha256
from importlib.resources import files

from archlab.executors.settings import Settings, Task
from archlab.forecast.kept import keep_measurement, read_measurement
from archlab.forecast.planning import tries
from archlab.foundation import UserError
from archlab.foundation.words import counted
from archlab.runs.run import Run, digest
from archlab.runs.store import Store

COUNT = Task("archlab.forecast.measuring:count_run", keep=False)
COUNTING = ("blocks", "archlab/budget", "archlab/architecture")  # what decides a count


def check_counts(
    runs: Iterable[Run], store: Store, settings: Settings, announce: Callable[[str], None] | None = None
) -> None:
    """Counts the models of the runs where that was never done.

    A model that cannot be built or run is left to its training, which says so. `announce` is told what is done.
    Raises UserError where fvcore counts a model otherwise than the closed form, or nobody can count it.
    """
    wanted = {_name(run): run for run in runs}
    new = {name: run for name, run in wanted.items() if not read_measurement(store, "counts", name)}
    if not new:
        return
    if announce:
        announce(f"counting {counted(len(new), 'network')} with fvcore, once")
    problems = []
    for event in tries(new.values(), store, replace(settings, device="cpu"), COUNT):  # a worker a core, not one a GPU
        if event.kind == "finished" and event.detail["problem"]:
            problems.append(f"{event.run.model} on {event.run.dataset}: {event.detail['problem']}")
        elif event.kind == "finished":
            keep_measurement(store, "counts", _name(event.run), True)
    if problems:
        others = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise UserError(f"{problems[0]}{others}")


def _name(run: Run) -> str:
    decisive = [digest(run.architecture), run.width, run.num_classes, run.resolution, run.smallest_map, run.code]
    return digest([*decisive, _counting()])[:32]


@cache
def _counting() -> str:
    """Of the sources that count: closed forms are no part of a run's code."""
    whole = sha256()
    for package in COUNTING:
        folder = files(package.partition("/")[0]).joinpath(*package.split("/")[1:])
        for path in sorted(folder.iterdir(), key=lambda each: each.name):
            if path.name.endswith(".py"):
                whole.update(path.read_bytes())
    return whole.hexdigest()
