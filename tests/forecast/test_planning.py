import dataclasses
from types import SimpleNamespace

import pytest
from standin import compute, make_run, make_trained

from archlab.cli.plan_text import elsewhere, rows, summary
from archlab.data import Expected, entry
from archlab.data.expected import NOT_PREPARED
from archlab.executors import Outcome, Settings, Task
from archlab.forecast import Plan, costs, plan, planning, smoke
from archlab.forecast.costs import Prediction, Speed, Work
from archlab.foundation.machine import cpu_name
from archlab.foundation.words import duration
from archlab.runs import Store
from archlab.training.pace import SHARE

SIZES = {"digits": {"train": 64, "validation": 8, "test": 20}, "glyphs": {"train": 96, "validation": 16, "test": 4}}


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A store beside two prepared datasets, on a machine that the stand-in measures."""

    def prepared(run, home):
        return SimpleNamespace(digest=run.dataset, counts=SIZES[run.dataset].__getitem__)

    monkeypatch.setattr(costs, "_images", lambda data, split: data.counts(split))
    monkeypatch.setattr(costs, "_data", prepared)
    monkeypatch.setattr(planning, "MEASURE", Task("standin:measure", keep=False))
    return Store(tmp_path)


def run_of(model="m1", dataset="digits", seed=0, **recipe):
    recipe = {"resolution": 32, "batch_size": 16, "epochs": 2, "lr": 0.1, **recipe}
    layers = [{"block": model}]
    return make_run(
        seed,
        model=model,
        architecture={"layers": layers, "head": {}, "resolution": 32},
        dataset=dataset,
        dataset_digest=dataset,
        recipe=recipe,
    )


def finish(store, run, seconds, hardware=None, memory=100):
    result = make_trained(run)
    result.seconds, result.peak_memory = seconds, memory
    result.mode = {"device": "cpu", "hardware": hardware or cpu_name()}
    work = costs.work_of(run, store.home)
    result.history = [
        {"epoch": epoch + 1, "steps": work.steps * (epoch + 1) // work.epochs} for epoch in range(work.epochs)
    ]
    store.put(run, result)


def test_work_is_counted_as_training_does_it(store):
    assert costs.work_of(run_of(), store.home) == Work(steps=8, batch_size=16, epochs=2, validation=8, test=20)
    assert costs.work_of(run_of(epochs=None, steps=9), store.home).epochs == 3
    assert costs.work_of(run_of(batch_size=100), store.home).steps == 2
    work = Work(steps=8, batch_size=16, epochs=2, validation=8, test=20)
    assert Speed(setup=1, step=2, image=0.5, checkpoint=0.25, memory=1).seconds(work) == 1 + 16 + 0.5 * 44 + 0.5
    slow_disk = Speed(setup=1, step=2, image=0.5, checkpoint=9, memory=1)
    assert slow_disk.seconds(work) == pytest.approx(39 + 9 + SHARE * 39), (
        "the first, and what takes a share of the time"
    )


def test_measured_once_per_model_and_remembered(store):
    runs = [run_of(model, dataset, seed) for model in ("m1", "m2") for dataset in SIZES for seed in range(3)]
    first = plan(runs, store, Settings(workers=2))
    assert [p.source for _, p in first.missing] == ["measured"] * 12
    assert sorted((store.home / "measured").read_text().split()) == ["m1", "m2"]
    seconds = {(run.model, run.dataset): p.seconds for run, p in first.missing}
    assert seconds["m1", "digits"] == 1 + 8 * 1 + 0.5 * (3 * 8 + 20) + 0.5
    assert seconds["m2", "glyphs"] == 1 + 12 * 2 + 0.5 * (3 * 16 + 4) + 0.5
    longest_first = [p.seconds for _, p in first.missing]
    assert longest_first == sorted(longest_first, reverse=True)
    assert plan(runs, store, Settings(workers=2)).predicted == first.predicted
    assert len((store.home / "measured").read_text().split()) == 2
    assert list(store.keys()) == []


def test_without_measuring_nothing_is_known_and_nothing_started(store):
    planned = plan([run_of()], store, measure=False)
    assert planned.missing[0][1] is None and planned.work == 0 and not (store.home / "measured").exists()
    assert "nothing is known" in summary(planned)


def test_what_cannot_be_measured_comes_first_and_is_not_predicted(store):
    planned = plan([run_of("m1"), run_of("m3")], store, Settings(workers=1))
    assert [run.model for run in planned.runs] == ["m3", "m1"]
    assert [prediction and prediction.source for _, prediction in planned.missing] == [None, "measured"]
    assert planned.document()["not_predicted"] == 1


def test_finished_runs_predict_other_seeds_and_other_datasets(store):
    for seed, seconds in enumerate((9.0, 10.0, 30.0)):
        finish(store, run_of(seed=seed), seconds, memory=100 + seed)
    finish(store, run_of(seed=7), 1.0, hardware="another machine")
    planned = plan([run_of(seed=0), run_of(seed=3), run_of(dataset="glyphs")], store)
    assert len(planned.stored) == 1 and not (store.home / "measured").exists()
    by_dataset = {run.dataset: prediction for run, prediction in planned.missing}
    assert by_dataset["digits"] == Prediction(10.0, 102, "finished")
    digits, glyphs = (costs.work_of(run_of(dataset=name), store.home) for name in ("digits", "glyphs"))
    assert by_dataset["glyphs"].source == "scaled"
    assert by_dataset["glyphs"].seconds == pytest.approx(10.0 * glyphs.images / digits.images)
    costs.keep_speed(store, costs.kind_of(run_of()), Speed(setup=4, step=1, image=1, checkpoint=1, memory=1))
    ((_, again),) = plan([run_of(dataset="glyphs")], store).missing
    assert again.seconds == pytest.approx(4.0 + 6.0 * glyphs.images / digits.images), (
        "starting takes as long for any length"
    )


@pytest.mark.parametrize(("gpus", "seconds"), [(1, 30.0), (0, 900.0)])
def test_runs_of_a_cpu_say_nothing_of_a_gpu_nor_the_other_way_round(store, monkeypatch, gpus, seconds):
    finish(store, run_of(seed=0), 900.0)
    finish(store, run_of(seed=1), 30.0, hardware="a card")
    monkeypatch.setattr(Settings, "gpus_here", gpus)
    monkeypatch.setattr(costs, "gpu_names", lambda: ("a card",))
    ((_, prediction),) = plan([run_of(seed=2)], store, Settings(workers=1)).missing
    assert (prediction.seconds, prediction.source) == (seconds, "finished")


def planned(*seconds, workers=2):
    pairs = [(run_of(seed=seed), Prediction(s, 2**30, "measured")) for seed, s in enumerate(seconds)]
    return Plan([run_of(seed=99)], pairs, workers)


def test_totals():
    one = planned(5.0, 4.0, 3.0, 3.0)
    assert one.work == 15 and one.wall == 8 and one.memory == 2 * 2**30
    assert planned(5.0, 4.0, 3.0, 3.0, workers=1).wall == 15
    assert planned(5.0, 4.0, workers=7).wall == 5
    assert Plan([run_of()], [], 2).wall == 0
    text = summary(one)
    assert text.startswith("5 runs, 1 stored, 4 to compute: about 15 s of work, 8 s on 2 workers, up to 2.0 GiB")
    assert rows(one) == [("m1", "digits", "5", "1", "5 s", "1.00 GiB", "measured")]
    assert summary(Plan([run_of()], [], 2)) == "1 run, all stored: nothing to compute"
    assert all(summary(planned(seconds)).endswith("; done never") for seconds in (1e14, 1e30))
    assert [planned(seconds).document()["finishes"] is None for seconds in (60.0, 1e14, 1e30)] == [False, True, True]


def test_predictions_are_judged_by_what_finished():
    one = planned(10.0, 10.0, 20.0)
    actual = dict(zip(one.predicted, (12.0, 10.0), strict=False))
    judgement = one.judge(Outcome(results={key: {"seconds": seconds} for key, seconds in actual.items()}))
    assert judgement.ratio == pytest.approx(1.1) and judgement.typical_error == pytest.approx(0.1)
    assert str(judgement) == "predicted 20 s of work, took 22 s (1.10 times); a run was 10% off (median)"
    assert one.judge(Outcome()) is None


def test_smoke_tries_every_model_on_every_dataset_once_and_stores_nothing(store, monkeypatch):
    monkeypatch.setattr(planning, "TRY", Task("standin:measure", keep=False))
    runs = [run_of(model, dataset, seed) for model in ("m1", "m3") for dataset in SIZES for seed in range(3)]
    failures = smoke(runs, store, Settings(workers=2))
    assert sorted((store.home / "measured").read_text().split()) == ["m1", "m1", "m3", "m3"]
    assert {(failure.run.model, failure.run.dataset) for failure in failures} == {("m3", "digits"), ("m3", "glyphs")}
    assert "killed by SIGKILL" in str(failures[0])
    assert list(store.keys()) == [] and not store.unfinished.exists()


def test_smoke_tries_a_model_in_each_of_its_recipes(store, monkeypatch):
    """Also where they differ in nothing that a step's cost depends on."""
    monkeypatch.setattr(planning, "TRY", Task("standin:measure", keep=False))
    assert smoke([run_of(), run_of(balance=True), run_of(seed=1)], store, Settings(workers=1)) == []
    assert (store.home / "measured").read_text().split() == ["m1", "m1"]


def test_a_plan_is_executed_in_its_order(store):
    planned = plan([run_of("m1"), run_of("m2")], store)
    started = []
    compute(
        planned.runs,
        store,
        on_event=lambda event: started.append(event.run.model) if event.kind == "started" else None,
    )
    assert started == ["m2", "m1"]


@pytest.fixture
def unprepared(tmp_path, monkeypatch):
    """A store without data, on a machine that the stand-in measures, where MACs are as many as the classes."""
    monkeypatch.setattr(planning, "MEASURE", Task("standin:measure", keep=False))
    monkeypatch.setattr(planning, "macs_of", lambda run: run.num_classes)
    return Store(tmp_path)


def expected(model, dataset, classes):
    run, digest = run_of(model, dataset), NOT_PREPARED + dataset
    return dataclasses.replace(run, dataset_digest=digest, num_classes=classes, resolution=classes)


def test_a_plan_before_the_data_counts_with_the_catalogue_and_measures_one_run_a_model(unprepared):
    runs = [expected("m1", "cifar100", 100), expected("m1", "cifar10", 10), expected("m2", "ham10000", 7)]
    planned = plan(runs, unprepared, Settings(workers=2))
    predicted = {(run.model, run.dataset): prediction for run, prediction in planned.missing}
    assert sorted((unprepared.home / "measured").read_text().split()) == ["m1", "m2"]
    steps = 2 * (45_000 // 16)
    evaluated = 3 * 5_000 + 10_000
    assert predicted["m1", "cifar10"].seconds == 1 + steps + 0.5 * evaluated + 0.5
    assert predicted["m1", "cifar100"].seconds == pytest.approx(1 + 10 * steps + 5 * evaluated + 0.5)
    assert [predicted["m1", name].source for name in ("cifar10", "cifar100")] == ["measured", "measured, scaled"]
    assert predicted["m2", "ham10000"].seconds > 0
    assert len((unprepared.home / "measured").read_text().split()) == 2
    plan(runs, unprepared, Settings(workers=2))
    assert len((unprepared.home / "measured").read_text().split()) == 2


def test_datasets_that_are_prepared_already_leave_none_of_the_others_without_a_prediction(unprepared, monkeypatch):
    there, data = SimpleNamespace(counts=lambda split: [SIZES["digits"][split]]), costs._data
    monkeypatch.setattr(costs, "_data", lambda run, home: there if run.dataset == "digits" else data(run, home))
    runs = [expected("m1", "cifar10", 10), run_of("m1"), expected("m1", "cifar100", 100)]
    planned = plan(runs, unprepared, Settings(workers=1))
    sources = {run.dataset: prediction and prediction.source for run, prediction in planned.missing}
    assert sources == {"cifar10": "measured", "digits": "measured", "cifar100": "measured, scaled"}


def test_two_datasets_before_the_data_are_two_runs_whatever_they_have_in_common(unprepared):
    folder = unprepared.home / "datasets" / "catalogue"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("name: mine\nlike: cifar10\n")
    ours, theirs = (
        dataclasses.replace(run_of(dataset=name), dataset_digest=Expected(entry(name, unprepared.home), 32).digest)
        for name in ("mine", "cifar10")
    )
    assert ours.key != theirs.key and ours.num_classes == theirs.num_classes
    planned = plan([ours, theirs], unprepared, Settings(workers=1))
    assert sorted(run.dataset for run in planned.runs) == ["cifar10", "mine"] and planned.work > 0


def test_runs_on_data_of_unknown_size_are_not_predicted(unprepared):
    folder = unprepared.home / "datasets" / "catalogue"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("name: mine\nlike: cifar10\nimages: {}\n")
    planned = plan([expected("m1", "mine", 10)], unprepared, Settings(workers=1))
    assert planned.document()["not_predicted"] == 1


def test_what_was_measured_on_another_machine_is_planned_with_beside_this_one(unprepared, monkeypatch):
    runs = [expected("m1", "cifar10", 10)]
    with monkeypatch.context() as other:
        other.setattr(Settings, "gpus_here", 1)
        other.setattr(costs, "gpu_names", lambda: ("a card",))
        other.setattr(costs, "cpu_name", lambda: "its host")
        there = plan(runs, unprepared, Settings(workers=1))
    assert there.elsewhere == {}
    here = plan(runs, unprepared, Settings(workers=1), measure=False)
    (beside,) = here.document()["elsewhere"]
    assert beside == {"hardware": "its host, a card", "work_seconds": there.work, "not_predicted": 0}
    assert here.document()["not_predicted"] == 1
    assert elsewhere(here) == [f"on its host, a card: about {duration(there.work)} of work"]
