"""A search with training replaced by a recorded landscape; everything else is the search's own code."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Collection
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import optuna
from optuna.samplers import RandomSampler
from optuna.trial import FrozenTrial, TrialState

from archlab.bench.landscape import Landscape
from archlab.foundation import home_path
from archlab.runs import Event, Run
from archlab.study.design import Design
from archlab.study.progress import Progress
from archlab.study.search.basis import Basis, basis
from archlab.study.search.designs import Designs
from archlab.study.search.scheduler import Scheduler
from archlab.study.search.trials import Trials
from archlab.study.search_settings import Sampler
from archlab.study.variables import Ask, Value, Variable, all_walks

MECHANISMS = ("order", "middle", "rungs", "promotion", "sampler")
"""What a search can be replayed without: datasets in the order of what they tell (else as the suite lists them), the rung in
the middle of the first run, all rungs, promotion of designs that wait, the sampler (else designs come at random)."""


class RecordedDesigns(Designs):
    """The designs of a landscape, with one of its recorded seeds as the search's."""

    def __init__(self, landscape: Landscape, seed: int):
        super().__init__(dataclasses.replace(landscape.study, seeds=(seed,)), home_path())
        self.landscape = landscape

    @cached_property
    def prepared(self) -> dict[str, Any]:
        """What searches ask of the datasets."""
        return {
            name: SimpleNamespace(
                name=name,
                num_classes=about["classes"],
                digest=name,
                resolution=self.resolution,
                counts=lambda split, about=about: [about[split]],
            )
            for name, about in self.landscape.origin["datasets"].items()
        }

    @cached_property
    def steps(self) -> dict[tuple[Value, ...], Variable | Design]:
        """What comes after the answers so far: the variable that is asked for next, or the design."""
        steps: dict[tuple[Value, ...], Variable | Design] = {}

        def walk(ask: Ask) -> None:
            answers: tuple[Value, ...] = ()

            def answer(variable: Variable) -> Value:
                nonlocal answers
                steps[answers] = variable
                answers = (*answers, ask(variable))
                return answers[-1]

            design = Designs.sample(self, answer)
            steps[answers] = design

        list(all_walks(walk, lambda variable: variable.values()))
        return steps

    @cached_property
    def all(self) -> list[Design]:
        """Every distinct design of the space."""
        return list({step.digest: step for step in self.steps.values() if isinstance(step, Design)}.values())

    def sample(self, ask: Ask) -> Design:
        """As of a search, each made once."""
        answers: tuple[Value, ...] = ()
        while not isinstance(step := self.steps[answers], Design):
            answers = (*answers, ask(step))
        return step


class RecordedStore:
    """The part of a store that a search asks, of recorded runs."""

    def __init__(self, designs: RecordedDesigns):
        self.documents: dict[str, dict[str, Any]] = {}
        called = {design.digest: design.name for design in reversed(designs.references)}  # a design may be one of them
        for design in [*designs.references, *designs.all]:
            for dataset in designs.study.suite.datasets:
                name = called.get(design.digest, design.name)
                history = designs.landscape.histories[name, dataset, designs.study.seeds[0]]
                last = history[-1]
                self.documents[designs.run(design, dataset).key] = {
                    "history": history,
                    "metrics": {"validation": {"accuracy": last["validation_accuracy"]}},
                    "seconds": last["seconds"],
                }

    def get(self, key: str) -> dict[str, Any] | None:
        return self.documents.get(key)


class RecordedExecutor:
    """An executor of one worker that tells recorded epochs one by one, and counts them. Runs go on where they were dropped."""

    def __init__(self, store: RecordedStore):
        self.store, self.epochs = store, 0
        self.queue: deque[Run] = deque()
        self.left: dict[str, deque[dict[str, Any]]] = {}  # epochs, by key of the run
        self.ended: list[Event] = []  # to be told next

    def __enter__(self) -> RecordedExecutor:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @property
    def pending(self) -> int:
        return len(self.queue) + len(self.ended)

    def submit(self, run: Run) -> None:
        self.queue.append(run)
        self.left.setdefault(run.key, deque(self.store.documents[run.key]["history"]))

    def events(self, timeout: float = 0.0) -> list[Event]:
        ended, self.ended = self.ended, []
        if ended or not self.queue:
            return ended
        run = self.queue[0]
        if self.left[run.key]:
            self.epochs += 1
            return [Event("epoch", run, self.left[run.key].popleft())]
        self.queue.popleft()
        return [Event("finished", run, stored=self.store.documents[run.key])]

    def drop(self, run: Run) -> None:
        self.queue.popleft()
        self.ended.append(Event("stopped", run))

    def stop(self) -> None:
        self.ended += [Event("stopped", run) for run in self.queue]
        self.queue.clear()

    kill = stop


class OneWay(Scheduler):
    """Without promotion: a design that does not go on at a rung never does."""

    def _promoted(self, history: list[FrozenTrial]) -> FrozenTrial | None:
        return None


def recorded_basis(designs: RecordedDesigns, store: RecordedStore, without: Collection[str]) -> Basis:
    """What the search rests on, without some of `MECHANISMS`."""
    order = designs.study.suite.datasets if "order" in without else None
    known = basis(designs, store, order)  # type: ignore[arg-type]
    if "rungs" in without:
        known = dataclasses.replace(known, keep=1.0, middle=None)
    if "middle" in without:
        known = dataclasses.replace(known, middle=None)
    if "promotion" in without:
        known = dataclasses.replace(known, few=0)
    return known


def replay(
    designs: RecordedDesigns,
    store: RecordedStore,
    known: Basis,
    seed: int,
    wanted: Collection[str],
    without: Collection[str] = (),
) -> tuple[bool, int]:
    """A search until a wanted design (by name) has been trained on all datasets for all epochs: whether it came to that, and
    the epochs that it trained, those of the references not counted."""
    sampler = Sampler("RandomSampler", RandomSampler) if "sampler" in without else designs.study.search.sampler
    search = dataclasses.replace(designs.study.search, seed=seed, sampler=sampler)
    designs.study = dataclasses.replace(designs.study, search=search)
    executor = RecordedExecutor(store)

    class Until(Progress):
        def trial(self, trial: FrozenTrial, best: float | None) -> None:
            scheduler.halted |= trial.state == TrialState.COMPLETE and trial.user_attrs["model"] in wanted

    trials = Trials(optuna.create_study(direction="maximize"))
    kind = OneWay if "promotion" in without else Scheduler
    scheduler = kind(designs, known, trials, len(designs.all), progress=Until())
    scheduler.run(executor, workers=1)
    return scheduler.halted, executor.epochs
