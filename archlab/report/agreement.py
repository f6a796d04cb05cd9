"""Section on two protocols: does the cheap one rank the models as the dear one does, and which is the cheaper way to know?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from archlab.foundation.words import as_sentence, duration, first_of
from archlab.report.agreeing import Agreeing
from archlab.report.analysis import Analysis
from archlab.report.palette import Palette
from archlab.report.plots import ROW, Plot, rows_of
from archlab.report.section import Section
from archlab.report.table import Column, Table
from archlab.scoring import SCORES, records

NAMED = 12  # of what is left out, in a sentence
WORDS = {"xscore": "xScore", "mean": "mean"}


def agreement(analysis: Analysis) -> Iterator[Section]:
    """Rank correlations as they are and without noise, and what a run of either is worth."""
    held = analysis.agreement
    if held is None:
        return
    rows = held.found.rows.assign(by=held.found.rows["by"].map(lambda name: WORDS.get(name, name)))
    sentences = [_compared(held), *_orders(held), *_worth(held), _assumed(held), *_left_out(held)]
    known = rows.dropna(subset="spearman")
    plot = Plot(
        "agreement",
        f"How {held.cheap} ranks as {held.dear}: as it is (circle), without noise (diamond)",
        "The numbers are those of the table.",
        partial(_intervals, known),
    )
    tables = [_xscores(held), _correlations(rows, held), _runs(rows, held)]
    title = f"Does {held.cheap} rank as {held.dear}?"
    plots, shown = [plot] if len(known) else [], [each for each in tables if each.rows]
    yield Section("agreement", title, sentences, plots, shown, is_open=True)


def _compared(held: Agreeing) -> str:
    found = held.found
    where = (
        f"on {', '.join(found.datasets)}, which both have"
        if found.datasets
        else "each on its own datasets, since they share none"
    )
    return f"{len(found.models)} models that both have in full, {where}, by {held.metric.words}."


def _orders(held: Agreeing) -> Iterator[str]:
    for row in _scores(held):
        if _known(row.get("spearman")):
            observed = _interval(row, "spearman", "low", "high")
            said = f"By {WORDS[row['by']]} they rank alike by {observed} as they are (Spearman)"
            if _known(row["corrected"]):
                without = _interval(row, "corrected", "corrected_low", "corrected_high")
                said += f", and by {without} without the noise of both"
            yield f"{said}."
        if row["reason"]:
            yield as_sentence(f"no correction by {WORDS[row['by']]}: {_named(row['reason'], held)}")


def _worth(held: Agreeing) -> Iterator[str]:
    for row in _scores(held):
        if not _known(row["runs_for_one"]):
            continue
        what = f"By {WORDS[row['by']]}"
        if math.isinf(row["runs_for_one"]):
            yield (
                f"{what}, no number of runs of {held.cheap} tells as much about the order of {held.dear} as one run of that: "
                f"even its order without any noise tells less (95 % {_runs_written(row)})."
            )
            continue
        needed = row["runs_for_one"]
        said = (
            f"{what}, {needed:.1f} runs of {held.cheap} tell as much about the order of {held.dear} as one run of that "
            f"(95 % {_runs_written(row)})"
        )
        cost = held.costs[row["by"]]
        if cost["seconds_ratio"] is not None:
            cheap, dear = needed * (cost["cheap_seconds"] or 0), cost["dear_seconds"] or 0
            said += f": {duration(cheap)} against {duration(dear)} a model, {_cheaper(row, held)}"
        yield f"{said}."


def _cheaper(row: dict[str, Any], held: Agreeing) -> str:
    ratio = held.costs[row["by"]]["seconds_ratio"] or 0.0
    low, high = (ratio * row[f"runs_for_one_{end}"] / row["runs_for_one"] for end in ("low", "high"))
    said = f"so {held.cheap if ratio < 1 else held.dear} is the cheaper way to know"
    return said if high < 1 or low > 1 else f"{said} as estimated, though that is undecided"


def _assumed(held: Agreeing) -> str:
    one, two = held.hardware
    timed = (
        f" The two were timed on different hardware: {', '.join(one)}; {', '.join(two)}."
        if one != two and one and two
        else ""
    )
    return (
        "A run is one seed of every dataset. Without noise: Spearman's correction for attenuation, the reliability of a run "
        "being how alike the seeds of a protocol rank the models. Intervals are for seed noise and for other models like "
        "these. What runs are worth assumes that what models reach, and its noise, are normal once ranks are turned into "
        f"normal scores.{timed}"
    )


def _left_out(held: Agreeing) -> Iterator[str]:
    renamed = [f"{own} is {there}" for own, there in held.matched.items() if own != there]
    if renamed:
        yield f"Datasets by other names: {', '.join(renamed)} in {held.cheap}."
    names = held.found.left_out
    if names:
        yield f"Left out, since one of them lacks it or a seed of it: {first_of(names, NAMED)}."


def _xscores(held: Agreeing) -> Table:
    found = held.found.xscores.sort_values("dear", ascending=False)
    columns, values = {"model": Column("model")}, found.reset_index()
    for side in ("cheap", "dear"):
        name, rank = getattr(held, side), f"{side}_rank"
        columns |= {rank: Column(f"rank, {name}", "integer"), side: Column(f"xScore, {name}", "number")}
        values[rank] = values[side].rank(ascending=False, method="min").astype(int)
    caption = "The xScores of both, of runs on average, each in a frame of its own that these models span."
    return Table.of("agreement-xscores", caption, columns, values)


def _correlations(rows: pd.DataFrame, held: Agreeing) -> Table:
    columns = {"by": Column("by"), "models": Column("models", "integer")}
    columns |= {"spearman": Column("Spearman", "number", 2)}
    columns |= {name: Column(name, "number", 2) for name in ("low", "high")}
    columns |= {"corrected": Column("without noise", "number", 2)}
    columns |= {f"corrected_{end}": Column(end, "number", 2) for end in ("low", "high")}
    caption = f"Rank correlation of {held.cheap} and {held.dear}, with 95 % intervals."
    return Table.of("agreement", caption, columns, rows.dropna(subset="spearman"))


def _runs(rows: pd.DataFrame, held: Agreeing) -> Table:
    columns = {"by": Column("by")}
    for side in ("cheap", "dear"):
        name = getattr(held, side)
        columns |= {f"{side}_seeds": Column(f"seeds of {name}", "integer")}
        columns |= {f"{side}_reliability": Column(f"reliability of one run of {name}", "number", 2)}
        columns |= {f"{side}_seconds": Column(f"seconds of one run of {name}", "number", 1)}
    columns |= {"runs_for_one": Column(f"runs of {held.cheap} for one of {held.dear}", "number", 1)}
    columns |= {f"runs_for_one_{end}": Column(end, "number", 1) for end in ("low", "high")}
    columns |= {"reason": Column("not known, since")}
    costs = [held.costs[name] for name in held.found.rows["by"]]
    reasons = rows["reason"].map(lambda reason: _named(reason, held))
    values = rows.assign(reason=reasons, **pd.DataFrame(costs, index=rows.index))
    return Table.of("agreement-runs", "What runs are worth; inf: no number is enough.", columns, values)


def _scores(held: Agreeing) -> list[dict[str, Any]]:
    return [row for row in records(held.found.rows) if row["by"] in SCORES]


def _known(value: Any) -> bool:
    return value is not None and not math.isnan(value)


def _interval(row: dict[str, Any], *names: str) -> str:
    value, low, high = (row[name] for name in names)
    return f"{value:.2f} (95 % {low:.2f} to {high:.2f})" if _known(low) else f"{value:.2f}"


def _named(reason: str, held: Agreeing) -> str:
    for side, name in (("cheap", held.cheap), ("dear", held.dear)):
        reason = reason.replace(f"the {side} protocol", name)
    return reason


def _runs_written(row: dict[str, Any]) -> str:
    low, high = (row[f"runs_for_one_{end}"] for end in ("low", "high"))
    if math.isinf(low):
        return "the same"
    return f"{low:.1f} to {'infinitely many' if math.isinf(high) else f'{high:.1f}'}"


def _intervals(rows: pd.DataFrame, palette: Palette) -> Figure:
    figure, (axes,) = rows_of(palette, rows["by"], ["rank correlation"], least=1.4 * ROW)
    axes.axvline(0, color=palette.muted, linewidth=1)
    kinds = (("spearman", "", -0.15, "o", palette.reference), ("corrected", "corrected_", 0.15, "D", palette.variant))
    for at, row in enumerate(records(rows)):
        for name, prefix, offset, marker, colour in kinds:
            if _known(row[name]):
                ends = [row[f"{prefix}low"], row[f"{prefix}high"]]
                axes.plot(ends, [at + offset] * 2, color=colour, linewidth=1.6)
                axes.plot(row[name], at + offset, marker, color=colour, markersize=5.5)
    return figure
