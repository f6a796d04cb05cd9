"""Equal tuning with a stand-in for training whose best learning rates are known, and once with training itself."""

import json
import math
import os
from collections import Counter
from itertools import pairwise, product

import pytest
import standin_executor
import standin_training

from archlab.data import open_prepared
from archlab.executors import Interrupted, Outcome, Settings
from archlab.foundation import UserError, read_yaml_text
from archlab.runs import Failure, Store
from archlab.study.ablating import ablate, planned_with_tries, runs_of
from archlab.study.loading import load_study
from archlab.study.progress import Progress
from archlab.study.resolving import resolve
from archlab.study.search.search import search
from archlab.study.source import override
from archlab.study.tries import FEWEST_STEPS, rungs
from archlab.training.reading import load_recipe

RATES = [0.001, 0.002, 0.016, 0.032]
BEST = {"low": 0.001, "middle": 0.004, "high": 0.016, "high on textures": 0.032}
HIGHEST = 1.0
LOST = "killed by signal 9"


def net(name, out):
    return {"name": name, "layers": [{"conv": {"out": out, "stride": 4}}]}


STUDY = {
    "name": "tuned",
    "compare": [net("low", 8), net("middle", 16), net("high", 24)],
    "budget": "none",
    "suite": ["digits", "textures"],
    "recipe": "quick",  # 200 steps at 0.004
    "tune": {"lr": RATES, "steps": 100},
}
STAND_IN = Settings(executor=standin_executor.PATH, workers=2, retries=0)


@pytest.fixture(autouse=True)
def stand_in(monkeypatch):
    """Training is a stand-in; calling this says what is best, which rates diverge, and of which model and rate workers are
    lost."""

    def says(best=BEST, highest=HIGHEST, lost=()):
        given = {"function": "standin_training:tune", "options": {"best": best, "highest": highest, "lost": lost}}
        monkeypatch.setenv("STAND_IN", json.dumps(given))

    says()
    return says


@pytest.fixture(autouse=True)
def here(request, monkeypatch):
    """Runs are computed in this process, unless a test has `workers`."""

    def execute(runs, store, settings, *, task, on_event):
        given, outcome = json.loads(os.environ["STAND_IN"]), Outcome()
        for run in {run.key: run for run in runs}.values():
            if run.key not in store:
                if [run.model, run.recipe["lr"]] in given["options"]["lost"]:
                    outcome.failed.append(Failure(run, LOST, 2))
                    continue
                try:
                    store.put(run, standin_training.tune(run, home=None, folder=None, report=None, **given["options"]))
                except standin_training.DivergenceError as error:
                    outcome.failed.append(Failure(run, f"DivergenceError: {error}", 1))
                    continue
                outcome.computed += 1
            outcome.results[run.key] = store.get(run.key)
        return outcome

    if "workers" not in request.fixturenames:
        monkeypatch.setattr("archlab.study.computing.execute", execute)


@pytest.fixture
def workers():
    """Runs are computed by worker processes."""


@pytest.fixture(autouse=True)
def nothing_is_measured(monkeypatch):
    monkeypatch.setattr("archlab.forecast.planning._measure", lambda *arguments: None)
    monkeypatch.setattr("archlab.study.ablating.save_latencies", lambda *arguments: None)


class Heard(Progress):
    def __init__(self, stop_at=None):
        self.said, self.stop_at = [], stop_at

    def say(self, words):
        self.said.append(words)

    def computing(self, what, plan):
        if self.stop_at and self.stop_at in what:
            raise Interrupted(None)
        return super().computing(what, plan)


def tuned(store, progress=None, **changes):
    return ablate({**STUDY, **changes}, store, STAND_IN, progress)


def chosen(found):
    return {(each["model"], each["dataset"]): each["chosen"]["lr"] for each in found.tuning["choices"]}


def documents_in(store):
    return list(map(store.get, store.keys()))


def without(document, *keys):
    return {key: value for key, value in document.items() if key not in keys}


def test_each_model_and_dataset_is_trained_with_its_best_rate_after_as_many_tries_as_any_other(store):
    found = tuned(store)
    best = {
        (model, dataset): BEST.get(f"{model} on {dataset}", BEST[model])
        for model in ("low", "middle", "high")
        for dataset in ("digits", "textures")
    }
    assert chosen(found) == best
    assert {(run.model, run.dataset): run.recipe["lr"] for run in found.runs} == best
    assert all(run.recipe["steps"] == 200 and "test" not in run.recipe for run in found.runs)
    tries = [store.get(key)["run"] for key in set(store.keys()) - {run.key for run in found.runs}]
    assert set(Counter((each["model"], each["dataset"]) for each in tries).values()) == {5 + 3}
    assert {each["recipe"]["steps"] for each in tries} == {25, 100}
    edges = {(each["model"], each["dataset"]): each["at_edge"] for each in found.tuning["choices"]}
    assert edges["low", "digits"] == {"lr": "smallest"} and edges["high", "textures"] == {"lr": "largest"}
    assert edges["middle", "digits"] == edges["high", "digits"] == {}
    assert found.computed == 6 * 8 + 6 and found.tuning["cost"]["runs"] == 6 * 8


def test_no_choice_sees_a_test_image_and_the_seeds_of_tries_are_never_reported(store):
    found = tuned(store, seeds=[0, 10_000])
    tries = [each for each in documents_in(store) if each["run"]["recipe"].get("test") is False]
    assert len(tries) == 6 * 8 and all(list(each["metrics"]) == ["validation"] for each in tries)
    assert {each["run"]["seed"] for each in tries} == {10_001}
    assert set(found.table["seed"]) == {0, 10_000}


def test_run_again_or_interrupted_between_rungs_it_trains_nothing_twice_and_says_the_same(store):
    with pytest.raises(Interrupted):
        tuned(store, Heard(stop_at="tries of 100 steps"))
    assert len(list(store.keys())) == 6 * 5
    whole = tuned(store)
    assert whole.computed == 6 * 3 + 6
    again = tuned(store)
    assert again.computed == 0 and without(again.document, "computed") == without(whole.document, "computed")
    elsewhere = tuned(Store(store.home))
    assert elsewhere.tuning == whole.tuning


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


def test_a_try_that_diverges_is_the_worst_and_is_not_made_again(store, stand_in):
    stand_in({**BEST, "high": 0.032}, highest=0.02)
    heard = Heard()
    found = tuned(store, heard)
    assert chosen(found)["high", "digits"] == 0.016
    assert {each["values"]["lr"] for each in found.tuning["failed"]} == {0.032}
    assert len(found.tuning["failed"]) == 6 and not found.failed
    said = [words for words in heard.said if words.startswith("a try counts as the worst: ")]
    assert len(said) == 6 and "lr 0.032: DivergenceError: the loss is nan" in said[0]
    stand_in(highest=1.0)
    again = tuned(store)
    assert again.computed == 0 and again.tuning == found.tuning


def test_a_try_that_fails_and_does_not_diverge_lets_nothing_be_chosen_and_the_same_command_goes_on(store, stand_in):
    """The rate that is best for `high` on digits is lost, which was to win; and what diverges in that rung is remembered."""
    stand_in(highest=0.02, lost=[["high", 0.016]])
    heard = Heard()
    lost = f"nothing is chosen: high on digits, seed 10000, lr 0.016: {LOST} (and 1 more); what has ended is kept, and the same"
    with pytest.raises(UserError) as error:
        tuned(store, heard)
    assert lost in str(error.value) and "\n" not in str(error.value)
    stored = documents_in(store)
    assert len(stored) == 6 * 4 - 2 and all(each["run"]["recipe"].get("test") is False for each in stored)
    assert not any("choices are" in words for words in heard.said)
    stand_in(highest=1.0)
    found = tuned(store)
    assert chosen(found)["high", "digits"] == 0.016 and found.computed == 2 + 6 * 3 + 6
    assert {each["values"]["lr"] for each in found.tuning["failed"]} == {0.032}


def test_where_every_try_diverges_the_recipe_stays(store, stand_in):
    stand_in(highest=0.0)
    found = tuned(store)
    assert set(chosen(found).values()) == {0.004} and len(found.failed) == 6
    assert {each["chosen_value"] for each in found.tuning["choices"]} == {None}


def test_what_the_recipe_says_is_tried_to_the_end_even_where_it_is_the_worst(store, stand_in):
    stand_in(dict.fromkeys(BEST, 0.064))
    found = tuned(store, tune={"lr": [0.016, 0.032, 0.064, 0.128], "steps": 100})
    values = [(each["own_value"], each["chosen_value"]) for each in found.tuning["choices"]]
    assert values == [(pytest.approx(0.9 - 0.05 * 4), 0.9)] * 6
    assert found.tuning["cost"]["runs"] == 6 * (5 + 3)


def test_an_edge_is_one_of_three_values_or_more(store, stand_in):
    stand_in(dict.fromkeys(BEST, 0.001))
    for rates, edge in (([0.001], {}), ([0.001, 0.002], {"lr": "smallest"})):
        heard = Heard()
        found = tuned(store, heard, tune={"lr": rates, "steps": 12})
        assert set(chosen(found).values()) == {0.001}
        assert all(each["at_edge"] == edge for each in found.tuning["choices"])
        said = "tuned: tuned: 6 of 6 choices are other values than the recipe's own"
        assert said + ("; 6 lie at the edge of what was tried" if edge else "") in heard.said


def test_of_equals_the_one_nearest_to_the_recipe_is_chosen(store, stand_in):
    stand_in(dict.fromkeys(BEST, 0.008))  # as far from 0.004 as from 0.016
    assert set(chosen(tuned(store)).values()) == {0.004}


def test_per_model_all_datasets_have_one_choice_by_their_mean_rank(store, stand_in):
    """Of 0.001, 0.004 and 0.016 ranks are 1, 2, 3 on digits and 3, 1.5, 1.5 on textures, so the means 2, 1.75, 2.25."""
    stand_in({"low": 0.001, "low on textures": 0.008, "middle": 0.001, "middle on textures": 0.001, "high": 0.016})
    found = tuned(store, tune={"lr": [0.001, 0.016], "steps": 12, "per": "model"})
    assert {model: rate for (model, _), rate in chosen(found).items()} == {"low": 0.004, "middle": 0.001, "high": 0.016}
    assert len({(model, rate) for (model, _), rate in chosen(found).items()}) == 3


@pytest.mark.parametrize(("per", "unseen"), [("cell", 0.004), ("model", 0.001)])
def test_no_choice_looks_at_a_dataset_that_is_not_seen(store, per, unseen):
    found = tuned(store, unseen=["pines"], compare=STUDY["compare"][:2], tune={**STUDY["tune"], "per": per})
    rates = {run.dataset: run.recipe["lr"] for run in found.runs if run.model == "low"}
    assert rates == {"digits": 0.001, "textures": 0.001, "pines": unseen}
    runs = [(each["run"]["dataset"], each["run"]["recipe"].get("test", True)) for each in documents_in(store)]
    assert {dataset for dataset, tests in runs if not tests} == {"digits", "textures"}


def test_the_grid_is_tried_whole_and_what_recipes_have_of_their_own_joins_it_for_every_model(store):
    recipe = {"like": "quick", "exemptions": [{"models": ["high"], "datasets": ["digits"], "set": {"lr": 0.0005}}]}
    study = resolve(
        {**STUDY, "recipe": recipe, "tune": {"lr": RATES[:2], "weight_decay": [0, 0.05], "steps": 12}}, store.home
    )
    grid = [{"lr": lr, "weight_decay": decay} for lr in RATES[:2] for decay in (0.0, 0.05)]
    own = [{"lr": 0.004, "weight_decay": 0.05}, {"lr": 0.0005, "weight_decay": 0.05}]
    assert study.tune["candidates"] == grid + own
    tries = Counter((run.model, run.dataset) for run in planned_with_tries(study, store) if "test" in run.recipe)
    assert set(tries.values()) == {6} and len(tries) == 6


def test_a_plan_counts_what_will_be_computed_and_then_knows_what_was_chosen(store):
    study = resolve(STUDY, store.home)
    planned = planned_with_tries(study, store)
    found = tuned(store)
    assert len({run.key for run in planned}) == found.computed
    assert Counter(run.recipe["steps"] for run in planned) == {25: 30, 100: 18, 200: 6}
    assert all(run.key in store for run in planned_with_tries(study, store))
    assert {run.key for run in found.runs} <= {run.key for run in planned_with_tries(study, store)}


def test_the_untuned_study_s_runs_are_named_and_its_tries_are_runs_that_recipes_read_back(store):
    found = tuned(store)
    plain = runs_of(resolve(without(STUDY, "tune"), store.home), store.home)
    assert [each["key"] for each in found.tuning["untuned"]] == [run.key for run in plain]
    for document in documents_in(store):
        recipe = document["run"]["recipe"]
        assert load_recipe(recipe).canonical() == recipe


def test_rungs_grow_to_the_steps_asked_for_the_better_half_goes_on_and_it_costs_less_than_all_in_full():
    for tries, steps in product(range(2, 40), (1, 99, 100, 400, 4000)):
        found = rungs(tries, steps)
        assert found[0].tries == tries and found[-1].steps == steps and found[-1].tries >= 2
        for rung, following in pairwise(found):
            assert following.tries == math.ceil(rung.tries / 2) and rung.steps == following.steps // 4 >= FEWEST_STEPS
        cost = sum(rung.tries * rung.steps for rung in found)
        assert cost < tries * steps if len(found) > 1 else cost == tries * steps


TEXT = """
name: wrong
compare: [{name: low, layers: [{conv: {out: 8}}]}, mobilenetv2]
suite: [digits, textures]
recipe: {like: quick, RECIPE}
tune: {TUNE}
"""


@pytest.mark.parametrize(
    ("recipe", "tune", "message"),
    [
        ("steps: 60", "steps: 40", ":5: a study: tune needs values to try of lr, weight_decay, momentum or label_smoothing"),
        ("steps: 60", "lr: [], steps: 40", ":5: a study: tune needs values to try"),
        ("steps: 60", "lr: [0.1, 1e-1], steps: 40", ":5: a study: tune: lr has 0.1 more than once"),
        ("steps: 60", "lr: [-1], steps: 40", ":5: tune: lr must be a number of at least 0, not -1"),
        ("steps: 60", "lr: [0.1]", ":5: tune needs the key 'steps'"),
        ("steps: 60", "rate: [0.1], steps: 40", "tune has no key 'rate'"),
        ("steps: 60", "lr: [0.004], steps: 40", ":5: tune has nothing to choose from: its only values are the recipe's own"),
        ("steps: 60", "lr: [0.1], steps: 61", ":5: tune: tries of 61 steps are longer than the 60 of the recipe quick"),
        ("with_validation: true", "lr: [0.1], steps: 40", ":5: tune chooses by validation images, and the recipe"),
        ("steps: 60", "momentum: [0.9, 0.5], steps: 40", ":5: tune: momentum is of sgd alone"),
        ("final_lr: 1e-3", "lr: [1e-4], steps: 40", "digits: final_lr, 0.001, is above lr, 0.0001"),
        ("exemptions: [{datasets: [digits], set: {lr: 0.1}}]", "lr: [0.2], steps: 40, per: model",
         ":5: tune: `per: model` chooses the same values for all datasets, and the recipe"),
        ("exemptions: [{set: {tune: {lr: [0.1], steps: 4}}}]", "lr: [0.2], steps: 40",
         ":4: an exemption cannot tune: every model has the same tries"),
        ("test: false", "lr: [0.2], steps: 40", "reads no test images, which studies score"),
        ("steps: 60, tune: {lr: [0.1, 0.1], steps: 4}", "lr: [0.2], steps: 40", ":4: a recipe: tune: lr has 0.1 more"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line_before_anything_runs(store, recipe, tune, message):
    text = TEXT.replace("RECIPE", recipe).replace("TUNE", tune)
    with pytest.raises(UserError) as error:
        resolve(read_yaml_text(text.strip(), source="wrong.yaml"), store.home)
    assert message in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("dataset", ["digits", "cifar10"])
def test_tries_are_no_longer_than_the_epochs_of_a_recipe(store, dataset):
    """Of a dataset that is prepared, and of one of which the catalogue says how many images it has: 50000 to train with, a
    tenth of them for validation."""
    images = 45000 if dataset == "cifar10" else sum(open_prepared("digits", store.home, 8).counts("train"))
    whole = 2 * (images // 16)
    study = {**STUDY, "suite": [dataset], "recipe": {"like": "quick", "epochs": 2, "steps": "none"}}
    with pytest.raises(UserError) as error:
        planned_with_tries(resolve({**study, "tune": {"lr": RATES, "steps": whole + 1}}, store.home), store)
    longer = (
        f"tune: tries of {whole + 1} steps are longer than the training of low on {dataset}: 2 epochs are {whole} steps"
    )
    assert longer in str(error.value) and "\n" not in str(error.value)
    assert planned_with_tries(resolve({**study, "tune": {"lr": RATES, "steps": whole}}, store.home), store)


def test_the_study_s_tune_goes_before_the_recipe_s_which_others_bring_along(home):
    recipe = {"like": "quick", "tune": {"lr": [0.1], "steps": 4}}
    assert load_study({**without(STUDY, "tune"), "recipe": recipe}).tune.lr == (0.1,)
    assert load_study({**STUDY, "recipe": recipe}).tune.lr == tuple(RATES)
    assert load_study({**STUDY, "recipe": recipe, "tune": "none"}).tune is None
    assert load_study(override(STUDY, recipe="thorough")).tune.lr == tuple(RATES)
    of_recipe = {**without(STUDY, "tune"), "recipe": recipe}
    assert load_study(override(of_recipe, recipe="thorough")).tune is None
    assert load_study(override(of_recipe, recipe=recipe)).name == "tuned"
    longer = load_recipe({"like": recipe, "tune": {"steps": 8}})
    assert longer.tune.lr == (0.1,) and longer.tune.steps == 8
    assert load_recipe({"like": recipe, "tune": "none"}).tune is None
    assert longer.canonical() == load_recipe("quick").canonical()


def test_a_search_does_not_tune(store):
    study = {**STUDY, "base": net("low", 8), "choices": {"width": [{"set": {"out": {"range": [1, 8]}}}]}}
    with pytest.raises(UserError, match="a search does not tune: tuned and its recipes must not say `tune`"):
        search(study, store, STAND_IN)


def test_what_a_choice_sets_is_not_tuned_and_other_choices_of_training_are(store):
    def of(change):
        choices = {"training": {"plain": [], "other": [{"recipe": change}]}}
        return resolve({**without(STUDY, "compare"), "base": net("low", 8), "choices": choices}, store.home)

    exemptions = [{"models": ["low"], "datasets": ["textures"], "set": {"lr": 0.01}}]
    exempted = {"like": "quick", "label_smoothing": 0.2, "exemptions": exemptions}
    for change in ({"lr": 0.01}, {"like": "quick", "lr": 0.01}, exempted):
        with pytest.raises(UserError, match=r"tune: a choice sets lr for low\+training=other, so it cannot be tuned"):
            of(change)
    for change in ({"label_smoothing": 0.2}, {"like": "quick", "label_smoothing": 0.2}):
        tries = Counter(run.model for run in planned_with_tries(of(change), store) if "test" in run.recipe)
        assert tries == {"low": 2 * 8, "low+training=other": 2 * 8}


def test_rounds_of_seeds_go_on_with_what_was_chosen(store, stand_in):
    late = [{"set": {"out": 24}}]
    study = without(STUDY, "compare") | {"base": net("low", 8), "choices": {"change": {"none": [], "wide": late}}}
    stand_in({"low": 0.001, "low+change=wide": 0.016})
    study |= {"seeds": {"from": 2, "to": 3}, "tune": {"lr": [0.001, 0.016], "steps": 12}}
    found = ablate(study, store, STAND_IN, until="decided", within="2h")
    assert found.ended and {run.recipe["lr"] for run in found.runs} == {0.001, 0.016}
    assert found.document["tuning"]["choices"][0]["chosen"] == {"lr": 0.001}


def test_tries_that_do_not_end_in_time_are_not_begun(store, monkeypatch):
    monkeypatch.setattr("archlab.forecast.planning.Plan.wall", property(lambda plan: 200.0))
    study = {**STUDY, "base": net("low", 8), "choices": {"change": {"none": [], "wide": [{"set": {"out": 32}}]}}}
    with pytest.raises(UserError, match="the tries and the first round take about 3 min 20 s"):
        ablate(study, store, STAND_IN, until="decided", within="90s")
    assert not list(store.keys())


def test_the_command_plans_the_tries_and_prints_what_was_chosen(store, command, tmp_path, workers):
    path = tmp_path / "tuned.yaml"
    path.write_text(json.dumps(STUDY))  # JSON is YAML
    given = ("ablate", "--spec", path, "--executor", standin_executor.PATH, "--store", store.home)
    code, out, err = command(*given, "--dry-run")
    assert code == 0, err
    assert (
        "54 runs, 0 stored" in out and "48 of them are tries, 5 of 25 steps, then 3 of 100 steps, for each model" in out
    )
    assert json.loads(command(*given, "--dry-run", "--json")[1])["tries"] == 48
    code, out, err = command(*given)
    assert code == 0, err
    table = out.partition("Chosen by validation images")[2]
    assert "at the edge of the grid" in table and "lr (smallest)" in table
    assert ["high", "digits", "0.016"] in [line.split()[:3] for line in table.splitlines()]
    assert "4 of 6 choices are other values than the recipe's own; 3 lie at the edge of what was tried" in err
    code, out, err = command(*given, "--json")
    assert json.loads(out)["tuning"]["per"] == "cell" and "nothing was trained" in err


@pytest.mark.slow
def test_trained_in_truth_tries_read_the_test_split_no_time_and_a_run_reads_it_once(
    store, workers, monkeypatch, tmp_path
):
    reads = tmp_path / "reads"
    given = {"function": "standin_training:note_reads", "options": {"reads": str(reads)}}
    monkeypatch.setenv("STAND_IN", json.dumps(given))
    short = {"recipe": {"like": "quick", "steps": 4}, "tune": {"lr": [0.02], "steps": 4}}
    found = tuned(store, compare=STUDY["compare"][:1], suite=["digits"], **short)
    assert not found.failed and found.computed == 2 + 1
    asked = Counter(reads.read_text().splitlines())
    assert asked == {"try train": 2, "try validation": 2, "run train": 1, "run validation": 1, "run test": 1}
    (run,) = found.runs
    assert set(store.get(run.key)["metrics"]) == {"validation", "test"}
