"""A search with training replaced by a recorded landscape; everything else is the search's own code."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from archlab.bench.landscape import Landscape
from archlab.foundation import home
from archlab.runs import Event, Run
from archlab.study.search.beginning import Basis
from archlab.study.search.designs import Design, Designs
from archlab.study.search.running import Searching
from archlab.study.search.trials import Trials
from archlab.study.variables import all_walks


class RecordedDesigns(Designs):
    """The designs of a landscape, with one of its recorded seeds as the search's."""

    def __init__(self, landscape: Landscape, seed: int):
        super().__init__(dataclasses.replace(landscape.study, seeds=(seed,)), home())
        self.landscape = landscape
        self.fitted: dict[str, Design] = {}

    @cached_property
    def prepared(self) -> dict[str, Any]:
        """What searches ask of the datasets."""
        return {
            name: SimpleNamespace(
                num_classes=about["classes"],
                digest=name,
                resolution=self.resolution,
                counts=lambda split, about=about: [about[split]],
            )
            for name, about in self.landscape.origin["datasets"].items()
        }

    @cached_property
    def all(self) -> list[Design]:
        """Every distinct design of the space."""
        walks = all_walks(self.sample, lambda variable: variable.values())
        return list({design.digest: design for design in walks}.values())

    def _fitted(self, combination: Any) -> Design:
        """As of a search, each computed once."""
        name = combination.architecture.name
        if name not in self.fitted:
            self.fitted[name] = super()._fitted(combination)
        return self.fitted[name]


class RecordedStore:
    """The part of a store that a search asks, of recorded runs."""

    def __init__(self, designs: RecordedDesigns):
        self.documents: dict[str, dict[str, Any]] = {}
        for design in [*designs.references, *designs.all]:
            for dataset in designs.study.suite.datasets:
                history = designs.landscape.histories[design.name, dataset, designs.study.seeds[0]]
                last = history[-1]
                self.documents[designs.run(design, dataset).key] = {
                    "history": history,
                    "metrics": {"validation": {"accuracy": last["validation_accuracy"]}},
                    "seconds": last["seconds"],
                }

    def get(self, key: str) -> dict[str, Any] | None:
        return self.documents.get(key)


class RecordedPool:
    """A pool of one worker that tells recorded epochs one by one; `epochs` counts them. Runs go on where they were dropped."""

    def __init__(self, store: RecordedStore):
        self.store, self.epochs = store, 0
        self.queue: deque[Run] = deque()
        self.left: dict[str, deque[dict[str, Any]]] = {}  # epochs, by key of the run
        self.ended: list[Event] = []  # to be told next

    def __enter__(self) -> RecordedPool:
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
        return [Event("finished", run)]

    def drop(self, run: Run) -> None:
        self.queue.popleft()
        self.ended.append(Event("stopped", run))

    def stop(self) -> None:
        self.ended += [Event("stopped", run) for run in self.queue]
        self.queue.clear()

    kill = stop


def replay(
    designs: RecordedDesigns, store: RecordedStore, known: Basis, seed: int, wanted: Callable[[str], bool]
) -> tuple[bool, int]:
    """A search until a wanted design (by name) has been trained on all datasets for all epochs: whether it came to that, and
    the epochs that it trained, those of the references not counted."""
    designs.study = dataclasses.replace(designs.study, search=dataclasses.replace(designs.study.search, seed=seed))
    trials = Trials(optuna.create_study(direction="maximize"))
    pool = RecordedPool(store)

    def heard(trial: FrozenTrial) -> None:
        if trial.state == TrialState.COMPLETE and wanted(trial.user_attrs["model"]):
            searching.halted = True

    searching = Searching(designs, known, trials, store, len(designs.all), on_trial=heard)  # type: ignore[arg-type]
    searching.run(pool, workers=1)
    return searching.halted, pool.epochs
