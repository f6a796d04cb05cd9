"""Reports of tables from elsewhere: what they say of seeds, metrics, few models, and of names that are markup."""

import dataclasses
import re

import numpy as np
import pandas as pd
import pytest

from archlab.foundation import UserError
from archlab.foundation.metric import Metric
from archlab.report import analyse, read_material, text
from archlab.report.latex import latex
from archlab.report.sections import in_short, sections
from archlab.report.table import Column, Table
from archlab.scoring import Rounds
from tests.report.made import made_study


@pytest.fixture
def read(tmp_path):
    def of(table, *asked, name="table"):
        table.to_csv(tmp_path / f"{name}.csv", index=False)
        return read_material(str(tmp_path / f"{name}.csv"), tmp_path, *asked)

    return of


def made(models=6, datasets="abcd", seeds=1, metric=None, factor=1.0):
    rng = np.random.default_rng(0)
    quality = np.linspace(0.3, 0.8, models)
    rows = [
        (f"m{at}", name, seed, factor * (each + rng.normal(0, 0.03)))
        for at, each in enumerate(quality)
        for name in datasets
        for seed in range(seeds)
    ]
    found = pd.DataFrame(rows, columns=["model", "dataset", "seed", "value"])
    return found if metric is None else found.assign(metric=metric)


def section(analysis, anchor):
    return next(each for each in sections(analysis) if each.anchor == anchor)


def test_uneven_seeds_are_told(read):
    uneven = made(seeds=5)
    uneven = uneven[(uneven["seed"] == 0) | (uneven["model"] != "m0")]
    found = analyse([read(uneven)])
    assert dict(in_short(found))["seeds a cell"] == "1 to 5"
    assert "uneven seeds: 1 of m0 on a, 5 of m1 on a" in found.warnings
    assert "With one seed a cell" not in section(found, "scores").sentences[0]
    single = analyse([read(made())])
    assert dict(in_short(single))["seeds a cell"] == "1" and not any("uneven" in each for each in single.warnings)
    assert "With one seed a cell there are no intervals." in section(single, "scores").sentences[0]


def test_a_study_that_went_on_until_decided_has_uneven_seeds_on_purpose():
    study = made_study(datasets=3, seeds=8)
    table = study.table[(study.table["seed"] < 4) | study.table["model"].isin(["mobilenetv2", "starnet"])]
    study = dataclasses.replace(study, table=table, seeds=[0, 1, 2, 3], rounds=Rounds(list(range(8)), [], 8))
    found = analyse([study])
    assert dict(in_short(found))["seeds a cell"] == "4 to 8"
    assert not any("uneven seeds" in each for each in found.warnings) and (found.models["reason"] == "").all()


def test_a_metric_that_archlab_does_not_know_is_pointed_out(read):
    doubt = "archlab does not know the metric error: its highest value counts as the best"
    errors = made(metric="error", factor=100)
    found = analyse([read(errors)])
    assert any(each.startswith(doubt) for each in found.warnings) and found.models.index[0] == "m5"
    turned = analyse([read(errors, None, True)])
    assert not any("error" in each for each in turned.warnings) and turned.models.index[0] == "m0"
    assert turned.metric == Metric("error", higher_is_better=False, unit="error")
    frames = analyse([read(made(metric="fps", factor=1000), "fps")])
    assert not any("fps" in each for each in frames.warnings) and "Values of fps as they are" in text(
        frames, "markdown"
    )


def test_a_study_and_a_published_table_keep_their_metric(tmp_path):
    with pytest.raises(UserError, match="zhang2025 is scored by accuracy"):
        read_material("zhang2025", tmp_path, "auroc")
    with pytest.raises(UserError, match="the accuracy of zhang2025 is better when higher"):
        read_material("zhang2025", tmp_path, None, True)
    assert read_material("zhang2025", tmp_path, "accuracy").metric.name == "accuracy"


def test_the_direction_of_a_studys_own_metric_is_known_beside_it(read, tmp_path):
    own = Metric("cost", higher_is_better=False, unit="euros", own={"/mine.py:cost": {}})
    costs = made(metric="cost")
    (tmp_path / "study.json").write_text(pd.Series({"metric": own.document()}).to_json())
    assert read(costs).metric == own and not read(costs).doubts
    (tmp_path / "study.json").write_text('{"metric": {"name": "cost"')
    assert read(costs).metric.higher_is_better and read(costs).doubts


def test_predictors_of_a_loss_go_with_the_score(read):
    accuracies = analyse([read(made())]).predictors
    losses = analyse([read(made(metric="log_loss").assign(value=lambda rows: 1 - rows["value"]))]).predictors
    assert losses["pearson"].to_numpy() == pytest.approx(accuracies["pearson"].to_numpy())
    assert accuracies.loc[accuracies["target"] == "xScore of the others", "pearson"].min() > 0.9


def test_few_models_make_wide_intervals_and_many_do_not(read):
    said = [section(analyse([read(made(models))]), "predictors").sentences[0] for models in (6, 40)]
    assert said == ["Correlations over 6 models; so few make wide intervals.", "Correlations over 40 models."]


def test_a_correlation_of_one_has_no_interval(read):
    table = pd.DataFrame({"model": list("pqrst"), **{name: np.linspace(0.2, 0.8, 5) for name in "abc"}})
    found = analyse([read(table)])
    assert found.predictors[["pearson_low", "spearman_high"]].isna().all().all()
    shown = section(found, "predictors")
    assert "95 %" not in shown.sentences[1] and "(Pearson 1.00)" in shown.sentences[1]
    assert shown.folded[0].written()[0][2:5] == ["1.00", "–", "–"]


def test_sentences_are_whole_and_keep_names(read):
    one = made(datasets=["CIFAR10", "b", "c"], seeds=2)
    one = one[(one["dataset"] != "CIFAR10") | (one["seed"] == 0)]
    found = analyse([read(one)])
    assert section(found, "stability").sentences == ["No rank probabilities: no model has two seeds on CIFAR10."]
    assert section(found, "ship").tables[0].caption == "The best."
    two = analyse([read(made(models=5, datasets="ab"))])
    assert section(two, "subsets").sentences[0].startswith("Of 2 subsets of 1 dataset, ")
    few = analyse([read(made(models=3, datasets="ab"))])
    assert "3 models cannot validate a map from 1 dataset: 4 are needed" in section(few, "subsets").sentences[0]


def test_regret_that_is_not_known_has_a_reason_that_fits(read):
    equal = made().assign(value=0.5)
    assert "two datasets that tell them apart" in analyse([read(equal)]).regret.reason
    two = made().assign(value=lambda rows: rows["value"].where(rows["dataset"].isin(["a", "b"]), 0.5))
    assert "it needs 3 datasets that tell the models apart" in analyse([read(two)]).regret.reason


def test_a_heading_is_no_markup(read):
    study = made_study(datasets=2, seeds=2, name="*star*_<b>")
    headings = [line for line in text(analyse([study], study), "markdown").splitlines() if line.startswith("## ")]
    assert r"## Held against \*star\*\_\<b\>" in headings


def test_names_are_no_arguments_and_no_ligatures_in_latex(read):
    table = made(datasets="ab").replace(
        {"model": {"m0": "[ours]", "m1": "*starred", "m2": "a<b>|c", "m3": "x\n\ny\x1b", "m4": "a--int8"}}
    )
    said = latex(analyse([read(table)]))
    rows = [line for line in said.splitlines() if " & " in line]
    assert rows and not any(re.match(r"\s*[\[*]", row) for row in rows)
    assert "{[}ours] &" in said and "{*}starred &" in said and r"a\textless{}b\textgreater{}\textbar{}c" in said
    assert r"x y\textbackslash{}x1b &" in said and "\x1b" not in said
    assert "a-{}-int8 &" in said and "--" not in said


def test_every_column_of_a_csv_has_a_name_of_its_own():
    columns = {"a": Column("seen"), "b": Column("low"), "c": Column("not seen"), "d": Column("low")}
    table = Table.of("gains", "Gains.", columns, [dict.fromkeys(columns, 1.0)])
    assert list(table.frame()) == ["seen", "low", "not seen", "not seen low"]


def test_nothing_has_no_sign():
    assert Column("x", "number").written(-0.0001) == "0.000" and Column("x", "number").written(-0.0006) == "−0.001"
    assert Column("x", "signed").written(-0.0001) == "+0.000" and Column("x", "number", 1).written(3) == "3.0"
