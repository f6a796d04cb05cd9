"""Recall by class and confusion, of the class scores that runs have kept, also of many classes."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, recall_score

from archlab.report import analyse, text
from archlab.report.by_class import ByClass
from archlab.report.classes import MOST_CLASSES, _tables, confusion_plot
from archlab.report.sections import plots, sections
from archlab.runs import Store
from archlab.training.class_scores import ClassScores
from tests.report.made import made_study

IMAGES = 260


def scores_of(key: str, classes: int) -> ClassScores:
    chance = np.random.default_rng(sum(key.encode()))
    labels = np.arange(IMAGES) % classes
    return ClassScores.of(chance.normal(size=(IMAGES, classes)) + 2 * np.eye(classes)[labels], labels)


@pytest.fixture
def made(monkeypatch, tmp_path):
    """made(classes) is the analysis of a study whose runs have kept class scores of so many classes, on textures none; those of
    the base of so many as `of_base` says."""

    def made(classes: int, of_base: int | None = None):
        material = made_study(datasets=3, seeds=2)
        material = dataclasses.replace(material, home=tmp_path)
        runs = [{**run, "key": f"{run['model']} {run['dataset']} {run['seed']}"} for run in material.runs]

        def kept(_: Store, key: str) -> dict[str, ClassScores]:
            count = of_base or classes if key.startswith(f"{material.base} ") else classes
            return {} if " pines " in key else {"test": scores_of(key, count)}

        monkeypatch.setattr(Store, "class_scores", kept)
        names = {"class_names": [f"class {at}" for at in range(classes)]}
        monkeypatch.setattr("archlab.runs.stored.read_model", lambda folder: names)
        return analyse([dataclasses.replace(material, runs=runs)])

    return made


def test_recalls_and_confusions_are_scikit_learns_over_all_seeds(made):
    found = made(4)
    best, base = found.models.index[0], found.base
    document = json.loads(text(found, "json"))["classes"]
    assert set(document) == {"digits", "mnist5k"} and set(document["digits"]["confusion"]) == {best, base}
    seeds = [scores_of(f"{base} digits {seed}", 4) for seed in range(2)]
    labels, said = (np.concatenate([getattr(each, name) for each in seeds]) for name in ("labels", "classes"))
    assert document["digits"]["confusion"][base] == confusion_matrix(labels, said).tolist()
    assert document["digits"]["recall"][base] == pytest.approx(recall_score(labels, said, average=None), abs=1e-12)


@pytest.mark.slow
def test_page_and_markdown_show_them_and_say_where_there_are_none(made):
    found = made(4)
    markdown, page = text(found, "markdown"), text(found, "html")
    for said in (markdown, page):
        assert "Which classes are confused?" in said and "class 3" in said
        assert "Runs have kept no class scores on pines" in said
    assert "digits: recall of each class in percent" in markdown
    drawn = [name for name in plots(found) if name.startswith("confusion-")]
    assert len(drawn) == 4 and all(f"{name}-" in page for name in drawn)


@pytest.mark.slow
def test_many_classes_are_folded_and_the_picture_shows_the_hardest(made):
    found = made(120)
    (section,) = (each for each in sections(found) if each.anchor == "classes")
    assert [len(table.rows) for table in section.tables] == [MOST_CLASSES] * 2
    assert [len(table.rows) for table in section.folded] == [120] * 2
    recalls = [row[2] for row in section.tables[0].rows]
    assert recalls == sorted(recalls) and recalls[-1] <= sorted(row[2] for row in section.folded[0].rows)[MOST_CLASSES]
    assert all(f"the {MOST_CLASSES} of 120 classes" in plot.title for plot in section.plots)
    assert "class 7" in text(found, "html")


def test_a_model_that_was_tested_on_other_classes_is_left_out(made):
    """As of a dataset that was added anew between two studies."""
    found = made(4, of_base=5)
    document = json.loads(text(found, "json"))["classes"]
    for dataset in ("digits", "mnist5k"):
        assert set(document[dataset]["confusion"]) == {found.models.index[0]}
        assert found.base not in document[dataset]["recall"] and len(document[dataset]["recall"]) > 1


def test_a_table_without_runs_has_no_such_section():
    found = analyse([made_study(datasets=3, seeds=2)])
    assert "Which classes" not in text(found, "markdown") and json.loads(text(found, "json"))["classes"] == {}


def test_a_picture_is_described_by_its_own_model():
    best, base = np.array([[4, 0], [1, 3]]), np.array([[1, 3], [0, 4]])
    found = ByClass("digits", ["a", "b"], {"best": best, "base": base}, ["best", "base"])
    said = [confusion_plot(found, model).alt for model in found.pictured]
    assert said[0].startswith("On digits, by best, b has the lowest recall, 75 %")
    assert said[1].startswith("On digits, by base, a has the lowest recall, 25 %")


def test_a_model_may_be_called_as_a_column_is():
    right = np.array([[3, 1], [0, 4]])
    whole, _ = _tables(ByClass("digits", ["a", "b"], {"images": right, "class": right}, []))
    assert whole.written() == [["a", "4", "75.0", "75.0"], ["b", "4", "100.0", "100.0"]]
    assert [column.title for column in whole.columns] == ["class", "images", "images", "class"]
