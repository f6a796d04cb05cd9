"""Trials in worker processes, as many at once as there are workers, until as many have ended as are wanted."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from archlab.executors import Executor, Interrupted, Outcome, interruptible
from archlab.foundation import UserError
from archlab.runs import Event, Store
from archlab.study.latency import Stopwatch
from archlab.study.measuring import value_or_why
from archlab.study.progress import Progress
from archlab.study.search.basis import SPLIT, Basis
from archlab.study.search.designs import Designs
from archlab.study.search.rungs import goes_on, promoted
from archlab.study.search.sampler import ExhaustedError, asker, given, propose
from archlab.study.search.trials import ActiveTrial, Trials, counts, facts, is_above, middle_facts, number
from archlab.study.variables import Value

LOOK = 2.0  # seconds between two looks at what other processes do
MOST_ABOVE = 50  # designs in a row that do not keep a limit of latency: a search that finds no others ends
LOOKS = 100  # at a trial that does not say its design: its process may have died


class Scheduler:
    """Runs trials.

    Args:
        wanted: How many designs are to be tried in the storage, those of other processes among them.
        stopwatch: Where latency is an objective, or the budget limits it.
        progress: Hears what happens to runs, and of every trial of this process that has ended.
    """

    def __init__(
        self,
        designs: Designs,
        basis: Basis,
        trials: Trials,
        wanted: int,
        *,
        stopwatch: Stopwatch | None = None,
        progress: Progress | None = None,
    ):
        self.designs, self.basis, self.trials, self.wanted = designs, basis, trials, wanted
        self.stopwatch, self.progress, self.store = stopwatch, progress or Progress(), Store(designs.home)
        self.active: dict[str, list[ActiveTrial]] = {}  # by the key of their run, which designs may share
        self.start = designs.start()
        self.exhausted = self.halted = self.interrupted = False
        self.fault = ""  # of the machine, which no trial is to blame for
        self.computed = 0

    def run(self, executor: Executor, workers: int, *, fail_fast: bool = False) -> None:
        """Keeps so many trials at work in the executor. Sets `halted` where `fail_fast` ended it early.

        Raises Interrupted after Ctrl-C, UserError where a disk is full. Whoever goes on repeats the trials at work.
        """
        looked = -LOOK
        self.trials.beat()
        self.trials.give_up_own()
        with executor, interruptible(executor) as interrupted:
            while True:
                self.interrupted = self.interrupted or interrupted()
                stopped = self.halted or self.interrupted
                if not stopped and time.monotonic() - looked >= (LOOK if self.active else 0.2):
                    looked = time.monotonic()
                    self.trials.give_up_stale()
                    with suppress(UpdateFinishedTrialError):  # see `_end_run`
                        while sum(map(len, self.active.values())) < workers and self._begin(executor):
                            pass
                if not self.active and (stopped or not self.trials.unfinished()):
                    break
                for event in executor.events():
                    self.progress.event(event)
                    if self._hear(event, executor):
                        looked = -LOOK
                    if event.kind == "failed" and (fail_fast or self.fault):
                        self.halted = True
                        executor.kill()
                self.trials.beat()
        if self.interrupted:
            raise Interrupted(Outcome())
        if self.fault:
            raise UserError(f"{self.fault}: what has ended is kept, and the same command goes on from there")

    def _begin(self, executor: Executor) -> bool:
        """Begins a trial, where there is a design to try or to go on with; whether there may be more."""
        self.trials.beat()
        study = self.trials.study
        queued = bool(study.get_trials(deepcopy=False, states=(TrialState.WAITING,)))
        values, former = ({}, None) if queued else self._next()
        if values is None:
            return False
        study.sampler = given(values)
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
        active = ActiveTrial(trial, design, trial.number if former is None else number(former))
        promotion = former is not None and former.state == TrialState.PRUNED
        if self._is_needless(active):
            return not promotion
        if former is not None and promotion:
            active.take_over(former)
            self._submit(active, executor)
        elif self._is_timed(active, executor):
            self._advance(active, executor)
        elif self.active:
            return False  # runs are heard between two timings
        return not self.interrupted

    def _next(self) -> tuple[dict[str, Value] | None, FrozenTrial | None]:
        """The values of the design to try next, None where there is none now; and the trial that it continues."""
        history = self.trials.history()
        if former := self._promoted(history):
            return former.params, former
        if self.trials.tried() < self.wanted and (given_up := self.trials.given_up()):
            return given_up[0].params, given_up[0]
        if self._is_last():
            return None, None
        if len(history) >= MOST_ABOVE and all(map(is_above, history[-MOST_ABOVE:])):
            self.exhausted = True
            return self._next()
        taken = {trial.user_attrs.get("design", "") for trial in history}
        for design in self.start:
            if design.digest not in taken:
                return design.values, None
        try:
            seed = self.designs.study.search.seed
            return propose(self.designs, self.basis, history, taken, seed).values, None
        except ExhaustedError:
            self.exhausted = True
            return self._next()

    def _is_last(self) -> bool:
        """Whether no design will come after those that have begun."""
        return self.exhausted or self.trials.tried() >= self.wanted

    def _is_needless(self, active: ActiveTrial) -> bool:
        """Ends a trial where an earlier one has the same design, or it is new and enough are there."""
        trial, mine = active.trial, (active.number, active.trial.number)
        for _ in range(LOOKS):
            earlier = [each for each in self.trials.history() if (number(each), each.number) < mine]
            if all("design" in each.user_attrs for each in earlier if each.state == TrialState.RUNNING):
                break
            time.sleep(0.1)  # another process is just about to say which design it tries
        same = next((each for each in earlier if each.user_attrs.get("design") == active.design.digest), None)
        if same is not None and same.state == TrialState.COMPLETE:
            for name in ("accuracies", "runs", "seconds", "latency_ms", "xscore", "mean", "variance"):
                if name in same.user_attrs:
                    trial.set_user_attr(name, same.user_attrs[name])
            trial.set_user_attr("known", True)
            self.trials.study.tell(trial, same.values)
            return True
        if same is not None or (active.number == trial.number and sum(map(counts, earlier)) >= self.wanted):
            self.trials.give_up(trial.number)
            return True
        return False

    def _is_timed(self, active: ActiveTrial, executor: Executor) -> bool:
        """Whether its latency is known where that counts, and within the budget; else the trial ends."""
        if self.stopwatch is None:
            return True
        try:
            latency = self.stopwatch(active.design)
            above = latency and self.stopwatch.above(active.design)
        except Interrupted:
            self.interrupted = True
            executor.stop()
            self.trials.give_up(active.trial.number)
            return False
        if latency is None:
            self._fail(active, "its latency cannot be measured")
            return False
        active.trial.set_user_attr("latency_ms", latency)
        if above:
            active.trial.set_user_attr("above", above)
            self._end(active, TrialState.PRUNED)
            return False
        return True

    def _hear(self, event: Event, executor: Executor) -> bool:
        """Whether a trial has ended."""
        sharing = self.active.get(event.run.key)
        if sharing is None or event.kind in ("started", "retried"):
            return False
        if event.kind == "epoch":
            middle = self.basis.middle
            if middle and middle.concerns(event.run) and event.detail["epoch"] == middle.epoch:
                for active in sharing:
                    if active.middle is None:
                        self._reach_middle(active, event.detail)
                if all(active.waits for active in sharing):
                    executor.drop(event.run)
            return False
        del self.active[event.run.key]
        self.computed += event.kind == "finished"
        if event.kind == "failed" and event.detail.get("passing"):  # it says nothing about the design
            self.fault = event.detail["cause"]
        ended = [self._end_run(active, event, executor) for active in sharing]
        return any(ended)

    def _end_run(self, active: ActiveTrial, event: Event, executor: Executor) -> bool:
        """Goes on with a trial whose run has ended so; whether the trial has ended too."""
        try:
            return self._go_on(active, event, executor)
        except UpdateFinishedTrialError:  # another process took this one for dead, and its trial is repeated
            return True

    def _go_on(self, active: ActiveTrial, event: Event, executor: Executor) -> bool:
        if self.fault or (event.kind == "stopped" and not active.waits):
            self.trials.give_up(active.trial.number)
            return True
        if event.kind == "failed":
            self._fail(active, event.detail["cause"])
            return True
        if event.kind != "stopped":
            assert event.stored is not None, f"run {event.run.key} is gone from the store"
            middle = self.basis.middle if active.middle is None else None
            if middle and middle.concerns(event.run):  # it went on from a checkpoint, or was stored
                self._reach_middle(active, event.stored["history"][middle.epoch - 1])
        if active.waits:
            self._end(active, TrialState.PRUNED)
            return True
        value, why = value_or_why(event.stored, self.designs.study.metric, SPLIT, self.store)
        if value is None:
            self._fail(active, why)
            return True
        active.meet(event, value)
        return self._advance(active, executor)

    def _reach_middle(self, active: ActiveTrial, entry: dict[str, Any]) -> None:
        """Notes that epoch of the first run, and whether the design waits there."""
        active.waits = True  # where another process has ended the trial, too
        with suppress(UpdateFinishedTrialError):
            active.note_middle(middle_facts(entry))
            active.trial.report(entry["validation_accuracy"], 0)
            active.waits = not self._goes_on(active, 0)

    def _advance(self, active: ActiveTrial, executor: Executor) -> bool:
        """Submits the next run, or ends the trial; whether it did."""
        rung = len(active.accuracies)
        early = self.basis.score_at(rung, active.accuracies, None)
        second = self.designs.study.search.second_objective
        if early is not None and second is None:
            active.trial.report(early, rung)
        if score := self.basis.score(active.accuracies):
            for name in ("xscore", "mean", "variance"):
                active.trial.set_user_attr(name, getattr(score, name))
            values = [score.xscore, float(active.trial.user_attrs[second])] if second else [score.xscore]
            self._end(active, TrialState.COMPLETE, values)
            return True
        if rung and rung in self.basis.rungs and not self._goes_on(active, rung):
            self._end(active, TrialState.PRUNED)
            return True
        self._submit(active, executor)
        return False

    def _submit(self, active: ActiveTrial, executor: Executor) -> None:
        run = self.designs.run(active.design, self.basis.order[len(active.accuracies)])
        if run.key not in self.active:
            executor.submit(run)
        self.active.setdefault(run.key, []).append(active)

    def _promoted(self, history: list[FrozenTrial]) -> FrozenTrial | None:
        return promoted(self.basis, history, self._is_last())

    def _goes_on(self, active: ActiveTrial, rung: int) -> bool:
        score = self.basis.score_at(rung, active.accuracies, active.middle)
        assert score is not None
        others = [trial for trial in self.trials.history() if number(trial) != active.number]
        return goes_on(self.basis, rung, score, others, self._is_last())

    def _fail(self, active: ActiveTrial, why: str) -> None:
        active.trial.set_user_attr("failed", why)
        self._end(active, TrialState.FAIL)

    def _end(self, active: ActiveTrial, state: TrialState, values: list[float] | None = None) -> None:
        study = self.trials.study
        try:
            study.tell(active.trial, values, state=state)
        except (ValueError, RuntimeError):  # another process took this one for dead
            return
        scores = [each.user_attrs["xscore"] for each in self.trials.history() if "xscore" in each.user_attrs]
        self.progress.trial(study.get_trials(deepcopy=False)[active.trial.number], max(scores, default=None))
