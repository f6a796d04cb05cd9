"""What a report says of its data, its training, what failed and what a search left out."""

import csv
import dataclasses
import io
import json
import re

import numpy as np
import pandas as pd
import pytest

from archlab.data import ClassCounts
from archlab.foundation import UserError
from archlab.foundation.metric import METRICS
from archlab.report import analyse, in_frame_of, read_material, text
from archlab.report.effects import _parts
from archlab.report.regret import regret
from archlab.report.search import _finalists, _left_out
from archlab.report.sections import sections
from archlab.report.tested import classes_of
from archlab.report.training import as_trained
from archlab.report.unseen import _accuracies, _by_dataset
from archlab.scoring import Effects, ImageNoise, Matters
from archlab.scoring.image_noise import OnDataset
from tests.report.made import REFERENCES, made_study

SHARED = ClassCounts(tuple("abcdefghij"), (40,) * 8 + (0, 0))


def study(**changes):
    made = made_study(datasets=4, seeds=2)
    classes = {"digits": ClassCounts(tuple(map(str, range(10))), (40,) * 10), "pines": SHARED}
    table = made.table.copy()
    table.loc[(table["dataset"] == "pines") & table["model"].isin(["convmixer", "starnet"]), "value"] = 0.13
    return dataclasses.replace(made, **{"table": table, "classes": classes, "trained": ["quick: 60 steps"], **changes})


def section(analysis, anchor):
    return next(each for each in sections(analysis) if each.anchor == anchor)


@pytest.mark.slow
def test_the_test_sets_are_told_in_one_table():
    found = section(analyse([study(test_images={"elpv": 51})]), "data")
    assert found.sentences == ["Trained with quick: 60 steps."]
    (table,) = found.tables
    rows = {row[0]: row[1:] for row in table.written()}
    assert rows == {
        "digits": ["400", "10", "10.0", "10.0", "–"],
        "pines": ["320", "10", "10.0", "12.5", "i, j"],
        "elpv": ["51", "–", "–", "–", "–"],
    }
    thousand = ClassCounts(tuple(f"n{at}" for at in range(1000)), (1,) * 900 + (0,) * 100)
    (table,) = section(analyse([study(classes={"digits": thousand})]), "data").tables
    assert table.written()[0][1:3] == ["900", "1,000"] and table.written()[0][-1] == "n900, n901, n902 and 97 more"
    many = made_study(datasets=7, seeds=1)
    more = dict.fromkeys(many.table["dataset"].unique(), SHARED)
    assert section(analyse([dataclasses.replace(many, classes=more)]), "data").tables
    assert not any(each.anchor == "data" for each in sections(analyse([made_study(datasets=2)])))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("metric", "title", "chance"), [("balanced_accuracy", "chance (%)", "12.5"), ("log_loss", "chance (nats)", "2.079")]
)
def test_chance_of_another_metric_has_a_column(metric, title, chance):
    table = study().table.assign(metric=metric)
    (found,) = section(analyse([study(table=table, metric=METRICS[metric])]), "data").tables
    at = [column.title for column in found.columns].index(title)
    assert {row[0]: row[at] for row in found.written()}["pines"] == chance
    own = dataclasses.replace(METRICS[metric], own={"mine.py:it": {}})
    (found,) = section(analyse([study(table=table, metric=own)]), "data").tables
    assert title not in [column.title for column in found.columns] and "chance" not in found.caption


@pytest.mark.slow
def test_models_at_chance_are_marked_in_every_form():
    analysis = analyse([study()])
    for form in ("markdown", "html", "latex", "csv"):
        assert "at chance" in text(analysis, form)
    rows = {row["model"]: row["at chance"] for row in csv.DictReader(io.StringIO(text(analysis, "csv")))}
    assert {model for model, said in rows.items() if said} == {"convmixer", "starnet"} and rows["starnet"] == "pines"
    assert sum(each.startswith("at chance: on pines (") for each in analysis.warnings) == 1
    unknown = text(analyse([study(classes={})]), "markdown")
    assert "at chance" not in unknown


@pytest.mark.slow
def test_cells_and_finalists_at_chance_are_marked():
    other = dataclasses.replace(made_study(datasets=4, seeds=2, first_seed=5), name="other")
    held = analyse([study()], other)
    (table,) = [each for each in section(held, "against").tables if each.name == "against-cells"]
    assert table.columns[-1].title == "reproduced at chance"
    assert {(row[0], row[1]) for row in table.rows if row[-1]} == {("convmixer", "pines"), ("starnet", "pines")}
    nothing = {"validation": {}, "test": {}, "found": {}}
    finalist = {"model": "it", "name": "it", "params": 2e6, "macs": 3e7, **nothing}
    assert _finalists({"finalists": [finalist]}).columns[-1].title == "high"
    marked = _finalists({"finalists": [finalist], "scores": [{"model": "it", "at_chance": ["elpv", "pines"]}]})
    assert marked.columns[-1].title == "at chance" and marked.rows[0][-1] == "elpv, pines"


@pytest.mark.slow
def test_what_intervals_cover_is_told():
    plain = analyse([study()])
    assert "95 % interval for seed noise" in text(plain, "markdown")
    part = OnDataset(tuple(plain.models.index), np.zeros((8, 3)), np.zeros(3, int), np.zeros(8), np.full(8, 2))
    images = ImageNoise(dict.fromkeys(map(str, plain.means), part))
    said = text(analyse([study(images=images)]), "markdown")
    assert "95 % interval for seed and test-set noise" in said and "interval for seed noise" not in said


@pytest.mark.slow
def test_effects_say_no_more_than_there_is():
    one = text(analyse([made_study(datasets=2, seeds=1)]), "markdown")
    assert "Effects of options over all datasets. One seed a cell tells no intervals." in one
    whole = study()
    models = {name: each for name, each in whole.models.items() if not name.endswith("@raw")}
    fitted = text(analyse([study(models=models, matters=Matters(points=1))]), "markdown")
    assert "At equal budget, the width was fitted anew." in fitted and "Raw is" not in fitted
    assert "A difference matters from 1 point on." in fitted
    assert "p adjusted over what the study is about, and apart over the rest." in fitted
    assert "No model has a score to hold against its cost" in text(analyse([made_study(datasets=1)]), "markdown")


@pytest.mark.slow
def test_models_at_chance_on_datasets_not_seen_are_marked_too():
    whole = study()
    unseen = whole.table[whole.table["dataset"] == "pines"]
    seen = whole.table[whole.table["dataset"] != "pines"]
    said = text(analyse([dataclasses.replace(whole, table=seen, unseen_table=unseen)]), "markdown")
    part = said[said.index("The accuracy on the datasets not seen") :]
    assert "at chance" in part.splitlines()[2] and "| pines" in next(
        row for row in part.splitlines() if row.startswith("| starnet")
    )
    assert "pines (not seen)" in said


def test_a_dataset_not_seen_may_be_called_as_a_column_is():
    whole = made_study(datasets=4, seeds=2)
    is_unseen = whole.table["dataset"] == "pines"
    unseen = whole.table[is_unseen].assign(dataset="model")
    (found,) = _accuracies(analyse([dataclasses.replace(whole, table=whole.table[~is_unseen], unseen_table=unseen)]))
    assert [column.title for column in found.tables[0].columns] == ["model", "model"]
    assert {row[0] for row in found.tables[0].rows} >= set(REFERENCES)
    assert all(isinstance(row[1], float) for row in found.tables[0].rows)


@pytest.fixture
def stored(tmp_path):
    """stored(rows) reads a study of a, b and c on x and y, and on z, which it does not see, whose results are these rows."""

    def read(rows):
        model = {"role": "reference", "kind": None, "options": {}, "width": 1.0, "cost": {"params": 1, "macs": 1}}
        model["architecture"] = {"layers": [], "head": {}}
        document = {**dict.fromkeys(("question", "base", "path"), None), "name": "it", "frame": ["a", "b", "c"]}
        document |= {"weight_of_variance": 0.5, "seeds": [0], "suite": "s", "recipe": "r", "classes": 10}
        document |= {"budget": {"fit": "none", "of": "trained"}, "datasets": {"x": 32, "y": 32}, "unseen": {"z": 32}}
        document["models"] = [{**model, "name": name} for name in "abc"]
        folder = tmp_path / "studies" / "it"
        folder.mkdir(parents=True)
        (folder / "study.json").write_text(json.dumps(document))
        (folder / "ablation.json").write_text(json.dumps({"cells": [], "failed": [], "scores": []}))
        (folder / "results.csv").write_text("\n".join(["model,dataset,seed,split,metric,value", *rows]))
        return read_material("it", tmp_path)

    return read


def test_a_reference_that_has_results_on_datasets_not_seen_alone_spans_no_frame(stored):
    cells = [*((name, dataset) for name in "ab" for dataset in "xyz"), ("c", "z")]
    found = stored(f"{name},{dataset},0,test,accuracy,0.5" for name, dataset in cells)
    assert found.references == ["a", "b"] and set(found.unseen_table["model"]) == {"a", "b", "c"}


def test_of_a_study_without_a_finished_run_that_is_said(stored, tmp_path):
    with pytest.raises(UserError) as refused:
        stored([])
    assert str(refused.value) == f"{tmp_path}/studies/it: no run of it has finished: there is nothing to report"


def test_the_recipe_is_told_as_it_ran(tmp_path):
    recipe = {"epochs": None, "steps": 60, "batch_size": 16, "optimizer": "adamw", "lr": 0.004, "schedule": "cosine"}
    recipe["augment"] = {
        "shift": 4,
        "crop": None,
        "flip": True,
        "erasing": 0.0,
        "own": [{"ab12:fog": {}}],
        "order": ["own"],
    }
    other = {**recipe, "epochs": 3, "optimizer": {"ab12:mine": {}}, "augment": {}, "weights": "best_validation"}
    models = [{"recipes": {"digits": 0, "pines": 0}}, {"recipes": {"digits": 0, "pines": 1}}]
    assert as_trained({"recipe": "quick", "recipes": [recipe, other], "models": models}, tmp_path) == [
        "quick (in 3 of 4 cells): 60 steps of batches of 16, adamw at 0.004, cosine, augmented by shift, flip, fog",
        "quick (in 1 of 4 cells): 3 epochs or 60 steps, whichever ends first, of batches of 16, mine at 0.004, cosine, "
        "not augmented, the weights of the best validation epoch",
    ]
    assert as_trained({"recipe": "quick", "models": []}, tmp_path) == []


def test_what_a_search_left_out_is_told_with_the_reason():
    cells = [{"dataset": name} for name in ("digits", "elpv", "pines", "glyphs", "flat", "leaves")]
    about = {"datasets": ["digits"], "weak": ["elpv"], "frame": {"dropped": ["flat"]}, "subset": {"left_out_r2": 0.81}}
    found = {"cells": cells, "unseen": {"datasets": ["leaves"]}, "search": {**about, "exhausted": True}}
    said, ended = _left_out(found)
    assert said == (
        "No trial looked at flat, since all references are equal there; nor at elpv, since the references differ there by less "
        "than twice what so few validation images make by chance; nor at glyphs, pines, since those looked at stand for all "
        "(left-out R2 0.81); nor at leaves, since they were kept to see whether what was found holds."
    )
    assert ended.startswith("It ended early")
    assert _left_out({"cells": cells[:1], "unseen": None, "search": {"datasets": ["digits"]}}) == []


@pytest.mark.slow
def test_models_that_only_lack_a_frame_have_not_failed():
    made = made_study(datasets=1, seeds=2)
    said = text(analyse([made]), "markdown")
    assert "Nothing: every model has a result on every dataset." in said and "There are no scores" in said
    assert "Scores, best first" not in said and "Accuracies in percent, the mean over seeds." in said
    table = study().table
    gone = table[(table["model"] != "starnet") | (table["dataset"] != "elpv")]
    assert "incomplete: no accuracy on elpv" in text(analyse([study(table=gone)]), "markdown")


def test_a_table_of_another_metric_alone_is_reported_by_it(tmp_path):
    rows = "\n".join(f"m{at},{name},log_loss,{1 + at / 10}" for at in range(3) for name in ("a", "b", "c"))
    (tmp_path / "lost.csv").write_text(f"model,dataset,metric,value\n{rows}\n")
    analysis = analyse([read_material(str(tmp_path / "lost.csv"), tmp_path)])
    assert (analysis.metric.name, analysis.models.index[0]) == ("log_loss", "m0")
    said = text(analysis, "markdown")
    assert "0 is the highest and 1 the lowest log loss of all complete models" in said
    assert "A frame of 3 models is fragile: read differences in nats." in said


@pytest.mark.parametrize(
    "damaged",
    [
        [],
        {"digits": 3},
        {"digits": {"classes": ["a"], "images": [1, 2]}},
        {"digits": {}},
        {"digits": {"classes": [], "images": []}},
    ],
)
def test_class_counts_that_are_damaged_are_not_known(tmp_path, damaged):
    assert classes_of(["digits"], tmp_path, {"test_images": damaged}) == {}
    folder = tmp_path / "datasets" / "digits" / "8"
    folder.mkdir(parents=True)
    for manifest in ("[" * 50_000, "[]", '{"settings": [], "counts": {"test": "x"}}'):
        (folder / "manifest.json").write_text(manifest)
        assert classes_of(["digits"], tmp_path) == {}


def test_the_frame_of_references_is_asked_of_what_has_such():
    whole = study()
    assert in_frame_of(whole, "references") is not None and in_frame_of(whole, "all").references is None
    lost = whole.table[whole.table["model"] != "starnet"]
    of_all = dataclasses.replace(whole, references=None, table=lost)
    assert in_frame_of(of_all, "references").references == [name for name in REFERENCES if name != "starnet"]
    bare = dataclasses.replace(whole, references=None, models={name: {} for name in whole.models})
    with pytest.raises(UserError, match="does not say which of its models are references"):
        in_frame_of(bare, "references")


@pytest.mark.slow
def test_one_recipe_of_several_studies_is_told_once():
    said = ["quick: 60 steps of batches of 16"]
    several = [dataclasses.replace(study(), name=name, trained=said) for name in ("one", "two", "three", "four")]
    found = text(analyse(several), "markdown")
    assert found.count("Trained with quick: 60 steps of batches of 16.") == 1 and "more form" not in found


def test_what_is_told_in_nats_has_three_decimals():
    made = made_study(datasets=3, seeds=2)
    made = dataclasses.replace(made, table=made.table.assign(metric="log_loss"), metric=METRICS["log_loss"])
    (section,) = regret(analyse([made]))
    assert all(re.fullmatch(r"\d\.\d{3}", cell) for cell in section.tables[0].written()[0][3:])
    assert re.search(r"costs 0 to \d\.\d{3} nats, that by the mean 0 to \d\.\d{3}, and", section.sentences[1])

    effect = {"choice": "attention", "option": "se", "against": "none", "kind": "raw", "difference": 0.0123}
    gains = {"unit": "nats", "by_dataset": [effect | {"dataset": "elpv", "low": -0.0104, "high": 0.0351}]}
    assert _by_dataset(gains, "").written()[0][-3:] == ["+0.012", "−0.010", "+0.035"]

    row = effect | {"of": "effect", "dataset": None, "measure": "points", "low": -0.0104, "high": 0.0351}
    row |= {"image_half": 0.0121, "about": False, "decided": False, "seeds_needed": 9.0, "images_needed": None}
    (said,) = _parts(Effects(pd.DataFrame([row]), METRICS["log_loss"], covers_images=True))
    assert "of the half-width 0.023, 0.012 is the test set's" in said
