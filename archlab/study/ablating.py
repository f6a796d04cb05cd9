"""Ablation: every model of a study on every dataset with every seed, computed where not stored yet, then scored."""

from __future__ import annotations

import dataclasses
import errno
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path

from archlab.data import Expected, Need, Prepared, command_to_prepare, entry, open_prepared
from archlab.deploy.extras import require
from archlab.executors import Outcome, Settings
from archlab.forecast import plan, with_workers
from archlab.foundation import UserError, is_file, real
from archlab.foundation.json_files import read_json
from archlab.foundation.words import counted, duration, seconds_in
from archlab.runs import Failure, Run, Store
from archlab.runs.standing import keys_named
from archlab.study.ablation import Ablation, assess
from archlab.study.computing import announce_preparation, compute, training_of
from archlab.study.latency import check_installed, check_latency
from archlab.study.measuring import check_measurable
from archlab.study.on_this_machine import save_int8, save_latencies
from archlab.study.progress import Progress
from archlab.study.resolved import ResolvedStudy
from archlab.study.resolving import resolve
from archlab.study.shared_images import shared_test_images
from archlab.study.source import StudySource
from archlab.study.tuning import of_tries, planned_tuning, tune
from archlab.study.until import ablate_until_decided, in_rounds

READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


def ablate(
    source: StudySource,
    store: Store,
    settings: Settings | None = None,
    progress: Progress | None = None,
    *,
    until: str | None = None,
    within: str | float | None = None,
) -> Ablation:
    """Computes what the store lacks of a study, scores it, and writes what was found into the store.

    Failed runs are listed and the rest goes on. `until="decided"`: seeds come in rounds, and only where a contrast is open;
    `within` so long (`"2h"`, or seconds).

    Raises:
        UserError: Before anything is trained: the study is wrong, a model above the budget, or a dataset not prepared.
        Interrupted: After Ctrl-C, when everything finished is stored.
    """
    progress, settings = progress or Progress(), settings or Settings()
    seconds = time_within(until, within)
    study, runs = study_and_runs(source, store, progress, until=until)
    tell_of_namesake(study, store, progress)
    check_measurable(study.metric, runs, store)
    check_latency(study, store, settings.time_limit, progress.say)
    if shared := shared_test_images(study, store.home):
        progress.say(shared)
    tuned, before, began = None, 0, time.monotonic()
    if study.tune:
        check_time(study, store, settings, seconds, progress)
        first = _compute_upstream(of_tries(study), store, settings, progress)
        if first.failed:
            raise UserError(f"what tries stand on has failed, so nothing is chosen: {first.failed[0]}")
        tuned = tune(study, lambda study: runs_of(study, store.home), store, settings, progress)
        before = first.computed + tuned.computed
        study, runs = tuned.study, runs_of(tuned.study, store.home)
        check_measurable(study.metric, runs, store)
    first = _compute_upstream(study, store, settings, progress)
    seconds = None if seconds is None else max(seconds - (time.monotonic() - began), 0.0)
    if until:
        if first.failed:
            raise UserError(f"what runs stand on has failed, so they cannot be held against others: {first.failed[0]}")
        ablation = ablate_until_decided(study, runs_of, store, settings, progress, seconds)
    else:
        settings = with_workers(settings, runs, store)
        cannot = _standing_on(first.failed, runs)
        able = [run for run in runs if run.key not in {failure.run.key for failure in cannot}]
        if first.failed and settings.fail_fast:
            able = [run for run in able if run.key in store]
        planned, outcome = compute(study.name, able, store, settings, progress, training_of(study))
        outcome.failed += cannot
        ablation = assess(study, runs, outcome, store, planned.judge(outcome))
    ablation = dataclasses.replace(
        ablation,
        computed=before + first.computed + ablation.computed,
        tuning=tuned.document if tuned else None,
    )
    try:
        progress.found(ablation)
    finally:
        trained = (
            f"{counted(ablation.computed, 'run was', 'runs were')} trained"
            if ablation.computed
            else "nothing was trained"
        )
        progress.say(f"{trained}; {saved(ablation, settings, ablation.save, progress.say)}")
    return ablation


def time_within(until: str | None, within: str | float | None) -> float | None:
    """The seconds of `within`. Raises UserError where it, or `until`, is not what `ablate` takes."""
    if until not in (None, "decided"):
        raise UserError("a study goes on until it is `decided`", name=until, known=["decided"])
    if within is None:
        return None
    if until is None:
        raise UserError("`within` is the time of a study that goes on until it is decided: say `until` too")
    try:
        return seconds_in(within)
    except UserError as error:
        raise error.said_as(error.message, "within") from None


def tell_of_namesake(study: ResolvedStudy, store: Store, progress: Progress) -> None:
    """Says so where the results of another file's study of this name are there, which these will replace."""
    folder = store.home / "studies" / study.name
    other: Path | None = None
    with suppress(OSError, UserError, KeyError, TypeError):  # none are there, or older ones, or damaged
        other = Path(read_json(folder / "study.json")["file"])
    if study.path and other and is_file(other) and real(other) != real(Path(study.path)):
        progress.say(
            f"warning: {folder} has the results of {other}, which is called {study.name} too: they will be replaced; another "
            "`name` keeps both"
        )


def _compute_upstream(study: ResolvedStudy, store: Store, settings: Settings, progress: Progress) -> Outcome:
    """Computes what the runs of a study stand on that are not stored yet."""
    first = [run for run in upstream_runs(study, store) if run.key not in store]
    if not first:
        return Outcome()
    what = f"{study.name}: what its runs stand on"
    return compute(what, first, store, with_workers(settings, first, store), progress, training_of(study))[1]


def _standing_on(failed: Collection[Failure], runs: Iterable[Run]) -> list[Failure]:
    """The failures of runs that stand on runs that failed."""
    causes = {failure.run.key: f"{failure.run}, which it stands on, failed: {failure.cause}" for failure in failed}
    found = {run.key: (run, key) for run in runs for key in keys_named(run.recipe) if key in causes}
    return [Failure(run, causes[key], 0) for run, key in found.values()]


def check_time(
    study: ResolvedStudy, store: Store, settings: Settings, seconds: float | None, progress: Progress
) -> None:
    """Raises UserError where the tries and the first round do not end within so many seconds."""
    if seconds is None:
        return
    runs = planned_with_tries(study, store)
    planned = plan(runs, store, with_workers(settings, runs, store), on_event=progress.measuring)
    if planned.missing and planned.wall > seconds:
        took = f"the tries and the first round take about {duration(planned.wall)}"
        raise UserError(f"{took}: more than there is within {duration(seconds)}")


def saved(ablation: Ablation, settings: Settings, save: Callable[[], None], announce: Callable[[str], None]) -> str:
    """Writes its files with `save`, and says where they are; a store that must not be written keeps those that it has."""
    try:
        save()
        save_latencies(ablation, settings.time_limit, announce)
        save_int8(ablation, settings, announce)
    except OSError as error:
        if ablation.computed or error.errno not in READ_ONLY:
            raise
        return f"results are not written: {error.filename}: {error.strerror}"
    return f"results are in {ablation.folder}"


def study_and_runs(
    source: StudySource, store: Store, progress: Progress, *, planned: bool = False, until: str | None = None
) -> tuple[ResolvedStudy, list[Run]]:
    """A study whose models are within its budget, and its runs in the order of models, datasets, seeds.

    Two models may share a run. Sample datasets are prepared here where they are not yet; raises UserError for others, unless
    the runs are only `planned`. `until="decided"`: the runs are those of the first round.
    """
    study = resolve(source, store.home)
    if until:
        study = in_rounds(study)
    study.check_budget()
    if not planned:
        check_installed(study)
        if "int8" in study.precision:
            require("onnx", "`precision: int8`", study.path)
    announce_preparation(study.needed, store.home, progress)
    return study, planned_runs(study, store.home) if planned else runs_of(study, store.home)


def runs_of(study: ResolvedStudy, home: Path) -> list[Run]:
    """The runs of a study, each called after its model. Raises UserError where datasets are not prepared, naming all."""
    return [run for run, _ in _prepared_runs(study, home)]


def upstream_runs(study: ResolvedStudy, store: Store) -> list[Run]:
    """The runs that those of a study stand on that are not stored yet, each once. Raises as `runs_of` does."""
    return _distinct(study, _prepared_runs(study, store.home), store)


def planned_runs(study: ResolvedStudy, home: Path) -> list[Run]:
    """As `runs_of`; where a dataset is not prepared, runs that can be planned, not computed."""
    return [run for run, _ in _runs(study, home, missing_datasets(study, home))]


def planned_upstream_runs(study: ResolvedStudy, store: Store) -> list[Run]:
    """As `upstream_runs`, likewise."""
    return _distinct(study, _runs(study, store.home, missing_datasets(study, store.home)), store)


def planned_with_tries(study: ResolvedStudy, store: Store) -> list[Run]:
    """As `planned_runs`, after what they stand on and, where the study is tuned, the tries that choose how they are trained."""
    if not study.tune:
        return [*planned_upstream_runs(study, store), *planned_runs(study, store.home)]
    tries, known = planned_tuning(study, lambda study: planned_runs(study, store.home), store)
    first = [run for each in (of_tries(study), known) for run in planned_upstream_runs(each, store)]
    return [*first, *tries, *planned_runs(known, store.home)]


def missing_datasets(study: ResolvedStudy, home: Path) -> dict[Need, str]:
    """The command that prepares them, by data that are not prepared; the sample ones prepare themselves."""
    found = {need: command_to_prepare(need.name, home, need.resolution, need.fit) for need in study.needed}
    return {need: command for need, command in found.items() if command}


def _prepared_runs(study: ResolvedStudy, home: Path) -> list[tuple[Run, list[Run]]]:
    missing = missing_datasets(study, home)
    if len(missing) > 1:
        raise UserError(f"{len(missing)} datasets are not prepared: {'; '.join(missing.values())}")
    return _runs(study, home, ())


def _runs(study: ResolvedStudy, home: Path, missing: Collection[Need]) -> list[tuple[Run, list[Run]]]:
    """The runs, each with those that it stands on."""

    @cache
    def opened(need: Need) -> Prepared | Expected:
        return (
            Expected(entry(need.name, home), need.resolution)
            if need in missing
            else open_prepared(need.name, home, *need[1:])
        )

    return [
        study.run(model, dataset, seed, opened)
        for model in study.models
        for dataset in study.pixels
        for seed in study.seeds
    ]


def _distinct(study: ResolvedStudy, runs: list[tuple[Run, list[Run]]], store: Store) -> list[Run]:
    """What runs stand on that are not stored; of a study that goes on in rounds, whatever is."""
    waiting = [before for run, before in runs if study.most_seeds is not None or run.key not in store]
    return list({upstream.key: upstream for before in waiting for upstream in before}.values())
