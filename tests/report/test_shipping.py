"""What to ship: the best, the cheapest that may be as good, what to avoid, and how to export them."""

from __future__ import annotations

import dataclasses
import shlex

import pandas as pd
import pytest

from archlab.foundation.metric import METRICS
from archlab.report import analyse
from archlab.report.costs import cost_table
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


def test_of_a_cost_that_was_not_measured_it_is_not_said_that_it_is_no_lower(analysis):
    models, dear = analysis.models.copy(), analysis.models.index[-1]
    models.loc[dear, ["macs", "latency"]] = [1e6, float("nan")]
    for measured, said in ((models, "in nothing that is known"), (models.fillna({"latency": 1e6}), "in nothing")):
        ship = document(dataclasses.replace(analysis, models=measured))["ship"]
        (line,) = [row for row in ship if row["model"] == dear and row["choice"] == "avoid"]
        assert line["reason"] == f"clearly worse than the best, and cheaper {said}"


def test_a_model_at_chance_is_neither_the_cheapest_nor_passed_over(analysis):
    fastest = table_of(analysis).set_index("to ship").loc["fastest", "model"]
    models = analysis.models.copy()
    models.loc[models.index[-1], "latency"] = 0.1
    models.loc[models.index[-1], "at_chance"] = "pines"
    shown = table_of(dataclasses.replace(analysis, models=models, contenders=[*analysis.contenders, models.index[-1]]))
    assert shown.set_index("to ship").loc["fastest", "model"] == fastest
    row = shown[shown["model"] == models.index[-1]].iloc[0]
    assert (row["to ship"], row["because"]) == ("avoid", "no better than chance on pines")


@pytest.fixture(scope="module")
def keyed():
    """A study whose seed 1 is best on validation images, whatever the test accuracies are; and its keys."""
    material = made_study(seeds=3)
    runs = [run | {"key": f"{at:012d}{'0' * 52}"} for at, run in enumerate(material.runs)]
    table, on_validation = material.table, material.table["split"] == "validation"
    values = table["seed"].map({0: 0.5, 1: 0.9, 2: 0.7}).where(on_validation, table["value"])
    keys = {(run["model"], run["dataset"], run["seed"]): run["key"][:12] for run in runs}
    return dataclasses.replace(material, runs=runs, table=table.assign(value=values)), keys


@pytest.mark.slow
def test_the_run_that_is_best_on_validation_images_is_exported(keyed):
    material, keys = keyed
    found = analyse([material])
    exports = table_of(found, "exports")
    for row in exports.to_dict("records"):
        assert row["export"] == f"archlab export {keys[row['model'], row['dataset'], 1]}"
    assert set(exports["dataset"]) == set(found.means.columns)
    shown = table_of(found).set_index("to ship")
    assert shown.loc["best", "export"] == f"archlab export {keys[shown.loc['best', 'model'], 'digits', 1]}"


def test_the_run_that_is_exported_follows_the_metric(keyed):
    material, keys = keyed
    losses = material.table.assign(metric="log_loss")
    both = dataclasses.replace(
        material, table=pd.concat([material.table, losses], ignore_index=True), metric=METRICS["log_loss"], curves=None
    )
    found = analyse([both])
    best = document(found)["ship"][0]
    assert best["command"] == f"archlab export {keys[best['model'], 'digits', 0]}"
    assert "of the best log loss on validation images" in next(shipping(found)).tables[0].caption


def test_of_two_studies_in_one_frame_the_best_is_exported_too(keyed):
    material, keys = keyed
    best = document(analyse([material, dataclasses.replace(material, name="again")]))["ship"][0]
    assert best["command"] == f"archlab export {keys[best['model'], 'digits', 1]}"


def test_one_seed_knows_no_contenders_and_says_so():
    (section,) = shipping(analyse([made_study(seeds=1)]))
    (table,) = section.tables
    assert "nobody knows which are as good" in table.caption
    assert "low" not in [column.title for column in table.columns]
    shown = table.frame().set_index("to ship")
    assert shown.loc["fastest", "model"] == "mobilenetv2" and "avoid" not in shown.index


def test_of_runs_that_trained_on_their_validation_images_the_lowest_seed_is_exported(keyed):
    """What sees images in their own shape is not exported at all; and elsewhere the best seed is."""
    material, keys = keyed
    table = material.table[(material.table["split"] == "test") | (material.table["dataset"] == "pines")]
    runs = [run | {"fit": "whole" if run["dataset"] == "mnist5k" else None} for run in material.runs]
    found = analyse([dataclasses.replace(material, table=table, runs=runs)])
    exports, whole = table_of(found, "exports").to_dict("records"), "mnist5k"
    assert {row["dataset"] for row in exports} == set(found.means.columns) - {whole}
    for row in exports:
        key = keys[row["model"], row["dataset"], int(row["dataset"] == "pines")]
        assert row["export"] == f"archlab export {key}"
    (section,) = shipping(found)
    assert (
        "trained on digits with the lowest seed, for nothing is known of validation images" in section.tables[0].caption
    )
    unexported = [run | {"fit": "whole" if run["dataset"] == "digits" else None} for run in runs]
    (section,) = shipping(dataclasses.replace(found, material=dataclasses.replace(found.material, runs=unexported)))
    assert "exported" not in section.tables[0].caption and section.folded


def test_where_nothing_is_known_of_the_runs_there_are_no_commands():
    material = dataclasses.replace(made_study(datasets=3, seeds=2), runs=[])
    (section,) = shipping(analyse([material]))
    assert "export" not in [column.title for column in section.tables[0].columns]
    assert section.folded == []


def test_a_command_names_the_store_where_it_would_look_into_another(analysis, tmp_path, monkeypatch):
    monkeypatch.setenv("ARCHLAB_HOME", str(tmp_path / "usual"))
    for home, named in ((None, []), (tmp_path / "usual", []), (tmp_path / "an other", ["--store"])):
        found = dataclasses.replace(analysis, material=dataclasses.replace(analysis.material, home=home))
        commands = [row["command"] for row in document(found)["ship"] if row["command"]]
        commands += list(table_of(found, "exports")["export"])
        assert all(shlex.split(command)[3:] == [*named, *([str(home)] if named else [])] for command in commands)
        assert len(commands) > 2


def test_what_ships_is_counted_with_its_branches_merged(analysis):
    models = analysis.models.assign(params_deployed=analysis.models["params"], macs_deployed=analysis.models["macs"])
    dear = models.index[-1]
    models.loc[dear, ["macs", "macs_deployed", "latency"]] = 1e6
    for params, avoided in ((models["params"][dear], True), (0.63, False)):
        models.loc[dear, "params_deployed"] = params
        ship = document(dataclasses.replace(analysis, models=models))["ship"]
        assert (dear in [row["model"] for row in ship if row["choice"] == "avoid"]) == avoided
    contenders = [*analysis.contenders, dear]
    ship = document(dataclasses.replace(analysis, models=models, contenders=contenders))["ship"]
    (smallest,) = [row for row in ship if row["choice"] == "smallest"]
    assert (smallest["model"], smallest["reason"]) == (dear, "parameters (M) as shipped: 0.63")


def test_the_least_memory_is_that_in_8_bits_and_so_is_what_the_command_exports(analysis):
    known = {
        name: facts | {"peak_memory": 40_000 + 20_000 * at}
        for at, (name, facts) in enumerate(analysis.material.models.items())
    }
    table, kinds = cost_table(dataclasses.replace(analysis.material, models=known))
    models = analysis.models.assign(peak_memory=table["peak_memory"])
    ship = document(dataclasses.replace(analysis, models=models, costs=kinds))["ship"]
    (line,) = [row for row in ship if row["choice"].startswith("least memory")]
    assert line["choice"] == "least memory in int8" and line["command"].endswith(" --int8")
    assert line["model"] == models.loc[analysis.contenders, "peak_memory"].idxmin()


def test_merged_branches_are_known_of_the_models_of_a_study():
    models = {"a": {"params": 2e6, "macs": 4e6, "params_deployed": 1e6, "macs_deployed": 3e6}}
    models |= {"published": {"params": 5e6, "macs": 6e6}}
    table, kinds = cost_table(
        dataclasses.replace(made_study(datasets=2, seeds=1), models=models, runs=[], latencies={})
    )
    assert table.loc["a", ["params", "params_deployed", "macs", "macs_deployed"]].tolist() == [2, 1, 4, 3]
    assert table.loc["published", ["params_deployed", "macs_deployed"]].tolist() == [5, 6]
    assert [kind.column for kind in kinds] == ["params", "macs"]


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
