"""The section on equal tuning: what was chosen, whether it changes the order of the models, and what it cost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from archlab.foundation.words import duration, first_of
from archlab.report.analysis import Analysis
from archlab.report.section import Section
from archlab.report.table import Column, Table
from archlab.report.tuned import Orders, Tuning

NAMED = 6  # choices at an edge, tries that failed, moves
MOST_OPEN = 24  # choices; a longer table is folded
WITHOUT = "On test images there is nothing to compare: the same study without `tune` is not stored, or not whole."


def tuning(analysis: Analysis) -> Iterator[Section]:
    """None of a study that tunes nothing."""
    found = analysis.tuning
    if found is None:
        return
    sentences = [_how(found.found), _chosen(found.found), _cost(found), *_failed(found.found)]
    choices, tables = _choices(analysis, found.found), list[Table]()
    for orders in (found.validation, found.test):
        if orders:
            sentences.append(_moves(orders, found.found["steps"]))
            tables.append(_table(orders, found.found["steps"], analysis.metric.words))
    if found.test is None:
        sentences.append(WITHOUT)
    if len(choices.rows) > MOST_OPEN:
        yield Section("tuning", "Equal tuning", sentences, tables=tables, folded=[choices])
    else:
        yield Section("tuning", "Equal tuning", sentences, tables=[choices, *tables])


def _how(found: dict[str, Any]) -> str:
    count, seeds = len(found["candidates"]), found["seeds"]
    rungs = ", then ".join(f"{each['tries']} of {each['steps']} steps" for each in found["rungs"])
    group = "for each model over all datasets" if found["per"] == "model" else "for each model and dataset"
    return (
        f"Before training, every model was tried with the same {count} values of {', '.join(found['keys'])} on each dataset: "
        f"{rungs}{f', {seeds} seeds each' if seeds > 1 else ''}. The best on validation images was chosen {group}. Tries read "
        "no test image, and their seeds are none of the study's. The recipe's own values are among those of every rung."
    )


def _chosen(found: dict[str, Any]) -> str:
    choices = found["choices"]
    others = sum(choice["own"] != choice["chosen"] for choice in choices)
    edge = [
        f"{choice['model']} on {choice['dataset']} ({', '.join(f'{key} {end}' for key, end in choice['at_edge'].items())})"
        for choice in choices
        if choice["at_edge"]
    ]
    said = f"{others} of {len(choices)} choices are other values than the recipe's own."
    if edge:
        said += f" At the edge of what was tried, so that more might be found beyond it: {first_of(edge, NAMED)}."
    return said


def _cost(found: Tuning) -> str:
    def told(cost: dict[str, float]) -> str:
        steps = f", {cost['steps']:,} steps" if "steps" in cost else ""
        return f"{cost['runs']:,} runs{steps}, {duration(cost['seconds'])} of work"

    return f"The tries cost {told(found.tries)}; the runs of the study {told(found.main)}."


def _failed(found: dict[str, Any]) -> list[str]:
    told = [
        f"{each['model']} on {each['dataset']} at {', '.join(f'{key} {value:g}' for key, value in each['values'].items())}"
        for each in found["failed"]
    ]
    return [f"Tries that failed, and so counted as the worst: {first_of(told, NAMED)}."] if told else []


def _moves(orders: Orders, steps: int) -> str:
    models, where = orders.models, _where(orders, steps)
    if len(models) == 1:
        return f"{where} there is one model, and so no order that tuning could change."
    changed = models[models["own_rank"] != models["tuned_rank"]]
    alike = (
        f" Rank correlation {orders.spearman:.2f} (Spearman), {orders.kendall:.2f} (Kendall)."
        if orders.spearman is not None
        else ""
    )
    if changed.empty:
        return f"{where} the order of the {len(models)} models is the same with the recipe's own values.{alike}"
    moves = [
        f"{model} from {row.own_rank} to {row.tuned_rank}"
        for model, row in zip(changed.index, changed.itertuples(), strict=True)
    ]
    return (
        f"{where} tuning changes the rank of {len(changed)} of {len(models)} models: {first_of(moves, NAMED)}.{alike}"
    )


def _where(orders: Orders, steps: int) -> str:
    return (
        "On test images, of the full runs," if orders.split == "test" else f"On validation images, after {steps} steps,"
    )


def _table(orders: Orders, steps: int, metric: str) -> Table:
    columns = {
        "model": Column("model"),
        "own_rank": Column("rank, recipe's own", "integer"),
        "tuned_rank": Column("rank, tuned", "integer"),
        "own": Column(f"{orders.measure}, recipe's own", "number"),
        "tuned": Column(f"{orders.measure}, tuned", "number"),
    }
    caption = f"{_where(orders, steps)} with the recipe's own values and with those chosen."
    if orders.measure == "xScore":
        caption += " Each side's xScores are in a frame of its own."
        columns |= {
            "own_mean": Column(f"mean {metric}, recipe's own", "number"),
            "tuned_mean": Column(f"mean {metric}, tuned", "number"),
        }
    if orders.split == "validation":
        caption += " The values were chosen by these very images, so they look better here than on others."
    return Table.of(f"tuning-{orders.split}", caption, columns, orders.models.reset_index())


def _choices(analysis: Analysis, found: dict[str, Any]) -> Table:
    words = analysis.metric.words
    columns = {name: Column(name) for name in ("model", "dataset", *found["keys"])}
    columns |= {"chosen_value": Column(f"validation {words}", "number"), "own_value": Column("recipe's own", "number")}
    rows = [
        {
            **choice,
            **{key: _value(choice, key) for key in found["keys"]},
            "edge": ", ".join(f"{key} {end}" for key, end in choice["at_edge"].items()) or None,
        }
        for choice in found["choices"]
    ]
    columns |= {"edge": Column("at the edge")} if any(row["edge"] for row in rows) else {}
    return Table.of("tuning", "What was chosen, and from what where it is another value.", columns, rows)


def _value(choice: dict[str, Any], key: str) -> str:
    own, chosen = choice["own"][key], choice["chosen"][key]
    return f"{chosen:g}" if own == chosen else f"{chosen:g} (from {own:g})"
