"""The report of a tuned study: what was chosen, the order with and without it, the cost."""

import dataclasses
import itertools
import json

import pandas as pd
import pytest

from archlab.foundation.metric import METRICS
from archlab.report import analyse, text
from archlab.report.sections import sections
from archlab.report.tuned import Orders
from archlab.report.tuning import _moves
from archlab.scoring import xscore
from tests.report.made import REFERENCES, made_study

DATASETS = ("digits", "mnist5k")
OWN = dict(zip(REFERENCES, (0.8, 0.7, 0.6, 0.5, 0.4), strict=True))
TUNED = dict(zip(REFERENCES, (0.8, 0.75, 0.85, 0.5, 0.55), strict=True))


def choice(model, dataset, **changes):
    values = {"own_value": OWN[model], "chosen_value": TUNED[model] - 0.1 * (dataset == "mnist5k")}
    rates = {"own": {"lr": 0.004}, "chosen": {"lr": 0.004 if OWN[model] == TUNED[model] else 0.008}}
    at_edge = {} if rates["own"] == rates["chosen"] else {"lr": "largest"}
    return {"model": model, "dataset": dataset, **rates, "at_edge": at_edge, **values, **changes}


def document(**changes):
    return {
        "keys": ["lr"],
        "candidates": [{"lr": 0.004}, {"lr": 0.001}, {"lr": 0.008}],
        "per": "cell",
        "steps": 100,
        "seeds": 1,
        "rungs": [{"steps": 25, "tries": 3}, {"steps": 100, "tries": 2}],
        "choices": [choice(model, dataset) for model in REFERENCES for dataset in DATASETS],
        "failed": [],
        "cost": {"runs": 50, "steps": 2750, "seconds": 500.0},
        "untuned": [],
        **changes,
    }


def study(**changes):
    made = made_study(datasets=2, seeds=1)
    kept = {name: model for name, model in made.models.items() if name in REFERENCES}
    runs = [run for run in made.runs if run["model"] in kept]
    table = made.table[made.table["model"].isin(REFERENCES)]
    made = dataclasses.replace(made, models=kept, table=table, runs=runs, base=None)
    return dataclasses.replace(made, **{"tuning": document(), **changes})


def section(analysis):
    return next((each for each in sections(analysis) if each.anchor == "tuning"), None)


def kendall(one, other):
    """Pairs in the same order, less those in the other, of all: of values without ties."""
    signs = [(one[a] > one[b]) == (other[a] > other[b]) for a, b in itertools.combinations(one, 2)]
    return (2 * sum(signs) - len(signs)) / len(signs)


def test_the_order_on_validation_images_is_that_of_xscores_each_side_in_a_frame_of_its_own():
    analysis = analyse([study()])
    found = analysis.tuning.validation
    assert found.measure == "xScore" and analysis.tuning.test is None
    for side in ("own", "tuned"):
        rows = pd.DataFrame(document()["choices"]).pivot(
            index="model", columns="dataset", values={"own": "own_value", "tuned": "chosen_value"}[side]
        )
        expected = xscore(rows)["xscore"]
        assert found.models[side].to_dict() == pytest.approx(expected.to_dict())
        order = list(expected.sort_values(ascending=False).index)
        assert found.models[f"{side}_rank"].to_dict() == {model: order.index(model) + 1 for model in order}
        means = found.models[f"{side}_mean"].to_dict()
        assert means == pytest.approx(rows.mean(axis=1).to_dict())
    one, other = (found.models[side].to_dict() for side in ("own", "tuned"))
    assert found.kendall == pytest.approx(kendall(one, other))
    ranks = found.models[["own_rank", "tuned_rank"]]
    assert found.spearman == pytest.approx(ranks["own_rank"].corr(ranks["tuned_rank"]))


def test_it_says_what_was_tried_chosen_changed_and_spent():
    analysis = analyse([study()])
    found = section(analysis)
    said = " ".join(found.sentences)
    assert "the same 3 values of lr on each dataset: 3 of 25 steps, then 2 of 100 steps" in said
    assert "6 of 10 choices are other values than the recipe's own" in said
    assert (
        "At the edge of what was tried, so that more might be found beyond it: efficientnet on digits (lr largest)"
        in said
    )
    assert "The tries cost 50 runs, 2,750 steps, 8 min 20 s of work; the runs of the study 10 runs" in said
    assert (
        "On validation images, after 100 steps, tuning changes the rank of 5 of 5 models: convmixer from 3 to 1" in said
    )
    assert "is not stored, or not whole" in said and "failed" not in said
    none = dataclasses.replace(analysis.tuning.validation, spearman=0.0, kendall=0.2)
    tuned = dataclasses.replace(analysis, tuning=dataclasses.replace(analysis.tuning, validation=none))
    assert "Rank correlation 0.00 (Spearman), 0.20 (Kendall)." in " ".join(section(tuned).sentences)
    assert not found.is_open and [table.name for table in found.tables] == ["tuning", "tuning-validation"]
    assert found.tables[0].written()[2][2:] == ["0.008 (from 0.004)", "0.750", "0.700", "lr largest"]
    assert found.tables[0].written()[0][2:] == ["0.004", "0.800", "0.800", "–"]


@pytest.mark.slow
def test_long_names_stand_whole_in_the_table_and_a_sentence_names_but_a_few():
    made = study()
    long = {name: f"{name}+{'x' * (119 - len(name))}" for name in REFERENCES}
    choices = [{**each, "model": long[each["model"]]} for each in document()["choices"]]
    models = {long[name]: model for name, model in made.models.items()}
    table, runs = (
        made.table.assign(model=made.table["model"].map(long)),
        [{**run, "model": long[run["model"]]} for run in made.runs],
    )
    renamed = {"models": models, "table": table, "runs": runs, "references": list(long.values())}
    made = dataclasses.replace(made, **renamed, tuning=document(choices=choices))
    analysis = analyse([made])
    found = section(analysis)
    assert {row[0] for row in found.tables[0].written()} == set(long.values())
    (moves,) = [sentence for sentence in found.sentences if "changes the rank of 5 of 5 models" in sentence]
    assert " more. Rank correlation" not in moves
    many = dataclasses.replace(
        analysis.tuning.validation,
        models=pd.concat([analysis.tuning.validation.models] * 2),
    )
    analysis = dataclasses.replace(analysis, tuning=dataclasses.replace(analysis.tuning, validation=many))
    (moves,) = [each for each in section(analysis).sentences if "changes the rank of 10 of 10 models" in each]
    assert moves.count(" from ") == 6 and "and 4 more. Rank correlation" in moves


def test_one_model_has_no_order():
    models = pd.DataFrame({"own_rank": [1], "tuned_rank": [1]}, index=["a"])
    said = "On validation images, after 25 steps, there is one model, and so no order that tuning could change."
    assert _moves(Orders("validation", "xScore", models, None, None), 25) == said


@pytest.mark.slow
def test_the_full_runs_stand_side_by_side_where_those_without_tuning_are_stored():
    untuned = study().table.query("split == 'test'").copy()
    analysis = analyse([study(untuned=untuned)])
    models = analysis.tuning.test.models
    assert (models["own"] == models["tuned"]).all() and analysis.tuning.test.kendall == pytest.approx(1.0)
    assert models["tuned"].to_dict() == pytest.approx(analysis.models["xscore"].to_dict())
    found = section(analysis)
    assert "On test images, of the full runs, the order of the 5 models is the same" in found.sentences[-1]
    assert found.tables[-1].name == "tuning-test"


def test_without_a_frame_the_mean_counts_and_what_is_lower_may_be_better():
    choices = [choice(model, "digits") for model in REFERENCES]
    made = study(tuning=document(choices=choices), metric=METRICS["log_loss"])
    table = made.table[made.table["dataset"] == "digits"].assign(metric="log_loss")
    found = analyse([dataclasses.replace(made, table=table)]).tuning.validation
    assert found.measure == f"mean {METRICS['log_loss'].words}"
    assert found.models["own_rank"].to_dict() == {name: 5 - at for at, name in enumerate(REFERENCES)}


def test_a_model_whose_tries_failed_is_in_no_order_and_is_named():
    failed = {"model": "starnet", "dataset": "digits", "seed": 10_000, "cause": "DivergenceError: nan", "attempts": 1}
    failed |= {"steps": 25, "values": {"lr": 0.008}}
    choices = [each for each in document()["choices"] if each["model"] != "starnet"]
    choices += [choice("starnet", name, own_value=None, chosen_value=None) for name in DATASETS]
    analysis = analyse([study(tuning=document(choices=choices, failed=[failed]))])
    assert set(analysis.tuning.validation.models.index) == set(REFERENCES) - {"starnet"}
    assert (
        "Tries that failed, and so counted as the worst: starnet on digits at lr 0.008." in section(analysis).sentences
    )
    nothing = [choice(model, name, own_value=None) for model in REFERENCES for name in DATASETS]
    assert analyse([study(tuning=document(choices=nothing))]).tuning.validation is None


@pytest.mark.slow
def test_a_study_that_tunes_nothing_has_no_such_section():
    analysis = analyse([study(tuning=None)])
    assert section(analysis) is None and analysis.tuning is None
    assert "tuning" not in text(analysis, "html").lower().replace("fine-tuning", "")
    assert json.loads(text(analysis, "json"))["tuning"] is None


@pytest.mark.slow
def test_programs_get_all_of_it_but_keys():
    found = json.loads(text(analyse([study()]), "json"))["tuning"]
    assert found["choices"] == json.loads(json.dumps(document()["choices"])) and "untuned" not in found
    assert found["orders"]["test"] is None and found["main_cost"]["runs"] == 10
    assert {"model", "own", "tuned", "own_rank", "tuned_rank", "own_mean", "tuned_mean"} == set(
        found["orders"]["validation"]["models"][0]
    )
    for form in ("html", "latex", "markdown"):
        assert "What was chosen, and from what" in text(analyse([study()]), form)
