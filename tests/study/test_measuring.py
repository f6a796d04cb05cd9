"""A study's metric of runs that keep it, that keep class scores, that keep neither, and where it is not defined."""

from __future__ import annotations

import dataclasses
import json
import shutil
import zlib

import numpy as np
import pytest
import standin_training
from small_study import STUDY

from archlab.foundation import UserError
from archlab.foundation.checksums import CHECKSUMS
from archlab.foundation.metric import METRICS
from archlab.report import analyse, read_material, text
from archlab.runs import Store
from archlab.study.ablating import ablate, runs_of
from archlab.study.loading import load_study
from archlab.study.resolving import resolve
from archlab.training.class_scores import ClassScores
from archlab.training.metrics import measured

IMAGES = 120
OWN = """
def cost(scores, labels, *, of: float = 1.0):
    return of * float((scores.argmax(1) != labels).mean())


cost.higher_is_better = False
cost.unit = "euros"


def lost(scores, labels):
    return float("nan")
"""


def class_scores(run, *, one_class: str = "") -> dict[str, ClassScores]:
    """The better the model, the surer it is of the right class."""
    chance = np.random.default_rng(zlib.crc32(run.key.encode()))
    skill = standin_training.trained(run).metrics["test"]["accuracy"]
    found = {}
    for split in ("validation", "test"):
        labels = np.zeros(IMAGES, int) if run.dataset == one_class else np.arange(IMAGES) % 3
        found[split] = ClassScores.of(chance.normal(size=(IMAGES, 3)) + 4 * skill * np.eye(3)[labels], labels)
    return found


@pytest.fixture
def study(store, tmp_path):
    """study(metric=...) is the ablation of a study whose runs are all stored, with class scores."""
    (tmp_path / "mine.py").write_text(OWN)

    def study(kept: bool = True, one_class: str = "", **changes):
        given = {**STUDY, **changes}
        for run in runs_of(resolve(given, store.home), store.home):
            result = standin_training.trained(run)
            result.class_scores = class_scores(run, one_class=one_class) if kept else None  # type: ignore[attr-defined]
            store.put(run, result)
        return ablate(given, store)

    return study


def seed_mean(found, model: str, dataset: str, metric) -> float:
    keys = [run.key for run in found.runs if (run.model, run.dataset) == (model, dataset)]
    return float(np.mean([measured(metric, found.store.class_scores(key)["test"]) for key in keys]))


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["macro_f1", "calibration_error"])
def test_what_runs_lack_is_computed_of_their_class_scores(study, metric):
    found = study(metric=metric)
    assert found.computed == 0 and found.document["metric"] == metric
    scores = found.scores.set_index("model")
    for model in scores.index:
        assert scores.loc[model, "digits"] == pytest.approx(seed_mean(found, model, "digits", METRICS[metric]))
    total = (scores["digits"] + scores["textures"]) * (1 if METRICS[metric].higher_is_better else -1)
    assert total.corr(scores["xscore"]) > 0.5 and METRICS[metric].words in found.answer
    report = analyse([read_material("idea", found.store.home)])
    assert report.metric == METRICS[metric] and list(report.models.index) == list(scores.index)
    assert f"mean {METRICS[metric].words}" in text(report, "markdown")
    assert json.loads(text(report, "json"))["metric"] == metric


@pytest.mark.slow
def test_a_metric_of_a_file_trains_nothing_again_and_turns_what_it_says(study, tmp_path):
    found = study(metric=f"{tmp_path}/mine.py:cost")
    assert found.computed == 0 and found.study.metric.unit == "euros" and not found.scored.frame.higher_is_better
    again = study(metric={f"{tmp_path}/mine.py:cost": {"of": 10}})
    assert [run.key for run in again.runs] == [run.key for run in found.runs]
    costs, dearer = (each.scores.set_index("model") for each in (found, again))
    assert dearer["digits"].to_numpy() == pytest.approx(10 * costs["digits"].to_numpy())
    assert list(costs.index) == list(dearer.index) and "euros less cost than" not in found.answer
    report = analyse([read_material("idea", found.store.home)])
    assert "euros" in text(report, "markdown")


@pytest.mark.slow
def test_a_report_on_a_folder_of_others_runs_no_metric_of_theirs(study, tmp_path):
    found = study(metric=f"{tmp_path}/mine.py:cost")
    sent = shutil.copytree(found.folder, tmp_path / "sent")
    untuned = [{name: found.document["cells"][0][name] for name in ("model", "dataset", "seed", "key")}]
    for folder in (found.folder, sent):
        (folder / CHECKSUMS).unlink()
        document = json.loads((folder / "ablation.json").read_text())
        (folder / "ablation.json").write_text(json.dumps({**document, "tuning": {"untuned": untuned}}))
    assert len(read_material("idea", found.store.home).untuned) == 1
    (tmp_path / "theirs.py").write_text(f"open('{tmp_path}/owned', 'w')\n{OWN}")
    settled = (sent / "study.json").read_text()
    (sent / "study.json").write_text(settled.replace("mine.py", "theirs.py"))
    assert read_material(str(sent), found.store.home).untuned is None and not (tmp_path / "owned").exists()


@pytest.mark.slow
def test_runs_that_keep_neither_are_named_with_what_trains_them_anew(study, command, tmp_path):
    with pytest.raises(UserError) as error:
        study(kept=False, metric="auroc")
    told = str(error.value)
    assert "keep neither auroc nor class scores" in told and "mobilenetv2 on digits" in told and "more" in told
    assert "archlab runs gc --without-class-scores" in told
    assert study(kept=False, metric="accuracy").document["metric"] == "accuracy"


def test_gc_removes_runs_without_class_scores(study, command):
    found = study(kept=False)
    count = len(list(found.store.keys()))
    status, printed, _ = command("runs", "gc", "--without-class-scores", "--yes", "--store", found.store.home)
    assert status == 0 and f"{count} of {count} leftovers" in printed and not list(Store(found.store.home).keys())


@pytest.mark.slow
def test_a_dataset_on_which_it_is_not_defined_is_left_out_with_the_reason(study):
    found = study(suite=["digits", "textures", "mnist5k"], metric="auroc", one_class="mnist5k")
    assert set(found.scored.frame.datasets) == {"digits", "textures"} and found.scores["xscore"].notna().all()
    assert "auroc is not defined on mnist5k: all its images are of one class" in found.document["warnings"]
    assert {cell["value"] for cell in found.document["cells"] if cell["dataset"] == "mnist5k"} == {None}
    report = analyse([read_material("idea", found.store.home)])
    assert report.models["xscore"].notna().all()


@pytest.mark.slow
def test_a_metric_that_is_not_defined_on_a_dataset_is_not_missing(study, monkeypatch):
    """Runs that keep all metrics and no class scores: a dataset of one class has no AUROC, and need not be trained anew."""

    def with_all(run):
        result = plain(run)
        kept = dict.fromkeys(METRICS, result.metrics["test"]["accuracy"])
        if run.dataset == "mnist5k":
            del kept["auroc"]
        return dataclasses.replace(result, metrics={"validation": kept, "test": kept})

    plain = standin_training.trained
    monkeypatch.setattr(standin_training, "trained", with_all)
    found = study(kept=False, suite=["digits", "textures", "mnist5k"], metric="auroc")
    assert set(found.scored.frame.datasets) == {"digits", "textures"} and found.computed == 0


def test_where_it_is_defined_nowhere_the_study_says_so(study):
    with pytest.raises(UserError, match="auroc is not defined on digits: all its images are of one class"):
        study(suite=["digits"], metric="auroc", one_class="digits")


@pytest.mark.slow
def test_intervals_cover_the_test_images_whatever_the_metric(study, tmp_path):
    """The share of wrong answers, computed by a file, is as noisy as accuracy."""
    widths = []
    for metric in ("accuracy", f"{tmp_path}/mine.py:cost"):
        found = study(metric=metric, suite=["digits", "textures"])
        assert found.document["intervals_cover"] == ["seeds", "test images"]
        (images,) = {tuple(found.images.datasets)}
        assert images == ("digits", "textures")
        widths.append(np.sqrt(np.diag(found.images.datasets["digits"].covariance(["mobilenetv2", "starnet"]))))
    assert widths[0] == pytest.approx(widths[1], rel=0.35)  # a hundred groups know a deviation to 7 %


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metric": "f1"}, "metric must be accuracy, .* or one of yours, FILE.py:NAME, not 'f1'"),
        ({"metric": "FILE:cots"}, "no function or class 'cots' - did you mean 'cost'"),
        ({"metric": "FILE:cost", "class_scores": False}, "which `class_scores: false` leaves out"),
        ({"metric": {"FILE:cost": {"off": 1}}}, "has no key 'off'"),
    ],
)
def test_a_wrong_metric_is_refused_before_anything_runs(tmp_path, changes, message):
    (tmp_path / "mine.py").write_text(OWN)
    given = json.loads(json.dumps({**STUDY, **changes}).replace("FILE", f"{tmp_path}/mine.py"))
    with pytest.raises(UserError, match=message):
        load_study(given, home=tmp_path / "home")


def test_what_an_own_metric_fails_with_is_told(study, tmp_path):
    with pytest.raises(UserError, match="lost must give a finite number, not nan"):
        study(metric=f"{tmp_path}/mine.py:lost")


def test_the_settled_study_keeps_its_metric(store, tmp_path):
    (tmp_path / "mine.py").write_text(OWN)
    for metric in ("log_loss", f"{tmp_path}/mine.py:cost"):
        settled = resolve({**STUDY, "metric": metric}, store.home)
        document = json.loads(json.dumps(settled.document()))
        assert type(settled).from_document(document).metric == settled.metric
