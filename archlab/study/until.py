"""Ablation in rounds of seeds, until it is decided or the time is over."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from archlab.executors import Outcome, Settings, execute
from archlab.forecast import Judgement, Plan, plan, with_workers
from archlab.foundation import UserError
from archlab.foundation.words import counted, counted_between, duration
from archlab.runs import Run, Store
from archlab.study.ablation import Ablation, assess
from archlab.study.computing import compute, training_of
from archlab.study.progress import Progress
from archlab.study.resolved import ResolvedStudy
from archlab.study.rounds import ENDS, Round, SeedRounds, open_contrasts, unsettled

MOST_LISTED = 6  # contrasts in the line after a round
RunsOf = Callable[[ResolvedStudy, Path], list[Run]]


def ablate_until_decided(
    study: ResolvedStudy,
    runs_of: RunsOf,
    store: Store,
    settings: Settings,
    progress: Progress,
    within: float | None = None,
) -> Ablation:
    """Computes round after round of seeds, each for the models of those contrasts that are open.

    Args:
        study: From `in_rounds`.
        within: Seconds from now; a round that would not end by then is not begun.

    Raises:
        UserError: Not even the first round ends in time.
        Interrupted: After Ctrl-C; the same call goes on.
    """
    rounds = seed_rounds(study)
    work, clock = _Work(study, runs_of, store, settings, progress), _Clock(within)
    history: list[Round] = []
    planned = work.plan(work.runs_of(rounds))
    if not clock.allows(planned):
        raise UserError(f"the first round takes about {duration(planned.wall)}: more than there is within {clock}")
    while True:
        new = work.compute(rounds)
        found = work.assess(rounds)
        history.append(_round(rounds, new, found, work.failed_models))
        stands = f"{history[-1]}{_contrasts(found, work.failed_models)}"
        if work.stopped or not rounds.go_on(found.contrasts, work.failed_models):
            ended = _ended(found, rounds, work)
            progress.say(f"{stands}; ended: {ENDS[ended]}")
            break
        planned = work.plan(work.runs_of(rounds))
        after = f"next {_cost(planned, rounds)}"
        if not clock.allows(planned):
            ended = "time"
            progress.say(f"{stands}; ended: {ENDS[ended]}, {clock}; {after}")
            break
        progress.say(f"{stands}; {after}")
    return dataclasses.replace(found, history=tuple(history), ended=ended)


def in_rounds(study: ResolvedStudy) -> ResolvedStudy:
    """The study with the seeds of its first round, and the most that a model can have.

    Raises UserError where it has nothing that could be decided.
    """
    from archlab.scoring.contrasts import contrasts

    if study.base is None or len(study.contrasted) < 2 or not contrasts(study.contrasted, study.base):
        raise UserError(
            f"{study.name} has no options to hold against each other: there is nothing to decide", where=study.path
        )
    if "xscore" in study.matters and (len(study.frame) < 2 or len(study.datasets) < 2):
        raise UserError(
            f"{study.name} has no xScore to matter: its frame needs two references and two datasets", where=study.path
        )
    rounds = seed_rounds(study)
    return dataclasses.replace(study, seeds=rounds.first, most_seeds=rounds.most)


def seed_rounds(study: ResolvedStudy) -> SeedRounds:
    """Of all its models, the first round."""
    return SeedRounds(study.seeds, study.most_seeds, [model.name for model in study.models], list(study.pixels))


@dataclass
class _Clock:
    within: float | None

    def __post_init__(self) -> None:
        self.started = time.monotonic()

    def allows(self, planned: Plan) -> bool:
        gone = time.monotonic() - self.started
        return self.within is None or not planned.missing or gone + planned.wall <= self.within

    def __str__(self) -> str:
        return duration(self.within or 0)


class _Work:
    """The runs so far, and what became of them."""

    def __init__(self, study: ResolvedStudy, runs_of: RunsOf, store: Store, settings: Settings, progress: Progress):
        self.study, self.all_runs_of, self.store = study, runs_of, store
        self.settings, self.progress = settings, progress
        self.outcome = Outcome()
        self.runs: dict[tuple[str, str, int], Run] = {}
        self.judgements: list[Judgement] = []
        self.number = 0

    def runs_of(self, rounds: SeedRounds) -> list[Run]:
        """The runs that a round adds."""
        new = rounds.new
        wanted = {seed for _, _, seed in new}
        seeds = [seed for seed in rounds.order if seed in wanted]
        runs = self.all_runs_of(dataclasses.replace(self.study, seeds=seeds), self.store.home)
        return [run for run in runs if (run.model, run.dataset, run.seed) in new]

    def plan(self, runs: list[Run]) -> Plan:
        settings = with_workers(self.settings, runs, self.store)  # as many as will compute them
        return plan(runs, self.store, settings, on_event=self.progress.measuring)

    def compute(self, rounds: SeedRounds) -> int:
        """Computes a round; how many runs it adds that no earlier one had."""
        new = self.runs_of(rounds)
        known = {run.key for run in self.runs.values()}
        self.runs |= {(run.model, run.dataset, run.seed): run for run in new}
        self.number += 1
        if all(run.key in self.store for run in new):
            outcome = execute(new, self.store, self.settings, on_event=self.progress.event)
        else:
            what = f"{self.study.name}, round {self.number}"
            settings = with_workers(self.settings, new, self.store)
            planned, outcome = compute(what, new, self.store, settings, self.progress, training_of(self.study))
            self.judgements += [found for found in [planned.judge(outcome)] if found]
        self.outcome.results |= outcome.results
        self.outcome.failed += outcome.failed
        self.outcome.computed += outcome.computed
        return len({run.key for run in new} - known)

    def assess(self, rounds: SeedRounds) -> Ablation:
        models = {name: place for place, name in enumerate(dict.fromkeys(model for model, _, _ in self.runs))}
        datasets = {name: place for place, name in enumerate(dict.fromkeys(dataset for _, dataset, _ in self.runs))}
        seeds = {seed: place for place, seed in enumerate(rounds.order)}
        runs = sorted(self.runs.values(), key=lambda run: (models[run.model], datasets[run.dataset], seeds[run.seed]))
        predicted = [seconds for each in self.judgements for seconds in each.predicted]
        actual = [seconds for each in self.judgements for seconds in each.actual]
        judgement = Judgement(predicted, actual) if predicted else None
        return assess(self.study, runs, self.outcome, self.store, judgement, rounds.rounds)

    @property
    def failed_models(self) -> set[str]:
        failed = {failure.run.key for failure in self.outcome.failed}
        return {run.model for run in self.runs.values() if run.key in failed}

    @property
    def stopped(self) -> bool:
        return self.settings.fail_fast and bool(self.outcome.failed)


def _round(rounds: SeedRounds, runs: int, found: Ablation, failed: set[str]) -> Round:
    decided = still = about = 0
    if found.contrasts and len(found.contrasts.rows):
        rows = found.contrasts.rows[found.contrasts.rows["about"]]
        about, decided = len(rows), int(rows["decided"].sum())
        still = len(open_contrasts(found.contrasts, failed))
    models = [model for model, counts in rounds.has.items() if counts != rounds.had[model]]
    look = dict(rounds.looks[-1])
    return Round(len(rounds.looks), rounds.seeds, look, models, runs, decided, still, about - decided - still)


def _ended(found: Ablation, rounds: SeedRounds, work: _Work) -> str:
    if work.stopped or not found.contrasts:
        return "failed"
    if _lacks_contrasts(found):
        return "failed" if work.failed_models else "unknown"
    if unsettled(found.contrasts).empty:
        return "decided"
    if rounds.seeds < rounds.most and open_contrasts(found.contrasts, work.failed_models).empty:
        return "given_up" if len(open_contrasts(found.contrasts)) == 0 else "failed"
    return "seeds"


def _lacks_contrasts(found: Ablation) -> bool:
    """Whether something that the study is about is not known at all."""
    from archlab.scoring.contrasts import asked, contrasts

    assert found.contrasts
    count = len(asked(contrasts(found.study.contrasted, str(found.study.base)))) * max(len(found.study.matters), 1)
    return found.contrasts.rows.empty or int(found.contrasts.rows["about"].sum()) < count


def _contrasts(found: Ablation, failed: set[str]) -> str:
    """Which contrasts are decided and how, and which are open."""
    from archlab.scoring import records
    from archlab.scoring.answer import verdict_in_short

    if not found.contrasts or found.contrasts.rows.empty:
        return ""
    rows = found.contrasts.rows[found.contrasts.rows["about"]]
    parts = []
    for title, chosen in (
        ("decided", rows[rows["decided"].astype(bool)]),
        ("open", open_contrasts(found.contrasts, failed)),
    ):
        listed = [verdict_in_short(row, found.contrasts) for row in records(chosen)]
        more = [f"and {len(listed) - MOST_LISTED} more"] if len(listed) > MOST_LISTED else []
        parts += [f"; {title}: {', '.join([*listed[:MOST_LISTED], *more])}"] if listed else []
    return "".join(parts)


def _cost(planned: Plan, rounds: SeedRounds) -> str:
    count = len(planned.missing)
    seeds = counted_between(rounds.looks[-1].values(), "seed")
    what = f"{seeds}, {counted(count, 'run')}" if count else f"{seeds}, all stored"
    return f"{what}, about {duration(planned.wall)}" if planned.predicted else what
