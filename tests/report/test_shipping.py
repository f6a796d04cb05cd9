"""What to ship: the best, the cheapest that may be as good, what to avoid, and how to export them."""

from __future__ import annotations

import dataclasses

import pandas as pd
import pytest

from archlab.report import analyse
from archlab.report.document import document
from archlab.report.scores import costs
from archlab.report.shipping import MOST_AVOIDED, shipping
from tests.report.made import made_study


@pytest.fixture(scope="module")
def analysis():
    return analyse([made_study()])


def table_of(analysis, name="ship"):
    (section,) = shipping(analysis)
    return next(table.frame() for table in [*section.tables, *section.folded] if table.name == name)


def test_the_cheapest_are_of_those_that_may_be_as_good_as_the_best(analysis):
    shown, models = table_of(analysis).set_index("to ship"), analysis.models
    best = models["xscore"].idxmax()
    assert shown.loc["best", "model"] == best == analysis.contenders[0]
    assert shown.loc["fastest", "model"] == models.loc[analysis.contenders, "latency"].idxmin()
    assert "smallest" not in shown.index, "the budget makes them alike"


def test_what_is_clearly_worse_and_cheaper_in_nothing_is_to_be_avoided_the_worst_first(analysis):
    avoided = table_of(analysis).query("`to ship` == 'avoid'")
    everything = [row["model"] for row in document(analysis)["ship"] if row["choice"] == "avoid"]
    assert list(avoided["model"]) == everything[:MOST_AVOIDED]
    (section,) = shipping(analysis)
    more = len(everything) - MOST_AVOIDED
    assert (f"; {more} more are to be avoided." in section.tables[0].caption) == (more > 0)
    best = analysis.models.iloc[0]
    paid = ["macs", "latency"]
    expected = [
        name
        for name, model in analysis.models[::-1].iterrows()
        if name not in analysis.contenders and (model[paid] >= best[paid]).all()
    ]
    assert everything == expected and best.name not in everything


def test_what_may_be_as_good_as_the_best_is_not_to_be_avoided_whatever_its_own_interval(analysis):
    models, dear = analysis.models.copy(), analysis.models.index[-1]
    models.loc[dear, ["macs", "latency", "xscore_high"]] = [1e6, 1e6, -9.0]
    for contenders, avoided in ((analysis.contenders, True), ([*analysis.contenders, dear], False)):
        ship = document(dataclasses.replace(analysis, models=models, contenders=contenders))["ship"]
        assert (dear in [row["model"] for row in ship if row["choice"] == "avoid"]) == avoided


def test_a_model_at_chance_is_neither_the_cheapest_nor_passed_over(analysis):
    fastest = table_of(analysis).set_index("to ship").loc["fastest", "model"]
    models = analysis.models.copy()
    models.loc[models.index[-1], "latency"] = 0.1
    models.loc[models.index[-1], "at_chance"] = "pines"
    shown = table_of(dataclasses.replace(analysis, models=models, contenders=[*analysis.contenders, models.index[-1]]))
    assert shown.set_index("to ship").loc["fastest", "model"] == fastest
    row = shown[shown["model"] == models.index[-1]].iloc[0]
    assert (row["to ship"], row["because"]) == ("avoid", "no better than chance on pines")


@pytest.mark.slow
def test_the_run_with_the_best_validation_accuracy_is_exported():
    """Whatever the test accuracies are."""
    material = made_study(seeds=3)
    runs = [run | {"key": f"{at:012d}{'0' * 52}"} for at, run in enumerate(material.runs)]
    curves = material.curves.assign(
        validation_accuracy=material.curves["seed"].map({0: 0.5, 1: 0.9, 2: 0.7}) + material.curves["epoch"] / 1000
    )
    found = analyse([dataclasses.replace(material, runs=runs, curves=curves)])
    exports = table_of(found, "exports")
    by_cell = {(run["model"], run["dataset"]): run["key"][:12] for run in runs if run["seed"] == 1}
    for row in exports.to_dict("records"):
        assert row["export"] == f"archlab export {by_cell[row['model'], row['dataset']]}"
    assert set(exports["dataset"]) == set(found.means.columns)
    shown = table_of(found).set_index("to ship")
    assert shown.loc["best", "export"] == f"archlab export {by_cell[shown.loc['best', 'model'], 'digits']}"


def test_one_seed_knows_no_contenders_and_says_so():
    (section,) = shipping(analyse([made_study(seeds=1)]))
    (table,) = section.tables
    assert "nobody knows which are as good" in table.caption
    assert "low" not in [column.title for column in table.columns]
    shown = table.frame().set_index("to ship")
    assert shown.loc["fastest", "model"] == "mobilenetv2" and "avoid" not in shown.index


@pytest.mark.slow
@pytest.mark.parametrize("validated", [None, "nowhere", "never"])
def test_where_no_run_was_validated_there_are_no_commands(validated):
    made = made_study()
    curves = {
        "nowhere": made.curves.assign(validation_accuracy=None),
        "never": made.curves[["model", "dataset", "seed", "epoch"]],
    }
    material = dataclasses.replace(made, curves=curves.get(validated))
    (section,) = shipping(analyse([material]))
    assert "export" not in [column.title for column in section.tables[0].columns]
    assert section.folded == []


def test_the_best_within_any_budget_is_named(analysis):
    (section,) = costs(analysis)
    (table,) = section.folded
    said = table.frame().set_index("budget of").loc["multiply-accumulates (millions)", "best within it"]
    models = analysis.models.dropna(subset="xscore").sort_values("macs")
    steps = models[models["xscore"] > models["xscore"].cummax().shift(fill_value=-99)]
    assert said == ", ".join(f"{name} from {macs:.1f}" for name, macs in steps["macs"].items())


def test_it_is_in_the_document(analysis):
    rows = document(analysis)["ship"]
    assert [row["choice"] for row in rows][:2] == ["best", "fastest"]
    assert rows[0].keys() == {"choice", "model", "reason", "xscore", "low", "high", "command"}
    assert not any(isinstance(value, float) and pd.isna(value) for row in rows for value in row.values())
