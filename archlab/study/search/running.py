"""Trials in worker processes, as many at once as there are workers, until as many have ended as are wanted."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from archlab.executors import Executor, Interrupted, Outcome, interruptible
from archlab.foundation import UserError
from archlab.runs import Event, Store
from archlab.study.search.beginning import SPLIT, Basis
from archlab.study.search.designs import Design, Designs
from archlab.study.search.promotion import goes_on, promoted
from archlab.study.search.sampling import ExhaustedError, Given, asker, propose
from archlab.study.search.second_objective import Stopwatch, second_objective
from archlab.study.search.trials import Trials, counts, number
from archlab.study.search.warm_start import facts, halfway_facts
from archlab.study.variables import Value

LOOK = 2.0  # seconds between two looks at what other processes do


@dataclass
class Flight:
    """A trial of this process, at work on the dataset after those that it has accuracies of; `number` is the design's."""

    trial: optuna.Trial
    design: Design
    number: int
    accuracies: dict[str, float] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    halfway: float | None = None  # validation accuracy in the middle of its first run
    dropped: bool = False  # its run is being ended


class Searching:
    """Runs trials.

    Args:
        wanted: How many designs are to be tried in the storage, those of other processes among them.
        stopwatch: Where latency is an objective.
        on_event: Hears what happens to runs.
        on_trial: Hears of every trial of this process that has ended.
    """

    def __init__(
        self,
        designs: Designs,
        basis: Basis,
        trials: Trials,
        store: Store,
        wanted: int,
        *,
        stopwatch: Stopwatch | None = None,
        on_event: Callable[[Event], None] | None = None,
        on_trial: Callable[[FrozenTrial], None] | None = None,
    ):
        self.designs, self.basis, self.trials, self.store, self.wanted = designs, basis, trials, store, wanted
        self.stopwatch = stopwatch
        self.on_event = on_event or (lambda event: None)
        self.on_trial = on_trial or (lambda trial: None)
        self.flights: dict[str, Flight] = {}
        self.start = designs.start()
        self.exhausted = self.halted = self.interrupted = False
        self.computed = 0

    def run(self, pool: Executor, workers: int, *, fail_fast: bool = False) -> None:
        """Keeps so many trials at work in the pool. Sets `halted` where `fail_fast` ended it early.

        Raises Interrupted after Ctrl-C. In both cases the trials at work are repeated by whoever goes on with the search.
        """
        looked = -LOOK
        self.trials.beat()
        with pool, interruptible(pool) as interrupted:
            while True:
                self.interrupted = self.interrupted or interrupted()
                stopped = self.halted or self.interrupted
                if not stopped and time.monotonic() - looked >= (LOOK if self.flights else 0.2):
                    looked = time.monotonic()
                    self.trials.give_up_stale()
                    while len(self.flights) < workers and self._begin(pool):
                        pass
                if not self.flights and (stopped or not self.trials.unfinished()):
                    break
                for event in pool.events():
                    self.on_event(event)
                    if self._hear(event, pool):
                        looked = -LOOK
                    if event.kind == "failed" and fail_fast:
                        self.halted = True
                        pool.kill()
                self.trials.beat()
        if self.interrupted:
            raise Interrupted(Outcome())

    def _begin(self, pool: Executor) -> bool:
        """Begins a trial, where there is a design to try or to go on with; whether there may be more."""
        self.trials.beat()
        study = self.trials.study
        queued = bool(study.get_trials(deepcopy=False, states=(TrialState.WAITING,)))
        values, former = ({}, None) if queued else self._next()
        if values is None:
            return False
        study.sampler = Given(values)
        trial = study.ask()
        trial.set_user_attr("worker", self.trials.worker)
        if former is not None:
            trial.set_user_attr("continues", number(former))
        try:
            design = self.designs.sample(asker(trial))
        except (UserError, ValueError) as error:  # one that somebody queued by hand
            trial.set_user_attr("failed", str(error))
            study.tell(trial, state=TrialState.FAIL)
            return True
        for name, value in facts(design).items():
            trial.set_user_attr(name, value)
        flight = Flight(trial, design, trial.number if former is None else number(former))
        if former is not None and former.state == TrialState.PRUNED:
            if self._is_another(flight):
                return False
            self._take_over(flight, former)
            self._submit(flight, pool)
        elif not self._is_another(flight) and self._is_timed(flight, pool):
            self._advance(flight, pool)
        return not self.interrupted

    def _next(self) -> tuple[dict[str, Value] | None, FrozenTrial | None]:
        """The values of the design to try next, None where there is none now; and the trial that it continues."""
        history = self.trials.history()
        if former := promoted(self.basis, history, self._is_last()):
            return former.params, former
        if self.trials.tried() < self.wanted and (given_up := self.trials.given_up()):
            return given_up[0].params, given_up[0]
        if self._is_last():
            return None, None
        taken = {trial.user_attrs.get("design", "") for trial in history}
        for design in self.start:
            if design.digest not in taken:
                return design.values, None
        seed = self.designs.study.search.seed
        try:
            return propose(self.designs, self.trials.study, history, seed, taken, self.basis).values, None
        except ExhaustedError:
            self.exhausted = True
            return self._next()

    def _is_last(self) -> bool:
        """Whether no design will come after those that have begun."""
        return self.exhausted or self.trials.tried() >= self.wanted

    def _is_another(self, flight: Flight) -> bool:
        """Ends a trial that an earlier one makes needless: it has the same design, or is new and enough are there."""
        trial, mine = flight.trial, (flight.number, flight.trial.number)
        earlier = [each for each in self.trials.history() if (number(each), each.number) < mine]
        same = next((each for each in earlier if each.user_attrs.get("design") == flight.design.digest), None)
        if same is not None and same.state == TrialState.COMPLETE:
            for name in ("accuracies", "runs", "seconds", "latency_ms", "xscore", "mean", "variance"):
                if name in same.user_attrs:
                    trial.set_user_attr(name, same.user_attrs[name])
            trial.set_user_attr("known", True)
            self.trials.study.tell(trial, same.values)
            return True
        if same is not None or (flight.number == trial.number and sum(map(counts, earlier)) >= self.wanted):
            self.trials.give_up(trial.number)
            return True
        return False

    def _is_timed(self, flight: Flight, pool: Executor) -> bool:
        """Whether its latency is known where that is an objective; else the trial ends."""
        if self.stopwatch is None:
            return True
        try:
            latency = self.stopwatch(flight.design)
        except Interrupted:
            self.interrupted = True
            pool.stop()
            self.trials.give_up(flight.trial.number)
            return False
        if latency is None:
            flight.trial.set_user_attr("failed", "its latency cannot be measured")
            self._end(flight, TrialState.FAIL)
            return False
        flight.trial.set_user_attr("latency_ms", latency)
        return True

    def _hear(self, event: Event, pool: Executor) -> bool:
        """Whether a trial has ended."""
        flight = self.flights.get(event.run.key)
        if flight is not None and event.kind == "epoch":
            self._hear_epoch(flight, event, pool)
        if flight is None or event.kind in ("started", "epoch", "retried"):
            return False
        del self.flights[event.run.key]
        self.computed += event.kind == "finished"
        if event.kind == "stopped":
            if flight.dropped:
                self._end(flight, TrialState.PRUNED)
            else:
                self.trials.give_up(flight.trial.number)
            return True
        if event.kind == "failed":
            flight.trial.set_user_attr("failed", event.detail["cause"])
            self._end(flight, TrialState.FAIL)
            return True
        document = self.store.get(event.run.key)
        assert document is not None, f"run {event.run.key} is gone from the store"
        middle = self.basis.halfway
        if middle and middle.concerns(event.run) and flight.halfway is None:  # it went on from a checkpoint
            self._reach_middle(flight, document["history"][middle.epoch - 1])
        if flight.dropped:
            self._end(flight, TrialState.PRUNED)
            return True
        flight.accuracies[event.run.dataset] = document["metrics"][SPLIT]["accuracy"]
        flight.runs[event.run.dataset] = event.run.key
        flight.seconds[event.run.dataset] = document["seconds"]
        for name in ("accuracies", "runs", "seconds"):
            flight.trial.set_user_attr(name, getattr(flight, name))
        return self._advance(flight, pool)

    def _hear_epoch(self, flight: Flight, event: Event, pool: Executor) -> None:
        middle = self.basis.halfway
        if flight.halfway is None and middle and middle.concerns(event.run) and event.detail["epoch"] == middle.epoch:
            self._reach_middle(flight, event.detail)
            if flight.dropped:
                pool.drop(event.run)

    def _reach_middle(self, flight: Flight, entry: dict[str, Any]) -> None:
        """Notes that epoch of the first run, and whether the design ends there."""
        middle, accuracy = self.basis.halfway, entry["validation_accuracy"]
        assert middle is not None
        flight.halfway = accuracy
        flight.trial.set_user_attr("halfway", halfway_facts(entry))
        flight.trial.report(accuracy, 0)
        flight.dropped = not self._goes_on(flight, 0, self.basis.rungs.normalised(middle.dataset, accuracy))

    def _advance(self, flight: Flight, pool: Executor) -> bool:
        """Submits the next run, or ends the trial; whether it did."""
        rungs, place = self.basis.rungs, len(flight.accuracies)
        early = rungs.partial(flight.accuracies, place)
        if early is not None and len(self.trials.study.directions) == 1:
            flight.trial.report(early, place)
        if score := rungs.score(flight.accuracies):
            for name in ("xscore", "mean", "variance"):
                flight.trial.set_user_attr(name, getattr(score, name))
            second = second_objective(self.designs.study)
            values = [score.xscore, float(flight.trial.user_attrs[second])] if second else [score.xscore]
            self._end(flight, TrialState.COMPLETE, values)
            return True
        if early is not None and place in rungs.places and not self._goes_on(flight, place, early):
            self._end(flight, TrialState.PRUNED)
            return True
        self._submit(flight, pool)
        return False

    def _submit(self, flight: Flight, pool: Executor) -> None:
        run = self.designs.run(flight.design, self.basis.rungs.order[len(flight.accuracies)])
        self.flights[run.key] = flight
        pool.submit(run)

    def _goes_on(self, flight: Flight, place: int, score: float) -> bool:
        others = [trial for trial in self.trials.history() if number(trial) != flight.number]
        return goes_on(self.basis, place, score, others, self._is_last())

    def _take_over(self, flight: Flight, former: FrozenTrial) -> None:
        """Makes a trial what a former one of the same design was when it stopped."""
        for name in ("accuracies", "runs", "seconds"):
            setattr(flight, name, dict(former.user_attrs.get(name, {})))
            flight.trial.set_user_attr(name, getattr(flight, name))
        if "halfway" in former.user_attrs:
            flight.trial.set_user_attr("halfway", former.user_attrs["halfway"])
            flight.halfway = former.user_attrs["halfway"]["accuracy"]
        for step, value in former.intermediate_values.items():
            flight.trial.report(value, step)

    def _end(self, flight: Flight, state: TrialState, values: list[float] | None = None) -> None:
        study = self.trials.study
        try:
            study.tell(flight.trial, values, state=state)
        except (ValueError, RuntimeError):  # another process took this one for dead
            return
        self.on_trial(study.get_trials(deepcopy=False)[flight.trial.number])
