"""What int8 costs: xScores in the frame of the float networks, ranks that change, models that suffer."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from archlab.report import analyse, text
from archlab.report.document import document
from archlab.report.precision import _ranks, precision
from archlab.report.quantised import Quantised
from archlab.scoring import xscore
from tests.report.made import DATASETS, made_study


def lost_on(model, dataset):
    """Shares of accuracy."""
    return {"convmixer": 0.05 if dataset == "pines" else 0.03, "efficientnet": 0.004}.get(model, 0.001)


@pytest.fixture(scope="module")
def material():
    made = made_study(datasets=4, seeds=3)
    rows = [
        {
            **{name: run[name] for name in ("model", "dataset", "seed", "key")},
            "float": run["accuracy"],
            "int8": run["accuracy"] - lost_on(run["model"], run["dataset"]),
            "drop": lost_on(run["model"], run["dataset"]),
            "low": lost_on(run["model"], run["dataset"]) - 0.01,
            "high": lost_on(run["model"], run["dataset"]) + 0.01,
            "images": 400,
            "way": "minimum and maximum",
        }
        for run in made.runs
    ]
    return dataclasses.replace(made, int8=rows)


def section_of(material):
    return next(precision(analyse([material])))


@pytest.mark.slow
def test_xscores_are_in_the_frame_of_the_float_networks(material):
    analysis = analyse([material])
    found = analysis.quantised.models
    expected = analysis.means.copy()
    for model in expected.index:
        expected.loc[model] -= [lost_on(model, dataset) for dataset in expected.columns]
    values = xscore(expected.loc[found.index], frame=analysis.frame)["xscore"]
    pd.testing.assert_series_equal(found["xscore"], values, check_names=False)
    assert (found["float_xscore"] == analysis.models["xscore"].loc[found.index]).all()
    assert found["rank"].tolist() == list(range(1, len(found) + 1))


@pytest.mark.slow
def test_what_is_lost_and_how_sure_that_is(material):
    found = analyse([material]).quantised.models.loc["convmixer"]
    assert found["drop"] == pytest.approx(100 * np.mean([lost_on("convmixer", name) for name in DATASETS[:4]]))
    assert found["worst"] == "pines: 5.0"
    half = 1 / np.sqrt(4)  # seeds see the same images, datasets do not
    assert (found["low"], found["high"]) == pytest.approx((found["drop"] - half, found["drop"] + half))
    sentences = section_of(material).sentences
    assert any(
        line.startswith("More than 1 point lose, whatever the images: convmixer (3.5, 3.0 to 4.0)")
        for line in sentences
    )
    assert not any("efficientnet (" in line for line in sentences)


@pytest.mark.slow
def test_ranks_that_change_are_named(material):
    found = analyse([material]).quantised.models
    moved = found[found["rank"] != found["float_rank"]]
    (said,) = [line for line in section_of(material).sentences if "rank correlation" in line]
    assert len(moved) and said.startswith(f"{len(moved)} of {len(found)} models change their rank")
    for model, row in moved.iterrows():
        assert f"{model} from {row['float_rank']} to {row['rank']}" in said


def test_ranks_of_two_models_or_of_ties_correlate_with_nothing():
    models = pd.DataFrame({"rank": [1, 1, 1], "float_rank": [1, 2, 3]}, index=["a", "b", "c"])
    assert _ranks(Quantised(models, {})) == "2 of 3 models change their rank: b from 2 to 1, c from 3 to 1."
    assert _ranks(Quantised(models[:2], {})) == "1 of 2 models change their rank: b from 2 to 1."
    assert _ranks(Quantised(models[:1], {})) == "Of one model there is no order that int8 could change."


@pytest.mark.slow
def test_a_model_of_which_a_run_is_not_scored_has_no_score_and_its_cause_is_said(material):
    rows = [dict(row) for row in material.int8]
    first, *_, last = (at for at, row in enumerate(rows) if row["model"] == "starnet")
    for at, cause in ((first, "no whole run"), (last, "another")):
        rows[at] = {name: rows[at][name] for name in ("model", "dataset", "seed", "key")} | {"cause": cause}
    changed = dataclasses.replace(material, int8=rows)
    analysis = analyse([changed])
    assert "starnet" not in analysis.quantised.models.index
    assert "Not scored in int8: starnet: no whole run." in section_of(changed).sentences
    broken = dataclasses.replace(
        material, int8=[{"model": row["model"], "dataset": row["dataset"], "cause": "x"} for row in rows]
    )
    assert section_of(broken).tables == [] and document(analyse([broken]))["int8"] == []


@pytest.mark.slow
def test_the_best_in_int8_is_among_what_to_ship(material):
    analysis = analyse([material])
    rows = {row["choice"]: row for row in document(analysis)["ship"]}
    best = analysis.quantised.models.index[0]
    assert rows["best in int8"]["model"] == best and rows["best in int8"]["command"].endswith(" --int8")
    assert document(analysis)["int8"][0]["model"] == best
    assert "What int8 costs" in text(analysis, "html") and "What int8 costs" in text(analysis, "markdown")


def test_a_study_that_did_not_ask_says_nothing(material):
    analysis = analyse([dataclasses.replace(material, int8=[])])
    assert list(precision(analysis)) == [] and document(analysis)["int8"] is None
