"""A trainer's runs are those of their own candidate, also when others are long forgotten."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from archlab.executors import Settings
from archlab.foundation.metric import METRICS
from archlab.pick import trainer as module
from archlab.pick.trainer import Trainer
from archlab.runs import Store
from archlab.study.progress import Progress


@dataclass(frozen=True)
class Study:
    models: list[str] = field(default_factory=list)
    seeds: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Made:
    """Stands in for a run."""

    model: str
    seed: int = 0
    recipe: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Candidate:
    study: Study
    model: str


def test_a_run_is_never_that_of_a_candidate_that_is_gone(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "runs_of", lambda study, home: [Made(model) for model in study.models])
    trainer = Trainer(METRICS["accuracy"], Store(tmp_path), Settings(workers=1), Progress())
    for number in range(100):  # each is freed when the next is made, and would have its id
        name = f"model {number}"
        assert trainer.run(Candidate(Study(), name), 60, 0).model == name


def test_where_there_is_no_time_to_measure_it_each_run_has_a_card_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr("archlab.executors.settings.gpu_count", lambda: 2)
    monkeypatch.setattr("archlab.executors.settings.torch_has_gpus", lambda: True)
    monkeypatch.setattr(module, "with_workers", lambda settings, *_: settings if settings.workers else None)
    trainer = Trainer(METRICS["accuracy"], Store(tmp_path), Settings(), Progress(), measures=False)
    assert trainer.sharing([Made("a")]).workers == 2
    given = Trainer(METRICS["accuracy"], Store(tmp_path), Settings(workers=5), Progress(), measures=False)
    assert given.sharing([Made("a")]).workers == 5
    measured = Trainer(METRICS["accuracy"], Store(tmp_path), Settings(), Progress())
    assert measured.sharing([Made("a")]) is None
    for elsewhere in (Settings(executor="ray"), Settings(device="cpu")):
        assert Trainer(METRICS["accuracy"], Store(tmp_path), elsewhere, Progress(), measures=False).cards == 0


def test_runs_read_no_test_image_and_have_the_steps_and_the_seed_that_are_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "runs_of", lambda study, home: [Made(model) for model in study.models])
    trainer = Trainer(METRICS["accuracy"], Store(tmp_path), Settings(workers=1), Progress())
    run = trainer.run(Candidate(Study(), "a"), 60, 2, lr=0.1)
    assert dataclasses.asdict(run) == {
        "model": "a",
        "seed": 2,
        "recipe": {"epochs": None, "steps": 60, "test": False, "lr": 0.1},
    }
