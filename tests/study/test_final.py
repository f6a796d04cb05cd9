"""The final table of a search: who is a finalist, who wins, and what is left of the gain on test data."""

from __future__ import annotations

import random
from types import SimpleNamespace

import optuna
import pandas as pd
import pytest

from archlab.foundation import read_yaml_text
from archlab.foundation.metric import METRICS
from archlab.study.loading import load_study
from archlab.study.search.designs import Designs
from archlab.study.search.final import final_study, judge
from tests.study.test_search_parts import basis_of


def final_of(rows, seeds=(0, 1)):
    """A final table: (model, skill on validation, skill on test, MACs), every skill the same on all datasets but for seeds."""
    chance = random.Random(0)
    table = [
        (name, dataset, seed, split, "accuracy", skill + chance.gauss(0, 0.002))
        for name, validation, test, _ in rows
        for dataset in "abcd"
        for seed in seeds
        for split, skill in (("validation", validation), ("test", test))
    ]
    models = [SimpleNamespace(name=name, cost={"macs": macs}) for name, _, _, macs in rows]
    frame = [name for name, *_ in rows if name.startswith("r")]
    study = SimpleNamespace(
        frame=frame,
        weight_of_variance=0.5,
        metric=METRICS["accuracy"],
        datasets=dict.fromkeys("abcd", 32),
        seeds=list(seeds),
        models=models,
    )
    columns = ["model", "dataset", "seed", "split", "metric", "value"]
    return SimpleNamespace(study=study, table=pd.DataFrame(table, columns=columns), images=None)


def trial_of(number, xscore):
    attributes = {"accuracies": dict.fromkeys("abcd", xscore), "design": str(number)}
    return optuna.trial.create_trial(value=xscore, user_attrs=attributes)


def judged(rows, references=None, **given):
    basis = basis_of(skills=[at / 4 for at in range(5)])
    references = references or [(f"r{at}", at / 4, at / 4, 100) for at in range(5)]
    trials = [trial_of(number, 1.1) for number, _ in enumerate(rows)]
    for number, trial in enumerate(trials):
        trial.number = number
    final = final_of([*references, *((f"net-trial{at}", *row) for at, row in enumerate(rows))], **given)
    return judge(final, basis, trials, "net")


def test_the_winner_is_chosen_by_validation_data_and_a_tie_goes_to_fewer_macs():
    assert [each.trial for each in judged([(1.2, 0.9, 50), (1.1, 2.0, 10)])] == [0, 1]
    assert [each.trial for each in judged([(1.2, 1.2, 50), (1.1999, 1.2, 10)])] == [1, 0]
    assert [each.trial for each in judged([(1.2, 1.2, 50), (1.1999, 1.2, 10)], seeds=[0])] == [0, 1]


def test_the_share_of_the_gain_that_survived_is_of_the_final_table_alone():
    (winner,) = judged([(1.2, 1.05, 50)])
    assert winner.found["gain"] == pytest.approx(0.1)
    assert winner.validation["gain"] == pytest.approx(0.2, abs=0.01)
    assert winner.test["gain"] == pytest.approx(0.05, abs=0.01)
    assert winner.survived == pytest.approx(winner.test["gain"] / winner.validation["gain"])
    assert winner.test["gain_low"] < winner.test["gain"] < winner.test["gain_high"]
    assert judged([(1.2, 1.05, 50)], seeds=[0])[0].test["gain_low"] is None


def test_the_reference_to_beat_is_chosen_by_validation_data_and_the_others_are_there_too():
    references = [("r0", 0.0, 0.0, 100), ("r1", 1.0, 0.5, 100), ("r2", 0.9, 1.0, 100), ("r3", 0.2, 0.2, 100)]
    (winner,) = judged([(1.2, 0.8, 50)], references=references)
    assert winner.test["gain"] == pytest.approx(0.3, abs=0.01)
    assert set(winner.against) == {"r0", "r1", "r2", "r3"}
    assert winner.against["r1"]["gain"] == winner.test["gain"]
    assert winner.against["r2"]["gain_high"] < 0 < winner.against["r0"]["gain_low"]


def test_the_base_is_a_finalist_beside_the_reference_of_its_name(tmp_path):
    net = "{name: net, layers: [{conv: {out: 8, stride: 2}}, {inverted_residual: {out: 16, expand: 2, stride: 2}}]}"
    text = f"""
name: mine
base: {net}
choices: {{kernel: {{3: [], 5: [{{set: {{kernel: 5}}, where: {{block: inverted_residual}}}}]}}}}
budget: 6k
compare: [{net}, {{name: other, layers: [{{conv: {{out: 8, stride: 4}}}}]}}]
suite: [digits, textures]
"""
    designs = Designs(load_study(read_yaml_text(text, "mine.yaml"), home=tmp_path), tmp_path)
    trial = SimpleNamespace(params={"kernel": "3"}, number=0, user_attrs={})
    final = final_study(designs, [trial], None)
    assert [model.name for model in final.models] == ["net", "other", "mine-trial0"]
    assert final.frame == ["net", "other"] and final.models[2].role == "variant"
