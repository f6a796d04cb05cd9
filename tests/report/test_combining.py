import dataclasses

import numpy as np
import pandas as pd
import pytest

from archlab.foundation import UserError
from archlab.foundation.metric import Metric
from archlab.report import analyse, text
from tests.report.made import REFERENCES, made_study


def test_the_same_study_twice_is_the_study(study):
    twice = analyse([made_study(datasets=4, seeds=3), made_study(datasets=4, seeds=3, name="again")])
    assert list(twice.models.index) == list(study.models.index)
    assert np.allclose(twice.models["xscore"], study.models["xscore"])


@pytest.mark.slow
def test_several_studies_are_scored_in_one_frame_on_shared_datasets():
    first, second = (
        made_study(datasets=4, seeds=3),
        made_study(datasets=3, seeds=3, name="other", first_seed=5, effect=0.0),
    )
    found = analyse([first, second])
    assert found.means.shape[1] == 3
    assert "mobilenetv2" in found.models.index
    assert "mobilenetv2 (other)" in found.models.index
    assert set(found.frame.models) == {*REFERENCES, *(f"{name} (other)" for name in REFERENCES)}
    assert any("elpv left out" in warning for warning in found.warnings)
    assert set(found.effects) == {"made", "other"}
    said = text(found, "markdown")
    assert "Effects of the options, other" in said


@pytest.mark.slow
def test_different_recipes_and_machines_are_pointed_out():
    first = made_study(datasets=3, seeds=2)
    slower = dataclasses.replace(made_study(datasets=3, seeds=2, name="slow"), provenance={"recipe": "thorough"})
    assert any("different recipes" in warning for warning in analyse([first, slower]).warnings)
    runs = [{**first.runs[0], "torch": "2.7"}, *first.runs[1:]]
    assert any(
        "mixes execution modes" in warning for warning in analyse([dataclasses.replace(first, runs=runs)]).warnings
    )


@pytest.mark.slow
def test_which_studies_were_tuned_is_said_and_where_their_tuning_is_shown():
    plain, tuned = made_study(datasets=3, seeds=2), made_study(datasets=3, seeds=2, name="other")
    assert not any("tun" in warning for warning in analyse([plain, tuned]).warnings)
    tuned = dataclasses.replace(tuned, tuning={"choices": []})
    shown = "; the order of the models with and without tuning is on the page of each tuned study alone"
    found = analyse([plain, tuned])
    assert f"tuned before training: other; not tuned: made{shown}" in found.warnings and found.tuning is None
    both = analyse([dataclasses.replace(plain, tuning=tuned.tuning), tuned])
    assert f"tuned before training: made, other{shown}" in both.warnings


def test_studies_without_shared_datasets_are_refused(tmp_path):
    other = made_study(datasets=3, seeds=1, name="other")
    other = dataclasses.replace(other, table=other.table.assign(dataset=other.table["dataset"] + "!"))
    with pytest.raises(UserError, match="made, other share 0 dataset"):
        analyse([made_study(datasets=3, seeds=1), other])


def test_studies_compared_keep_their_own_seeds_and_weights():
    first, second = made_study(datasets=3, seeds=3), made_study(datasets=3, seeds=2, name="again", first_seed=9)
    first = dataclasses.replace(first, seeds=[0, 1, 2])
    second = dataclasses.replace(second, seeds=[9, 10], lam=0.25)
    gap = (first.table["model"] == "starnet") & (first.table["dataset"] == "mnist5k") & (first.table["seed"] == 1)
    found = analyse([dataclasses.replace(first, table=first.table[~gap]), second])
    assert list(found.models.index[found.models["reason"] != ""]) == ["starnet"]
    assert "mnist5k" in found.models.loc["starnet", "reason"]
    assert any("weigh the variance differently" in warning for warning in found.warnings)


def test_scores_of_ones_own_do_not_leave_their_frame():
    own = {"worst_case": pd.Series(0.25, REFERENCES)}
    first = dataclasses.replace(made_study(datasets=3, seeds=2), own_scores=own)
    found = analyse([first, made_study(datasets=3, seeds=2, name="again")])
    assert "worst_case" not in found.models
    assert any(warning.startswith("worst_case left out") for warning in found.warnings)


def test_studies_of_different_metrics_are_refused():
    first = made_study(datasets=3, seeds=1)
    with pytest.raises(UserError, match="different metrics cannot be compared: accuracy, auc"):
        analyse([first, dataclasses.replace(first, metric=Metric("auc"))])
