"""What is chosen: by validation images alone, the best of as many tries for every model."""

import json
from collections import Counter

import pytest

from archlab.runs import Store
from archlab.study.ablating import ablate, planned_with_tries
from archlab.study.resolving import resolve
from tests.study.tuned_study import (
    BEST,
    STAND_IN,
    STUDY,
    Heard,
    chosen,
    documents_in,
    net,
    tuned,
    without,
)


@pytest.mark.slow
def test_each_model_and_dataset_is_trained_with_its_best_rate_after_as_many_tries_as_any_other(store):
    found = tuned(store)
    best = {
        (model, dataset): BEST.get(f"{model} on {dataset}", BEST[model])
        for model in ("low", "middle", "high")
        for dataset in ("digits", "textures")
    }
    assert chosen(found) == best
    assert {(run.model, run.dataset): run.recipe["lr"] for run in found.runs} == best
    assert all(run.recipe["steps"] == 400 and "test" not in run.recipe for run in found.runs)
    tries = [store.get(key)["run"] for key in set(store.keys()) - {run.key for run in found.runs}]
    assert set(Counter((each["model"], each["dataset"]) for each in tries).values()) == {5 + 3}
    assert {each["recipe"]["steps"] for each in tries} == {25, 100}
    edges = {(each["model"], each["dataset"]): each["at_edge"] for each in found.tuning["choices"]}
    assert edges["low", "digits"] == {"lr": "smallest"} and edges["high", "textures"] == {"lr": "largest"}
    assert edges["middle", "digits"] == edges["high", "digits"] == {}
    assert found.computed == 6 * 8 + 6 and found.tuning["cost"]["runs"] == 6 * 8


@pytest.mark.slow
def test_no_choice_sees_a_test_image_and_the_seeds_of_tries_are_never_reported(store):
    found = tuned(store, seeds=[0, 10_000])
    tries = [each for each in documents_in(store) if each["run"]["recipe"].get("test") is False]
    assert len(tries) == 6 * 8 and all(list(each["metrics"]) == ["validation"] for each in tries)
    assert {each["run"]["seed"] for each in tries} == {10_001}
    assert set(found.table["seed"]) == {0, 10_000}


@pytest.mark.slow
@pytest.mark.parametrize(("per", "unseen"), [("cell", 0.004), ("model", 0.001)])
def test_no_choice_looks_at_a_dataset_that_is_not_seen(store, per, unseen):
    found = tuned(store, unseen=["pines"], compare=STUDY["compare"][:2], tune={**STUDY["tune"], "per": per})
    rates = {run.dataset: run.recipe["lr"] for run in found.runs if run.model == "low"}
    assert rates == {"digits": 0.001, "textures": 0.001, "pines": unseen}
    runs = [(each["run"]["dataset"], each["run"]["recipe"].get("test", True)) for each in documents_in(store)]
    assert {dataset for dataset, tests in runs if not tests} == {"digits", "textures"}


@pytest.mark.slow
def test_an_edge_is_one_of_three_values_or_more(store, stand_in):
    stand_in(dict.fromkeys(BEST, 0.001))
    for rates, edge in (([0.001], {}), ([0.001, 0.002], {"lr": "smallest"})):
        heard = Heard()
        found = tuned(store, heard, tune={"lr": rates, "steps": 12})
        assert set(chosen(found).values()) == {0.001}
        assert all(each["at_edge"] == edge for each in found.tuning["choices"])
        said = "tuned: tuned: 6 of 6 choices are other values than the recipe's own"
        assert said + ("; 6 lie at the edge of what was tried" if edge else "") in heard.said


@pytest.mark.slow
def test_of_equals_the_one_nearest_to_the_recipe_is_chosen(store, stand_in):
    stand_in(dict.fromkeys(BEST, 0.008))  # as far from 0.004 as from 0.016
    assert set(chosen(tuned(store)).values()) == {0.004}


def test_per_model_all_datasets_have_one_choice_by_their_mean_rank(store, stand_in):
    """Of 0.001, 0.004 and 0.016 ranks are 1, 2, 3 on digits and 3, 1.5, 1.5 on textures, so the means 2, 1.75, 2.25."""
    stand_in({"low": 0.001, "low on textures": 0.008, "middle": 0.001, "middle on textures": 0.001, "high": 0.016})
    found = tuned(store, tune={"lr": [0.001, 0.016], "steps": 12, "per": "model"})
    assert {model: rate for (model, _), rate in chosen(found).items()} == {"low": 0.004, "middle": 0.001, "high": 0.016}
    assert len({(model, rate) for (model, _), rate in chosen(found).items()}) == 3


@pytest.mark.slow
def test_two_names_of_one_network_choose_alike(store, tmp_path, prepared, stand_in):
    """In one study, where they share their tries; and in a store of its own, where nothing is shared."""
    edits = [{"set": {"channel_attention": {"eca": {"gamma": 2.0}}}, "where": {"block": "inverted_residual"}}]
    base = {"name": "net", "layers": [{"conv": {"out": 8, "stride": 4}}, {"inverted_residual": {"out": 8}}]}
    study = {**STUDY, "base": base, "compare": [], "choices": {"attention": {"none": [], "eca": edits}}}
    study |= {"budget": {"params": "4k", "fit": "width"}, "effects": ["equal_budget", "raw"]}
    study["tune"] = {"lr": [0.002, 0.004, 0.008], "steps": 12}
    first = resolve(study, store.home)
    widths = {model.name: model.width for model in first.models}
    names = [name for name in widths if widths[name] == widths["net+attention=eca"] and name != "net"]
    assert len(names) == 2
    plan = planned_with_tries(first, store)
    keys = [{(run.recipe["lr"], run.dataset, run.key) for run in plan if run.model == name} for name in names]
    assert keys[0] == keys[1] and keys[0]

    stand_in({**BEST, "alias": BEST["low"]})

    def renamed(name):
        return {**STUDY, "name": name, "compare": [net(name, 8), net("middle", 16)]}

    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "datasets").symlink_to(prepared / "datasets")
    found, known = [], []
    for name, place in (("low", store), ("alias", Store(tmp_path / "other"))):
        one = ablate(renamed(name), place, STAND_IN)
        known.append([run.key for run in planned_with_tries(resolve(renamed(name), place.home), place)])
        found.append([(choice["chosen"], choice["chosen_value"]) for choice in one.tuning["choices"]])
        found[-1] += [row["value"] for row in one.document["cells"]]
    assert found[0] == found[1] and known[0] == known[1]


def test_rounds_of_seeds_go_on_with_what_was_chosen(store, stand_in):
    late = [{"set": {"out": 24}}]
    study = without(STUDY, "compare") | {"base": net("low", 8), "choices": {"change": {"none": [], "wide": late}}}
    stand_in({"low": 0.001, "low+change=wide": 0.016})
    study |= {"seeds": {"from": 2, "to": 3}, "tune": {"lr": [0.001, 0.016], "steps": 12}}
    found = ablate(study, store, STAND_IN, until="decided", within="2h")
    assert found.ended and {run.recipe["lr"] for run in found.runs} == {0.001, 0.016}
    assert found.document["tuning"]["choices"][0]["chosen"] == {"lr": 0.001}


@pytest.mark.slow
def test_trained_in_truth_tries_read_the_test_split_no_time_and_a_run_reads_it_once(
    store, workers, monkeypatch, tmp_path
):
    reads = tmp_path / "reads"
    given = {"function": "standin_reading:note_reads", "options": {"reads": str(reads)}}
    monkeypatch.setenv("STAND_IN", json.dumps(given))
    short = {"recipe": {"like": "quick", "steps": 4}, "tune": {"lr": [0.02], "steps": 4}}
    found = tuned(store, compare=STUDY["compare"][:1], suite=["digits"], **short)
    assert not found.failed and found.computed == 2 + 1
    asked = Counter(reads.read_text().splitlines())
    assert asked == {"try train": 2, "try validation": 2, "run train": 1, "run validation": 1, "run test": 1}
    (run,) = found.runs
    assert set(store.get(run.key)["metrics"]) == {"validation", "test"}
