"""The section that says what to ship: the best, the cheapest that may be as good, and what to avoid."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from archlab.foundation import with_store
from archlab.report.analysis import Analysis
from archlab.report.costs import DEPLOYED, Cost
from archlab.report.section import Section
from archlab.report.table import Column, Table

KEY_DIGITS = 12
WHOLE = "whole"  # how a recipe keeps the shape of images
MOST_AVOIDED = 2  # that are shown at once
SHORT = 40  # characters of names that leave room on the first screens
ALIKE = 1.1  # times the least cost: what a budget makes of all models is no choice
CHEAPEST = {"params": "smallest", "peak_memory": "least memory", "latency": "fastest"}  # by the column of the cost
COLUMNS = {"choice": Column("to ship"), "model": Column("model"), "reason": Column("because")}
COLUMNS |= {"xscore": Column("xScore", "number"), "low": Column("low", "number"), "high": Column("high", "number")}
COLUMNS |= {"command": Column("export")}


def shipping(analysis: Analysis) -> Iterator[Section]:
    """One line for each thing that one may want; none where no model has a score."""
    lines = to_ship(analysis)
    if not lines:
        return
    chosen, avoided = ([line for line in lines if (line["choice"] == "avoid") == bad] for bad in (False, True))
    exported = _best_runs(analysis)
    caption = "The best"
    if any(not line["choice"].startswith("best") for line in chosen):
        caption += ", and the cheapest of "
        nobody_knows = analysis.contenders is None
        caption += "all, for nobody knows which are as good" if nobody_knows else "those that may be as good"
    if any(line["command"] for line in chosen):
        caption += f"; exported is the network trained on {_first(analysis)} {_chosen_by(analysis)}"
    if more := len(avoided[MOST_AVOIDED:]):
        caption += f"; {more} more are to be avoided"
    known = {name: column for name, column in COLUMNS.items() if any(line[name] is not None for line in lines)}
    table = Table.of("ship", f"{caption}.", known, [*chosen, *avoided[:MOST_AVOIDED]])
    folded = [_commands([line["model"] for line in chosen], exported, analysis.material.home)] if exported else []
    short = all(len(line["model"]) <= SHORT for line in lines)
    yield Section("ship", "What to ship", tables=[table], folded=folded, is_open=short)


def to_ship(analysis: Analysis) -> list[dict[str, Any]]:
    """choice ("best", "fastest", ..., "avoid"), model, reason, xscore, low, high, command; None where unknown."""
    models = _scored(analysis)
    if models.empty:
        return []
    exported, costs = _best_runs(analysis), _costs(analysis)
    contenders = list(models.index) if analysis.contenders is None else analysis.contenders
    lines = []
    for precision, line in [*_chosen(models, contenders, costs), *_best_in_int8(analysis, models)]:
        key = exported.get((line["model"], _first(analysis)))
        lines.append({**line, "command": key and _command(key, analysis.material.home, precision)})
    return [*lines, *({**line, "command": None} for line in _avoided(models, contenders, costs))]


def _best_in_int8(analysis: Analysis, models: pd.DataFrame) -> Iterator[tuple[str, dict[str, Any]]]:
    if analysis.quantised is None or analysis.quantised.models.empty:
        return
    best = analysis.quantised.models.iloc[0]
    yield "int8", _line("best in int8", models, best.name, f"xScore in int8: {best['xscore']:.3f}")


def _scored(analysis: Analysis) -> pd.DataFrame:
    return analysis.models.dropna(subset="xscore")


def _first(analysis: Analysis) -> str:
    """The dataset that commands are for."""
    return str(analysis.means.columns[0])


def _costs(analysis: Analysis) -> list[Cost]:
    """Of a shipped network, where they differ."""
    models = _scored(analysis)
    shipped = [_as_shipped(cost, models) for cost in analysis.costs if cost.column != "seconds"]
    return [cost for cost in shipped if _differs(models[cost.column])]


def _as_shipped(cost: Cost, models: pd.DataFrame) -> Cost:
    """Of the network with its branches merged, where that is counted beside the network as it is trained."""
    column = f"{cost.column}{DEPLOYED}"
    return replace(cost, column=column, head=f"{cost.head} as shipped") if column in models else cost


def _chosen(models: pd.DataFrame, as_good: list[str], costs: list[Cost]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The best, and of each cost the cheapest of those that may be as good; each after its precision."""
    best, lost = models.index[0], models["at_chance"].iloc[0]
    reason = "the highest xScore" + (f", though no better than chance on {lost}" if pd.notna(lost) else "")
    yield "float", _line("best", models, best, reason)
    contenders = models[models.index.isin(as_good) & models["at_chance"].isna()]
    for cost in costs:
        kind = cost.column.partition("-")[0].removesuffix(DEPLOYED)
        values = contenders[cost.column].dropna()
        if kind not in CHEAPEST or values.empty:
            continue
        word = f"{CHEAPEST[kind]} in int8" if cost.precision == "int8" else CHEAPEST[kind]
        reason = f"{cost.head}: {values.min():.{cost.digits}f}"
        yield cost.precision, _line(word, models, str(values.idxmin()), reason)
    yield from _fastest_on_boards(models, contenders, [cost for cost in costs if cost.board])


def _fastest_on_boards(
    models: pd.DataFrame, contenders: pd.DataFrame, costs: list[Cost]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Of each board one line, in the precision that is fastest."""
    for board in dict.fromkeys(cost.board for cost in costs):
        own = [cost for cost in costs if cost.board == board]
        measured = contenders[[cost.column for cost in own]].dropna(how="all")
        if measured.empty:
            continue
        fastest = min(own, key=lambda cost: measured[cost.column].fillna(math.inf).min())
        values = measured[fastest.column].dropna()
        of = f", of the {len(measured)} measured" if len(measured) < len(contenders) else ""
        reason = f"{values.min():.{fastest.digits}f} ms in {fastest.precision}{of}"
        yield fastest.precision, _line(f"fastest on {board}", models, str(values.idxmin()), reason)


def _avoided(models: pd.DataFrame, as_good: list[str], costs: list[Cost]) -> Iterator[dict[str, Any]]:
    """Models that learn nothing somewhere, and those that are surely not as good as the best and cheaper in nothing; the worst
    first."""
    best, measured = models.iloc[0], [cost.column for cost in costs]
    for name, model in models.iloc[:0:-1].iterrows():
        if pd.notna(model["at_chance"]):
            yield _line("avoid", models, name, f"no better than chance on {model['at_chance']}")
        elif name not in as_good and measured and not (model[measured] < best[measured]).any():
            unknown = model[measured].isna() | best[measured].isna()
            known = " that is known" if unknown.any() else ""
            yield _line("avoid", models, name, f"clearly worse than the best, and cheaper in nothing{known}")


def _line(choice: str, models: pd.DataFrame, name: Any, reason: str) -> dict[str, Any]:
    found = models.loc[name]
    columns = {"xscore": "xscore", "low": "xscore_low", "high": "xscore_high"}
    numbers = {key: float(found[column]) if pd.notna(found[column]) else None for key, column in columns.items()}
    return {"choice": choice, "model": str(name), "reason": reason, **numbers}


def _differs(costs: pd.Series) -> bool:
    return bool(costs.max() > ALIKE * costs.min())


def _chosen_by(analysis: Analysis) -> str:
    """How the run was chosen that is exported."""
    if (_validated(analysis)["dataset"] == _first(analysis)).any():
        return f"of the best {analysis.metric.words} on validation images"
    return "with the lowest seed, for nothing is known of validation images to choose one by"


def _best_runs(analysis: Analysis) -> dict[tuple[str, str], str]:
    """By model and dataset the first digits of the key of the run that is best on validation images; of those that were trained
    on these, of the lowest seed. None where images are seen in their own shape: no file does so.
    """
    rows, sign = _validated(analysis), 1 if analysis.metric.higher_is_better else -1
    values = rows.set_index(["model", "dataset", "seed"])["value"].to_dict() if len(rows) else {}
    best = dict[tuple[str, str], tuple[float, str]]()
    for run in sorted(analysis.material.runs, key=lambda run: run["seed"]):
        at = run["model"], run["dataset"]
        worth = sign * values.get((*at, run["seed"]), -sign * math.inf)
        if run.get("fit") != WHOLE and (at not in best or worth > best[at][0]):
            best[at] = worth, run["key"][:KEY_DIGITS]
    return {at: key for at, (_, key) in best.items()}


def _validated(analysis: Analysis) -> pd.DataFrame:
    """The rows of the metric on validation images, without those of which it is not known."""
    material = analysis.material
    table = pd.concat([each for each in (material.table, material.unseen_table) if each is not None])
    if not {"split", "metric"} <= set(table):
        return table[:0]
    return table[(table["split"] == "validation") & (table["metric"] == analysis.metric.name)].dropna(subset="value")


def _command(key: str, home: Path | None, precision: str = "float") -> str:
    """With the store, where that is another than the one that commands look into by themselves."""
    int8 = " --int8" if precision == "int8" else ""
    return with_store(f"archlab export {key}{int8}", home)


def _commands(named: list[str], exported: dict[tuple[str, str], str], home: Path | None) -> Table:
    """Of every dataset."""
    columns = {"model": Column("model"), "dataset": Column("dataset"), "command": Column("export")}
    rows = [
        {"model": model, "dataset": dataset, "command": _command(key, home)}
        for (model, dataset), key in exported.items()
        if model in named
    ]
    return Table.of("exports", "How to export these models as trained on each dataset.", columns, rows)
