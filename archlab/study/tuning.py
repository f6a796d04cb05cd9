"""Equal tuning: every model gets the same number of tries, and what is best on validation images is what it is trained with."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archlab.executors import Settings
from archlab.forecast import with_workers
from archlab.forecast.costs import work_of
from archlab.forecast.kept import keep_measurement, read_measurement
from archlab.foundation import UserError
from archlab.foundation.words import counted
from archlab.runs import Failure, Run, Store
from archlab.study.computing import compute, training_of
from archlab.study.grid import Values, own_values
from archlab.study.measuring import check_measurable, value_of
from archlab.study.progress import Progress
from archlab.study.resolved import ResolvedStudy
from archlab.study.tries import FEWEST_TRIES, Rung, Tries, seeds_of_tries, with_values

SPLIT = "validation"
DIVERGED = "DivergenceError"  # how the cause of such a failure begins, which is the same each time
RunsOf = Callable[[ResolvedStudy], list[Run]]


@dataclass(frozen=True)
class Tuned:
    """What tuning has found.

    Args:
        study: With the values that were chosen.
        document: Plain JSON values: keys, candidates, per, steps, seeds, rungs (of each, steps and tries of a model and
            dataset), choices (of each model and dataset: own and chosen values, at_edge, and what both are worth in the study's
            metric on validation images at the last rung, None where a try diverged), failed (those that diverged, with steps
            and values), cost (runs, steps and seconds of all tries), and untuned: the runs of the study as it is without, by
            key.
        computed: How many runs were computed now.
    """

    study: ResolvedStudy
    document: dict[str, Any]
    computed: int


def tune(study: ResolvedStudy, runs_of: RunsOf, store: Store, settings: Settings, progress: Progress) -> Tuned:
    """Computes the tries that are not stored, rung after rung, and chooses. A try that diverges is the worst.

    Raises:
        UserError: A try failed for another reason, or tries are longer than the training; the same call goes on.
        Interrupted: After Ctrl-C; the same call goes on.
    """
    assert study.tune
    tries, work = tries_of(study, runs_of, store), _Work(study, store, settings, progress)
    for at, rung in enumerate(tries.rungs):
        worth = work.compute(tries.runs(rung), rung)
        if at + 1 < len(tries.rungs):
            tries.keep(rung, tries.rungs[at + 1].tries, worth)
    tries.choose(worth)
    chosen = {cell: tries.candidates[place] for cell, place in tries.chosen().items()}
    tuned = with_values(study, chosen)
    choices = _choices(study, tries, worth)
    progress.say(f"{study.name}: {_in_words(choices)}")
    document = {
        "keys": list(tries.ordered),
        **{name: study.tune[name] for name in ("candidates", "per", "steps", "seeds")},
        "rungs": [dataclasses.asdict(each) for each in tries.rungs],
        "choices": choices,
        "failed": work.failed,
        "cost": work.cost(),
        "untuned": [
            {"model": run.model, "dataset": run.dataset, "seed": run.seed, "key": run.key} for run in runs_of(study)
        ],
    }
    return Tuned(tuned, document, work.computed)


def of_tries(study: ResolvedStudy) -> ResolvedStudy:
    """The study with the seeds of its tries, on the datasets that a choice may look at."""
    return dataclasses.replace(study, seeds=seeds_of_tries(study), unseen={})


def tries_of(study: ResolvedStudy, runs_of: RunsOf, store: Store) -> Tries:
    """Raises UserError where they are longer than the training, as far as it is known how many images there are."""
    runs = runs_of(of_tries(study))
    for run in {(run.model, run.dataset): run for run in runs if run.recipe["epochs"]}.values():
        _check_length(study, run, store)
    return Tries(study, runs)


def _check_length(study: ResolvedStudy, run: Run, store: Store) -> None:
    assert study.tune
    try:
        whole = work_of(run, store.home).steps
    except UserError:  # nothing is known of how many images there will be
        return
    if whole < study.tune["steps"]:
        longer = f"tries of {counted(study.tune['steps'], 'step')} are longer than the training of {run.model} on {run.dataset}"
        raise UserError(
            f"tune: {longer}: {counted(run.recipe['epochs'], 'epoch is', 'epochs are')} {counted(whole, 'step')}",
            where=study.path,
        )


def planned_tuning(study: ResolvedStudy, runs_of: RunsOf, store: Store) -> tuple[list[Run], ResolvedStudy]:
    """The runs of all tries, and the study as it will run. Where it is not known yet what goes on or is chosen, others stand in
    that are as much work and not the recipe's own."""
    tries, listed = tries_of(study, runs_of, store), list[Run]()
    is_known = True
    for at, rung in enumerate(tries.rungs):
        runs = tries.runs(rung)
        listed += runs
        is_known = is_known and all(run.key in store or cause_of(run, store) for run in runs)
        is_last = at + 1 == len(tries.rungs)
        if is_known:
            found = {run.key: store.get(run.key) for run in runs}
            worth = _worth(study, runs, {key: each for key, each in found.items() if each}, store)
            tries.choose(worth) if is_last else tries.keep(rung, tries.rungs[at + 1].tries, worth)
        else:
            tries.keep_any(FEWEST_TRIES if is_last else tries.rungs[at + 1].tries)
    return listed, with_values(study, {cell: tries.candidates[place] for cell, place in tries.chosen().items()})


def cause_of(run: Run, store: Store) -> str | None:
    """Why a try has diverged before; None where it has not."""
    return read_measurement(store, "diverged", run.key)


class _Work:
    """The runs of all rungs, and what became of them."""

    def __init__(self, study: ResolvedStudy, store: Store, settings: Settings, progress: Progress):
        self.study, self.store, self.progress = study, store, progress
        self.settings = dataclasses.replace(settings, fail_fast=False)  # a rate that is too high is a finding
        self.results: dict[str, dict[str, Any]] = {}
        self.failed: list[dict[str, Any]] = []
        self.computed = 0

    def compute(self, runs: list[Run], rung: Rung) -> dict[str, float]:
        """What the runs are worth, by key. Raises UserError where one failed that did not diverge."""
        check_measurable(self.study.metric, runs, self.store)
        distinct = {run.key: run for run in runs}.values()
        diverged = [Failure(run, cause, 1) for run in distinct if (cause := cause_of(run, self.store))]
        known = {failure.run.key for failure in diverged}
        left = [run for run in runs if run.key not in known]
        what = f"{self.study.name}: tries of {counted(rung.steps, 'step')}"
        settings = with_workers(self.settings, left, self.store)
        _, outcome = compute(what, left, self.store, settings, self.progress, training_of(self.study))
        others = list[Failure]()
        for failure in outcome.failed:
            if failure.cause.startswith(DIVERGED):
                keep_measurement(self.store, "diverged", failure.run.key, failure.cause)
                diverged.append(failure)
            else:
                others.append(failure)
        self.computed += outcome.computed
        self.results |= outcome.results
        for failure in diverged:
            self._note(failure, rung)
        if others:  # a full disk or a lost worker says nothing of the values
            more = f" (and {len(others) - 1} more)" if len(others) > 1 else ""
            said = f"a try failed, and not because it diverged, so nothing is chosen: {self._told(others[0])}{more}"
            raise UserError(f"{said}; what has ended is kept, and the same command goes on from there")
        return _worth(self.study, runs, outcome.results, self.store)

    def _note(self, failure: Failure, rung: Rung) -> None:
        self.failed.append({**failure.document(), "steps": rung.steps, "values": self._values(failure)})
        self.progress.say(f"a try counts as the worst: {self._told(failure)}")

    def _told(self, failure: Failure) -> str:
        values = ", ".join(f"{key} {value:g}" for key, value in self._values(failure).items())
        return f"{failure.run}, {values}: {failure.cause}"

    def _values(self, failure: Failure) -> Values:
        assert self.study.tune
        return own_values(failure.run.recipe, self.study.tune["candidates"][0])

    def cost(self) -> dict[str, Any]:
        """Of the runs that have finished; seconds of all together."""
        found = self.results.values()
        return {
            "runs": len(found),
            "steps": sum(each["run"]["recipe"]["steps"] for each in found),
            "seconds": sum(each["seconds"] for each in found),
        }


def _worth(
    study: ResolvedStudy, runs: Sequence[Run], results: Mapping[str, dict[str, Any]], store: Store
) -> dict[str, float]:
    """By key, in the study's metric on validation images, the higher the better; -inf where there is none."""
    sign, found = 1 if study.metric.higher_is_better else -1, dict[str, float]()
    for run in runs:
        value = value_of(results[run.key], study.metric, SPLIT, store) if run.key in results else None
        found[run.key] = -math.inf if value is None else sign * value
    return found


def _choices(study: ResolvedStudy, tries: Tries, worth: Mapping[str, float]) -> list[dict[str, Any]]:
    """Of each model and dataset."""
    sign, rung, found = 1 if study.metric.higher_is_better else -1, tries.rungs[-1], list[dict[str, Any]]()
    for group, cells in tries.groups.items():
        (chosen,) = tries.left[group]
        for cell in cells:
            values = {place: tries.value(cell, place, rung, worth) for place in (cell.own, chosen)}
            told = {place: sign * value if math.isfinite(value) else None for place, value in values.items()}
            found.append(
                {
                    "model": cell.model,
                    "dataset": cell.dataset,
                    "own": tries.candidates[cell.own],
                    "chosen": tries.candidates[chosen],
                    "at_edge": tries.at_edge(chosen),
                    "own_value": told[cell.own],
                    "chosen_value": told[chosen],
                }
            )
    return found


def _in_words(choices: list[dict[str, Any]]) -> str:
    own = sum(choice["own"] == choice["chosen"] for choice in choices)
    edge = sum(bool(choice["at_edge"]) for choice in choices)
    at_edge = f"; {counted(edge, 'lies', 'lie')} at the edge of what was tried" if edge else ""
    of = f"of {counted(len(choices), 'choice')}"
    others = counted(len(choices) - own, f"{of} is another value", f"{of} are other values")
    return f"tuned: {others} than the recipe's own{at_edge}"
