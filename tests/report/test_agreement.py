"""Two protocols on one page: what is said, drawn, and given to programs; what they cost; names matched as people write them."""

import dataclasses
import json

import pytest

from archlab.foundation import UserError
from archlab.report import analyse, text
from archlab.report.agreement import agreement as section
from archlab.report.writing import csv_files
from tests.report.made import made_study


def timed(study, factor, hardware="Made-up CPU"):
    """The study, its runs taking `factor` times as long."""
    runs = [{**run, "seconds": factor * run["seconds"], "hardware": hardware} for run in study.runs]
    return dataclasses.replace(study, runs=runs)


@pytest.fixture(scope="module")
def cheap():
    return made_study(seeds=3, name="quick_run", noise=0.05)


@pytest.fixture(scope="module")
def dear():
    return timed(made_study(seeds=3, name="thorough_run", noise=0.03), 8)


@pytest.fixture(scope="module")
def analysis(cheap, dear):
    return analyse([dear], cheap=cheap)


@pytest.mark.slow
def test_a_section_says_how_they_rank_and_which_is_the_cheaper_way_to_know(analysis):
    printed = text(analysis, "markdown")
    assert "8 models that both have in full" in printed and "without the noise of both" in printed
    assert "the cheaper way to know" in printed and "runs of quick_run tell as much" in printed
    page = text(analysis, "html")
    assert "Does quick_run rank as thorough_run?" in page and page.count("<svg") >= 1
    assert {"agreement.csv", "agreement-runs.csv"} <= set(csv_files(analysis))
    assert analysis.name == "thorough_run" and not [name for name in analysis.models.index if "(" in name]


def test_programs_get_the_same(analysis):
    found = json.loads(text(analysis, "json"))["agreement"]
    assert (found["cheap"], found["dear"], found["metric"]) == ("quick_run", "thorough_run", "accuracy")
    assert len(found["rows"]) == 2 + 7 and found["rows"][0]["by"] == "xscore"
    score, dataset = found["rows"][0], found["rows"][2]
    assert score["cheap_seconds"] == pytest.approx(7 * dataset["cheap_seconds"])
    assert score["dear_seconds"] == pytest.approx(8 * score["cheap_seconds"])
    assert score["seconds_ratio"] == pytest.approx(score["runs_for_one"] / 8)
    beside = {name for name in analysis.material.models if name.endswith("@raw")}
    assert len(found["models"]) == 8 and not beside & set(found["models"])
    assert found["hardware"] == {"cheap": ["Made-up CPU"], "dear": ["Made-up CPU"]}


def test_the_xscores_of_both_stand_side_by_side(analysis):
    (found,) = section(analysis)
    table = next(each for each in found.tables if each.name == "agreement-xscores").frame()
    sides = [f"{what}, {name}" for name in ("quick_run", "thorough_run") for what in ("rank", "xScore")]
    assert list(table) == ["model", *sides] and list(table["rank, thorough_run"]) == list(range(1, 9))
    spearman = analysis.agreement.found.rows["spearman"][0]
    assert table["xScore, quick_run"].corr(table["xScore, thorough_run"], method="spearman") == pytest.approx(spearman)


@pytest.mark.slow
def test_without_a_cheap_one_nothing_is_said(dear):
    plain = analyse([dear])
    assert json.loads(text(plain, "json"))["agreement"] is None and "the cheaper way" not in text(plain, "markdown")


@pytest.mark.slow
def test_costs_that_are_not_known_or_not_comparable_are_said(cheap, dear):
    unknown = analyse([dataclasses.replace(dear, runs=[])], cheap=cheap)
    assert "the cheaper way to know" not in text(unknown, "markdown")
    assert json.loads(text(unknown, "json"))["agreement"]["rows"][0]["seconds_ratio"] is None
    elsewhere = analyse([timed(dear, 1, "Another CPU")], cheap=cheap)
    assert "timed on different hardware: Made-up CPU; Another CPU" in text(elsewhere, "markdown")


@pytest.mark.slow
def test_one_seed_is_refused_in_words(cheap, dear):
    table = dear.table[dear.table["seed"] == 0]
    one = analyse([dataclasses.replace(dear, table=table, seeds=[0])], cheap=cheap)
    printed = text(one, "markdown")
    assert "thorough_run has one seed, which says nothing about its noise" in printed
    assert "they rank alike by" in printed and "tell as much" not in printed


@pytest.mark.slow
def test_names_are_matched_and_what_is_left_out_is_named(cheap, dear):
    renamed = {"mobilenetv2": "MobileNet-V2", "digits": "Digits"}
    table = cheap.table.replace({"model": renamed, "dataset": renamed})
    table = table[(table["model"] != "starnet") & (table["dataset"] != "glyphs")]
    other = dataclasses.replace(cheap, table=table, models={}, runs=[])
    printed = text(analyse([dear], cheap=other), "markdown")
    assert "digits is Digits in quick_run" in printed and "lacks it or a seed of it: " in printed
    assert "starnet" in printed.split("lacks it or a seed of it: ")[1].split("\n")[0]
    with pytest.raises(UserError, match="named twice"):
        analyse([dear], cheap=dear)
    none = dataclasses.replace(cheap, table=cheap.table.assign(model="x" + cheap.table["model"]))
    with pytest.raises(UserError, match="share no model"):
        analyse([dear], cheap=none)


@pytest.mark.slow
def test_protocols_on_other_datasets_are_compared_by_their_scores(cheap, dear):
    elsewhere = dataclasses.replace(cheap, table=cheap.table.assign(dataset="far " + cheap.table["dataset"]))
    found = analyse([dear], cheap=elsewhere)
    assert "each on its own datasets, since they share none" in text(found, "markdown")
    assert [row["by"] for row in json.loads(text(found, "json"))["agreement"]["rows"]] == ["xscore", "mean"]
