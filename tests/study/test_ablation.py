"""Ablation with a stand-in for training: what is computed, scored, listed and saved."""

import dataclasses
import errno
import json
import math
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from small_study import STAND_IN, STUDY, filled, settled

import archlab
from archlab.cli.tables import print_scores
from archlab.data import is_prepared
from archlab.executors import Settings
from archlab.foundation import UserError, machine
from archlab.scoring import read_table
from archlab.study.ablating import ablate, missing_datasets, planned_runs, runs_of, saved
from archlab.study.ablation import EFFECT
from archlab.study.progress import Progress
from archlab.study.resolving import resolve

pytestmark = pytest.mark.usefixtures("stand_in")


def test_every_model_meets_every_dataset_with_every_seed(store):
    study = settled(store)
    wanted = runs_of(study, store.home)
    assert [(run.model, run.dataset, run.seed) for run in wanted] == [
        (model, dataset, seed)
        for model in ("mobilenetv2", "starnet", "shufflenetv2", "mobilenetv2+attention=se")
        for dataset in ("digits", "textures")
        for seed in (0, 1)
    ]
    assert len({run.key for run in wanted}) == len(wanted)
    assert {run.num_classes for run in wanted if run.dataset == "digits"} == {10}


def test_variants_of_one_width_share_their_runs(store):
    same = [{"set": {"channel_attention": {"eca": {"gamma": 2.0}}}, "where": {"block": "inverted_residual"}}]
    study = settled(store, choices={"attention": {"none": [], "eca": same}}, effects=["equal_budget", "raw"])
    wanted = runs_of(study, store.home)
    assert study.models[-1].width == study.models[-2].width
    assert len({run.key for run in wanted}) == len(wanted) - 4


def test_recipes_are_settled_for_each_run(store):
    recipe = {"like": "quick", "exemptions": [{"models": ["starnet"], "datasets": ["digits"], "set": {"lr": 0.001}}]}
    study = settled(store, recipe=recipe)
    rates = {(run.model, run.dataset): run.recipe["lr"] for run in runs_of(study, store.home)}
    assert rates.pop(("starnet", "digits")) == 0.001
    assert set(rates.values()) == {0.004}


def test_where_all_is_stored_torch_is_not_asked_for_the_gpus_of_the_machine(store, monkeypatch):
    asked = []
    monkeypatch.setattr(machine, "gpu_names", lambda: ("a card",))
    monkeypatch.setattr(machine, "version", lambda package: "2.6.0")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setattr("archlab.executors.settings.torch_has_gpus", lambda: asked.append("torch") or True)
    assert filled(store).computed == 0 and not asked
    assert Settings().at_once == 1 and asked


@pytest.mark.slow
def test_what_one_study_computed_another_never_computes_again(store):
    first = ablate(STUDY, store, STAND_IN)
    assert first.computed == 16 and not first.failed
    again = ablate(STUDY, store, STAND_IN)
    assert again.computed == 0
    assert again.document == {**first.document, "computed": 0}
    other = ablate({**STUDY, "name": "other", "choices": {}, "seeds": [1, 2]}, store, STAND_IN)
    assert other.computed == 3 * 2  # seed 1 is there


@pytest.mark.slow
def test_scores_are_in_the_frame_of_the_compared_references(idea):
    found = idea.document
    assert found["frame"]["models"] == ["mobilenetv2", "starnet", "shufflenetv2"] and found["frame"]["split"] == "test"
    scores = {score["model"]: score for score in found["scores"]}
    assert list(scores) == ["starnet", "mobilenetv2+attention=se", "mobilenetv2", "shufflenetv2"]
    assert scores["starnet"]["xscore"] == pytest.approx(1) and scores["shufflenetv2"]["mean"] == pytest.approx(0)
    assert scores["mobilenetv2+attention=se"]["role"] == "variant"
    difference = scores["mobilenetv2+attention=se"]["xscore"] - scores["mobilenetv2"]["xscore"]
    assert scores["mobilenetv2+attention=se"]["difference"] == pytest.approx(difference)
    base = scores["mobilenetv2"]
    assert base["xscore_low"] < base["xscore"] < base["xscore_high"]


@pytest.mark.slow
def test_raw_variants_have_effects_but_no_score(store):
    found = filled(store, effects=["equal_budget", "raw"]).document
    assert [score["model"] for score in found["scores"] if "@" in score["model"]] == []
    assert {effect["kind"] for effect in found["effects"]} == {"equal_budget", "raw"}
    only_raw = filled(store, effects=["raw"]).document
    assert {effect["kind"] for effect in only_raw["effects"]} == {"raw"}
    assert len(only_raw["scores"]) == 4


@pytest.mark.slow
def test_effects_name_choice_option_and_dataset(idea):
    effects = idea.document["effects"]
    assert {(effect["choice"], effect["option"], effect["against"]) for effect in effects} == {
        ("attention", "se", "none")
    }
    assert {effect["dataset"] for effect in effects} == {"digits", "textures", None}
    points = next(effect for effect in effects if effect["dataset"] == "digits")
    assert points["difference"] == pytest.approx(10, abs=2) and points["low"] < points["difference"] < points["high"]
    assert {"difference", "low", "high", "p_adjusted", "decided"} <= set(points)


def test_one_seed_decides_nothing(store):
    found = filled(store, seeds=1).document
    assert {effect["decided"] for effect in found["effects"]} == {False}
    assert all(score["xscore_low"] is None for score in found["scores"])
    assert "undecided" in found["answer"]


def test_the_variance_has_the_weight_that_the_study_says(store):
    found = filled(store, seeds=1, **{"lambda": 2}).document
    scores = {row["model"]: row for row in found["scores"]}
    assert any(row["variance"] > 0 for row in scores.values())
    for row in scores.values():
        assert row["xscore"] == pytest.approx(row["mean"] - 2 * row["variance"], abs=1e-9)
    (effect,) = [row for row in found["effects"] if row["measure"] == "xscore"]
    gained = scores["mobilenetv2+attention=se"]["xscore"] - scores["mobilenetv2"]["xscore"]
    assert effect["difference"] == pytest.approx(gained, abs=1e-9)


def test_what_is_not_known_is_a_number_and_a_table_without_rows_has_its_columns(store):
    found = filled(store, seeds=1)
    assert (found.scores["xscore_high"] - found.scores["xscore_low"]).isna().all()
    assert (found.effects["high"] - found.effects["low"]).isna().all()
    numbers = ["digits", "textures", "xscore", "xscore_low", "difference"]
    assert set(map(str, found.scores.dtypes[numbers])) == {"float64"}
    known = [{name: row[name] for name in EFFECT} for row in found.document["effects"]]
    table = found.effects[EFFECT]
    plain = table.astype(object).where(table.notna(), None)
    assert known and plain.to_dict("records") == known
    assert list(dataclasses.replace(found, contrasts=None).effects) == EFFECT


def test_datasets_may_be_called_as_columns_of_the_scores_are(store, capsys):
    found, named = filled(store, seeds=1), {"digits": "width", "textures": "mean"}
    study = dataclasses.replace(
        found.study, datasets={named[name]: side for name, side in found.study.datasets.items()}
    )
    table = found.table.assign(dataset=found.table["dataset"].map(named))
    runs = [dataclasses.replace(run, dataset=named[run.dataset]) for run in found.runs]
    other = dataclasses.replace(found, study=study, table=table, runs=runs)
    expected = found.scores.rename(columns={"digits": "on width", "textures": "on mean"})
    assert list(other.scores) == list(expected) and other.scores.equals(expected)
    print_scores(other, "difference")
    heading, first, *_ = capsys.readouterr().out.splitlines()
    assert "on width" in heading and "on mean" in heading and f"{expected['on mean'][0]:.3f}" in first


def test_a_notebook_shows_what_it_is_and_the_answer(store):
    found = filled(store, seeds=1)
    assert repr(found) == f"idea: 8 runs, 0 failed, results in {found.folder}\n{found.answer}"


@pytest.mark.slow
def test_failed_runs_are_listed_and_the_rest_goes_on(store, stand_in):
    fails = "starnet on digits, seed 1"
    stand_in(fails)
    ablation = ablate(STUDY, store, STAND_IN)
    found = ablation.document
    (failed,) = found["failed"]
    assert failed["cause"].startswith("ValueError: told to fail") and failed["attempts"] == 1
    assert (failed["model"], failed["dataset"], failed["seed"]) == ("starnet", "digits", 1)
    assert ablation.computed == 15
    scores = {score["model"]: score for score in found["scores"]}
    assert (
        scores["starnet"]["xscore"] is None
        and scores["starnet"]["reason"] == "incomplete: no accuracy on digits (seed 1)"
    )
    assert found["frame"]["models"] == ["mobilenetv2", "shufflenetv2"]


def test_a_study_of_which_nothing_finished_still_says_so(store, stand_in):
    stand_in("starnet on digits, seed 0")
    study = {**STUDY, "base": None, "choices": {}, "compare": ["starnet"], "suite": ["digits"], "seeds": 1}
    found = ablate(study, store, STAND_IN).document
    assert found["scores"] == [] and found["frame"] is None and len(found["failed"]) == 1


@pytest.mark.slow
def test_the_document_is_json_and_has_the_promised_keys(idea):
    found = json.loads(json.dumps(idea.document, allow_nan=False))
    assert {"study", "frame", "scores", "cells", "effects", "failed"} <= set(found)
    assert {"model", "mean", "variance", "xscore", "role", "xscore_low", "xscore_high"} <= set(found["scores"][0])
    assert {"model", "dataset", "seed", "split", "accuracy"} <= set(found["cells"][0])
    assert len(found["cells"]) == 4 * 2 * 2 * 2


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_results_of_nothing_new_need_not_be_written(code, monkeypatch):
    for name in ("save_latencies", "save_int8"):
        monkeypatch.setattr(f"archlab.study.ablating.{name}", lambda *_: None)

    def save():
        raise OSError(code, os.strerror(code), "store/scores.csv")

    stored = SimpleNamespace(computed=0, folder="store")
    assert saved(stored, Settings(), save, print) == f"results are not written: store/scores.csv: {os.strerror(code)}"
    assert saved(stored, Settings(), lambda: None, print) == "results are in store"
    stored.computed = 1
    with pytest.raises(OSError, match=r"scores\.csv"):
        saved(stored, Settings(), save, print)


@pytest.mark.slow
def test_a_study_of_another_file_is_told_of_before_its_results_are_replaced(store, tmp_path, monkeypatch):
    said, progress = [], Progress()
    progress.say = said.append
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "idea.yaml").write_text("compare: [starnet]\nsuite: [digits]\n")

    def warned(folder):
        monkeypatch.chdir(tmp_path / folder)
        del said[:]
        ablate("idea.yaml", store, STAND_IN, progress)
        return [words for words in said if "will be replaced" in words]

    assert not warned("one") and not warned("one")
    (warning,) = warned("other")
    assert f"the results of {tmp_path}/one/idea.yaml, which is called idea too" in warning
    (tmp_path / "other" / "idea.yaml").rename(tmp_path / "other" / "moved.yaml")
    assert not warned("one")


@pytest.mark.slow
def test_saved_tables_can_be_scored_again(idea):
    folder = idea.folder
    assert folder == idea.store.home / "studies" / "idea"
    again = read_table(folder / "results.csv", "test")
    means = again.groupby(["model", "dataset"])["value"].mean()
    table = idea.scores.set_index("model")
    for (model, dataset), mean in means.items():
        assert math.isclose(table.loc[model, dataset], mean)
    assert json.loads((folder / "ablation.json").read_text())["study"] == "idea"
    assert (
        (folder / "scores.csv")
        .read_text()
        .startswith("model,role,params,macs,width,digits,textures,mean,variance,xscore")
    )


@pytest.mark.slow
def test_a_program_calls_what_the_command_calls(store):
    found = archlab.ablate(STUDY, store=store.home, settings=STAND_IN)
    assert found.computed == 16 and found.answer == found.document["answer"]
    assert list(found.scores["model"]) == [score["model"] for score in found.document["scores"]]
    assert set(found.effects["option"]) == {"se"}
    assert set(found.table["split"]) == {"validation", "test"} and len(found.table) == 16 * 2 * 3
    assert read_table(found.folder / "results.csv", "test") is not None


@pytest.mark.slow
def test_the_best_is_chosen_by_validation_data_and_its_runs_are_named(store):
    found = ablate(STUDY, store, STAND_IN)
    runs = {run.key: run for run in found.runs}
    for model in ("starnet", "mobilenetv2+attention=se"):
        table = found.table.copy()
        table.loc[(table["model"] == model) & (table["split"] == "validation"), "value"] = 0.99
        table.loc[(table["model"] != model) & (table["split"] == "test"), "value"] = 0.999
        best = dataclasses.replace(found, table=table).best
        assert best["model"] == model and best["store"] == str(store.home)
        named = {(data, int(seed)): runs[key] for data, of in best["runs"].items() for seed, key in of.items()}
        assert set(named) == {(run.dataset, run.seed) for run in found.runs if run.model == model}
        assert {(run.dataset, run.seed) for run in named.values()} == set(named)


@pytest.mark.slow
@pytest.mark.parametrize(
    "models", [["mobilenetv2", "starnet", "shufflenetv2", "mobilenetv2+attention=se"], ["starnet"]]
)
def test_without_validation_data_no_model_is_the_best(idea, models):
    without = idea.table["model"].isin(models) & (idea.table["split"] == "validation")
    best = dataclasses.replace(idea, table=idea.table[~without]).best
    assert best is None if len(models) == 4 else best["model"] != "starnet"


def test_models_above_the_budget_are_refused_before_anything_runs(store):
    with pytest.raises(UserError, match="above the budget"):
        ablate({**STUDY, "budget": {"params": "1M", "fit": "none"}}, store, STAND_IN)
    assert not list(store.keys())


def test_datasets_that_are_not_prepared_are_named_before_anything_runs(store):
    with pytest.raises(UserError, match="cifar10 is not prepared at 32 pixels: archlab datasets prepare cifar10"):
        ablate({**STUDY, "suite": ["digits", "cifar10"]}, store, STAND_IN)
    assert not list(store.keys())


def test_all_datasets_that_are_not_prepared_are_named_at_once(store):
    study = resolve({**STUDY, "suite": ["digits", "cifar10", "ham10000@published"]}, store.home)
    with pytest.raises(UserError, match=r"2 datasets are not prepared: .* cifar10 --from PATH; .* ham10000@published"):
        runs_of(study, store.home)
    planned = planned_runs(study, store.home)
    assert {run.dataset for run in planned if not is_prepared(run.dataset_digest)} == {"cifar10", "ham10000@published"}
    assert len(planned) == 3 * len(runs_of(resolve({**STUDY, "suite": ["digits"]}, store.home), store.home))
    assert [need.name for need in missing_datasets(study, store.home)] == ["cifar10", "ham10000@published"]


def test_cells_are_what_will_run(store):
    recipe = {"like": "zhang2025", "exemptions": [{"models": ["third"], "set": {"batch_size": 8}}]}
    suite = ["digits", "cifar100", "ham10000@published"]
    study = resolve({**STUDY, "suite": suite, "recipe": recipe}, store.home)
    cells = {(cell["model"], cell["dataset"]): cell["recipe"] for cell in study.cells()}
    assert len(cells) == len(study.models) * 3
    for run in planned_runs(study, store.home):
        shown = cells[run.model, run.dataset]
        assert shown == {**run.recipe, "pixels": run.resolution}
    some = study.models[0].name
    assert cells[some, "cifar100"]["augment"]["erasing"] == 0.25 and cells[some, "cifar100"]["pixels"] == 224
    assert cells[some, "ham10000@published"]["augment"]["randaugment"] is None


@pytest.mark.slow
def test_a_stored_ablation_needs_no_torch(store, tmp_path):
    path = tmp_path / "idea.yaml"
    path.write_text(json.dumps(STUDY))  # JSON is YAML
    filled(store)
    ablate(path, store)
    script = (
        "import sys, pathlib; from archlab.study.ablating import ablate; from archlab.runs import Store;"
        f"ablation = ablate({str(path)!r}, Store({str(store.home)!r}));"
        "print(ablation.computed, ablation.scores['model'][0], 'torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert found.strip() == "0 starnet False"
