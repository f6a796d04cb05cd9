"""Which seeds train as one, and what becomes of such jobs."""

from types import SimpleNamespace

import pytest
from standin import executions, make_run

from archlab.runs import Store, execute, replicas
from archlab.runs.replicas import is_open, replicas_of
from archlab.runs.run import Replicas, Run


@pytest.fixture(autouse=True)
def one_core(monkeypatch):
    monkeypatch.setattr(replicas, "os", SimpleNamespace(cpu_count=lambda: 1))
    monkeypatch.setattr(replicas, "gpu_names", lambda: ())


def together(seeds, **changes) -> Replicas:
    return Replicas(**{**make_run(seeds[0], **changes).document(), "seeds": tuple(seeds)})


def computed(runs, store, **settings):
    events = []
    outcome = execute(runs, store, function="standin:train", on_event=events.append, **settings)
    return outcome, events


def test_seeds_of_one_model_and_dataset_in_equal_lots():
    runs = [make_run(seed, dataset_digest=digest) for seed in range(6) for digest in ("one", "two")]
    lots = replicas_of([*runs, make_run(0, width=0.5)])
    assert [(lot.dataset_digest, lot.seeds) for lot in lots] == [
        ("one", (0, 1, 2)),
        ("one", (3, 4, 5)),
        ("two", (0, 1, 2)),
        ("two", (3, 4, 5)),
    ]
    assert [lot.seeds for lot in replicas_of(map(make_run, (9, 4, 7, 2)))] == [(2, 4, 7, 9)]
    assert [lot.seeds for lot in replicas_of(map(make_run, range(5)))] == [(0, 1), (2, 3, 4)]


def test_no_core_stays_idle_for_them(monkeypatch):
    monkeypatch.setattr(replicas, "os", SimpleNamespace(cpu_count=lambda: 3))
    assert replicas_of([make_run(seed, width=width) for seed in range(4) for width in (1, 2)]) == []
    assert len(replicas_of([make_run(seed, width=width) for seed in range(4) for width in (1, 2, 3)])) == 3


def test_members_are_the_runs_themselves():
    lot = together((3, 1))
    again = Run.from_document(lot.document())
    assert again.key == lot.key and isinstance(again, Replicas)
    assert [member.key for member in lot.members] == [make_run(3).key, make_run(1).key]
    assert lot.key not in [member.key for member in lot.members]
    assert str(lot) == "toy on digits, seeds 3, 1"


def test_what_is_stored_is_not_trained_again_to_fuse_the_rest(tmp_path):
    lot, store = together((0, 1, 2)), Store(tmp_path)
    assert is_open(lot, store)
    computed([make_run(1)], store)
    assert not is_open(lot, store)
    (store.unfinished / lot.key).mkdir(parents=True)  # it was interrupted while results were being written
    assert is_open(lot, store)


def test_each_member_is_told_of_and_stored_once(tmp_path):
    lot, store = together((0, 1, 2), recipe={"epochs": 2, "together": True}), Store(tmp_path)
    outcome, events = computed([lot], store)
    assert outcome.failed == [] and outcome.computed == 3
    assert sorted(outcome.results) == sorted(member.key for member in lot.members)
    for seed in range(3):
        own = [event for event in events if event.run.seed == seed]
        assert [event.kind for event in own] == ["started", "epoch", "epoch", "finished"]
        assert own[1].detail["loss"] == 10 + seed
    assert not (store.unfinished / lot.key).exists()
    assert computed([lot], store)[0].computed == 0


@pytest.mark.parametrize("fault", ["raise", "kill", "refuse"])
def test_where_they_fail_together_members_are_computed_one_by_one(tmp_path, fault):
    lot, store = together((0, 1, 2), recipe={"fault": f"{fault} together"}), Store(tmp_path)
    outcome, events = computed([lot], store, workers=2)
    assert outcome.failed == [] and outcome.computed == 3
    assert len(executions(tmp_path, lot.key)) == (1 if fault == "refuse" else 2)
    assert all(len(executions(tmp_path, member.key)) == 1 for member in lot.members)
    assert [event.kind for event in events if event.run.seed == 2][-2:] == ["epoch", "finished"]


def test_a_member_that_fails_by_itself_is_listed_alone(tmp_path):
    lot, store = together((0, 1), recipe={"fault": "raise"}), Store(tmp_path)
    outcome, _ = computed([lot], store, retries=0)
    assert sorted(failure.run.seed for failure in outcome.failed) == [0, 1]
    assert "a loss" in outcome.failed[0].cause


def test_killed_between_two_results_it_writes_the_others(tmp_path):
    lot, store = together((0, 1)), Store(tmp_path)
    computed([make_run(0)], store)
    outcome, events = computed([make_run(0), lot], store)
    assert outcome.computed == 1 and len(outcome.results) == 2
    assert [event.kind for event in events if event.run.seed == 0] == ["stored"]
