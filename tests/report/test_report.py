import dataclasses
import io
import json

import numpy as np
import pandas as pd
import pytest

from archlab.foundation import UserError
from archlab.foundation.metric import METRICS
from archlab.report import analyse, read_material, text
from archlab.report.costs import pareto
from archlab.report.scores import accuracies
from archlab.report.sections import plots
from archlab.report.stability import _rank_plots
from tests.report.made import REFERENCES, made_study


def test_the_published_table_prints_all_three_claims(published):
    said = text(published, "markdown")
    for figure in (
        "| efficientnet |  0.962",
        "R² 0.9904",
        "R² 0.794",
        "0.977 in-sample, 0.925 left out",
        "R² is 0.661",
    ):
        assert figure in said
    for pair in ("cifar100 0.82/0.58", "ham10000 0.05/0.20", "stanford_dogs 0.68/0.64", "miniplaces 0.86/0.80"):
        assert pair in said
    assert "No conclusion: 11 models cannot tell 7 elements apart" in said
    assert "Friedman's test over 7 datasets" in said


def test_a_study_has_its_answer_effects_and_kinds(study):
    said = text(study, "markdown")
    assert said.startswith("# At equal parameters, does channel attention transfer better than token attention?")
    assert "At equal budget, attention=se is better than none" in said
    assert "| raw " in said
    assert "| equal budget " in said
    assert "seeds a cell 3" in said
    assert "p adjusted over all tests of the study." in said
    names = plots(study)["effects"].alt.removeprefix("Decided: ").removesuffix(".").split(", ")
    assert "attention=se" in names and len(set(names)) == len(names)


def test_raw_variants_stay_beside_the_score_table(study):
    assert not any(model.endswith("@raw") for model in study.models.index)
    assert set(study.effects["made"].rows["kind"]) == {"raw", "equal_budget"}


def test_a_picture_of_the_first_models_says_so_whether_they_have_scores_or_not(study):
    names = [f"m{at}" for at in range(61)]
    means = pd.DataFrame(0.5, index=names, columns=study.means.columns)
    (section,) = accuracies(dataclasses.replace(study, means=means))
    assert section.plots[0].title.endswith("; the first 60 of 61 models")
    ranks = pd.DataFrame(np.eye(61), index=names, columns=range(1, 62))
    many = dataclasses.replace(study, means=means, models=pd.DataFrame({"xscore": 0.5}, index=names), ranks=ranks)
    assert _rank_plots(many)[0].title == "Probability of each rank under seed noise; the first 20 of 61 models"


def test_the_pareto_front():
    costs = pd.Series({"cheap": 1.0, "good": 3.0, "beaten": 3.0, "worse": 4.0, "best": 9.0, "unknown": np.nan})
    scores = pd.Series({"cheap": 0.2, "good": 0.6, "beaten": 0.5, "worse": 0.6, "best": 0.9, "unknown": 1.0})
    assert pareto(costs, scores) == ["cheap", "good", "best"]


def test_latency_is_shown_where_it_was_measured_and_only_there(study, published):
    assert "latency" not in text(published, "markdown") + text(published, "csv")
    said = text(study, "markdown")
    assert "Not beaten in both latency on Made-up CPU, one thread and xScore: mobilenetv2" in said
    scores = pd.read_csv(io.StringIO(text(study, "csv"))).set_index("model")
    assert scores.loc["efficientnet", "latency (ms)"] == pytest.approx(2**0.5)


@pytest.mark.slow
def test_each_precision_has_a_latency_of_its_own():
    material, known = made_study(datasets=3, seeds=2), {}
    for model, (own,) in material.latencies.items():
        known[model] = [own, own | {"precision": "int8", "median_ms": own["median_ms"] / 2}]
    analysis = analyse([dataclasses.replace(material, latencies=known)])
    scores = pd.read_csv(io.StringIO(text(analysis, "csv"))).set_index("model")
    assert (scores["latency (int8, ms)"] == scores["latency (ms)"] / 2).all()
    assert "latency in int8 on Made-up CPU, one thread" in text(analysis, "markdown")


@pytest.mark.slow
def test_each_hardware_has_a_latency_of_its_own():
    material = made_study(datasets=3, seeds=2)
    gpu = {"median_ms": 0.5, "low_ms": 0.4, "high_ms": 0.6, "n": 30, "hardware": "Made-up GPU"}
    known = {model: [*found, gpu] for model, found in material.latencies.items() if model != "starnet"}
    analysis = analyse([dataclasses.replace(material, latencies=known)])
    assert {"pareto-latency", "pareto-latency-2"} <= set(plots(analysis))
    scores = pd.read_csv(io.StringIO(text(analysis, "csv"))).set_index("model")
    assert scores.loc[
        "mobilenetv2", ["latency (ms), Made-up CPU, one thread", "latency (ms), Made-up GPU"]
    ].tolist() == [1, 0.5]
    assert scores.loc["starnet"].filter(like="latency").isna().all()


def test_failures_are_listed_and_incomplete_models_named():
    study = made_study(datasets=3, seeds=2)
    gone = (study.table["model"] == "starnet") & (study.table["dataset"] == "pines") & (study.table["seed"] == 1)
    failed = [{"model": "starnet", "dataset": "pines", "seed": 1, "cause": "out of memory", "attempts": 2}]
    found = analyse([dataclasses.replace(study, table=study.table[~gone], failed=failed)])
    assert found.models.loc["starnet", "reason"] == "incomplete: no accuracy on pines (seed 1)"
    assert "starnet" not in found.frame.models
    said = text(found, "markdown")
    assert "out of memory" in said
    assert "| starnet " in said


def test_little_material_says_what_it_cannot_say(tmp_path):
    (tmp_path / "small.csv").write_text("model,one,two\na,0.5,0.6\nb,0.7,0.4\nc,0.6,0.5\n")
    said = text(analyse([read_material(str(tmp_path / "small.csv"), tmp_path)]), "markdown")
    assert "Not computed: the architectures behind this table are not known" in said
    assert "No outcome at all could tell two of these models apart" in said
    assert "No rank probabilities: each cell has one seed." in said


@pytest.mark.slow
def test_a_finished_study_is_read_from_the_store(tmp_path):
    made = made_study(datasets=3, seeds=2)
    folder = tmp_path / "studies" / "made"
    folder.mkdir(parents=True)
    models = [
        {"name": name, **{key: model[key] for key in ("role", "kind", "options", "width")}}
        | {"cost": {"params": model["params"], "macs": model["macs"]}, "architecture": {"layers": [], "head": {}}}
        for name, model in made.models.items()
    ]
    settled = {
        "name": "made",
        "path": None,
        "question": made.question,
        "base": made.base,
        "frame": REFERENCES,
        "suite": "samples",
    }
    settled |= {
        "datasets": {"digits": 32, "mnist5k": 32, "pines": 32},
        "seeds": [0, 1],
        "weight_of_variance": 0.5,
        "classes": 10,
    }
    settled |= {
        "budget": {"params": 2_500_000, "macs": None, "of": "trained", "fit": "width"},
        "recipe": "quick",
        "models": models,
    }
    (folder / "study.json").write_text(json.dumps(settled))
    (folder / "ablation.json").write_text(json.dumps({"failed": [], "cells": []}))
    made.table.to_csv(folder / "results.csv", index=False)
    found = analyse([read_material("made", tmp_path)])
    expected = analyse([made])
    assert np.allclose(found.models["xscore"], expected.models["xscore"])
    assert found.answers == expected.answers
    assert "2,500,000 params" in text(found, "markdown")
    assert read_material(str(folder), tmp_path / "elsewhere").name == "made"
    with pytest.raises(UserError, match="did you mean 'made'"):
        read_material("maid", tmp_path)


@pytest.mark.slow
def test_the_page_of_eleven_models_seven_datasets_five_seeds_stays_under_two_megabytes():
    page = text(analyse([made_study(datasets=7, seeds=5)]), "html")
    assert len(page.encode()) < 2_000_000


def test_other_data_under_one_name_is_pointed_out():
    study = made_study(datasets=3, seeds=2)
    runs = [{**study.runs[0], "data": "other"}, *study.runs[1:]]
    warnings = analyse([dataclasses.replace(study, runs=runs)]).warnings
    assert any("digits is not the same for all models" in warning for warning in warnings)


def test_a_damaged_study_is_named(tmp_path):
    folder = tmp_path / "studies" / "broken"
    folder.mkdir(parents=True)
    (folder / "study.json").write_text("{")
    with pytest.raises(
        UserError, match=rf"not valid JSON.*`archlab ablate --spec broken --store {tmp_path}` makes it anew"
    ):
        read_material("broken", tmp_path)


def test_a_dataset_that_failed_everywhere_leaves_no_scores():
    made = made_study(datasets=4, seeds=2)
    rest = made.table[made.table["dataset"] != "pines"]
    found = analyse([dataclasses.replace(made, table=rest, datasets=list(dict.fromkeys(made.table["dataset"])))])
    assert found.frame is None and found.models["xscore"].isna().all()


@pytest.mark.slow
def test_a_score_of_ones_own_stands_beside_the_others():
    material = made_study(datasets=3, seeds=2)
    own = {"worst_case": pd.Series(0.25, REFERENCES)}
    found = analyse([dataclasses.replace(material, own_scores=own)])
    scores = pd.read_csv(io.StringIO(text(found, "csv"))).set_index("model")
    assert list(scores.columns)[list(scores.columns).index("variance") + 1] == "worst_case"
    assert scores.loc["starnet", "worst_case"] == 0.25
    assert np.isnan(scores.loc["mobilenetv2+attention=se", "worst_case"])
    document = {row["model"]: row for row in json.loads(text(found, "json"))["scores"]}
    assert document["starnet"]["worst_case"] == 0.25 and document["mobilenetv2+attention=se"]["worst_case"] is None
    assert "worst_case" in text(found, "markdown") and "worst_case" not in text(analyse([material]), "markdown")


def test_the_metric_of_the_study_is_scored_and_named():
    material = made_study(datasets=3, seeds=2)
    other = material.table.assign(metric="balanced_accuracy", value=material.table["value"] ** 2)
    both = dataclasses.replace(material, table=pd.concat([material.table, other]), metric=METRICS["balanced_accuracy"])
    found = analyse([both])
    expected = analyse([dataclasses.replace(material, table=other.assign(metric="accuracy"))])
    assert found.models["xscore"].equals(expected.models["xscore"])
    assert found.effects["made"].rows.equals(expected.effects["made"].rows)
    assert "of xScore of balanced accuracy, 95 %" in found.answers["made"]
    said = text(found, "markdown")
    for words in ("Balanced accuracies in percent", "| mean balanced accuracy ", "| balanced accuracy points "):
        assert words in said
    assert "Normalised, 0 is the lowest and 1 the highest balanced accuracy of" in said


def test_a_dataset_on_which_the_metric_is_not_defined_is_named_and_left_out():
    """As `auroc` where all test images are of one class; on validation images it may be defined."""
    material = made_study(datasets=4, seeds=2)
    other = material.table.assign(metric="auroc")
    gone = (other["dataset"] == "pines") & (other["split"] == "test")
    found = analyse(
        [
            dataclasses.replace(
                material,
                table=pd.concat([material.table, other[~gone]], ignore_index=True),
                metric=METRICS["auroc"],
                datasets=list(dict.fromkeys(material.table["dataset"])),
            )
        ]
    )
    assert "auroc is not defined on pines: all its images are of one class" in found.warnings
    assert "pines" not in found.frame.datasets and (found.models["reason"] == "").all()
