"""The section on a search: its trials, its finalists, how much of the gain survived on test data, and what it cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from archlab.foundation.words import counted
from archlab.report.analysis import Analysis
from archlab.report.key import Entry
from archlab.report.palette import Palette
from archlab.report.plots import Plot, blank
from archlab.report.point_names import name_points
from archlab.report.section import Section
from archlab.report.table import Column, Table

SECOND = {
    "macs": ("multiply-accumulates (millions)", 1e6),
    "latency_ms": ("latency on one CPU thread (ms)", 1),
}
SPLITS = {"found": "search", "validation": "validation", "test": "test"}
ABOVE = "above budget"
ENDED = {"complete": "complete", "pruned": "stopped early", "failed": "failed"}


def search(analysis: Analysis) -> Iterator[Section]:
    """Of the JSON document that `archlab search` writes."""
    found = analysis.material.search
    if found is None:
        return
    title, tables = "What the search found", [_finalists(found)] if found["finalists"] else []
    yield Section("search", title, _sentences(found), list(_plots(found)), tables, [trials(found)])


def _sentences(found: dict[str, Any]) -> list[str]:
    about, cost, trials = found["search"], found["cost"], found["trials"]
    states = Counter(ENDED.get(trial["state"], trial["state"]) for trial in trials)
    untrained = states.pop(ABOVE, 0)
    known = sum(bool(trial["known"]) for trial in trials)
    said = [
        f"{states.total()} trials: {', '.join(f'{count} {state}' for state, count in states.items())}"
        f"{f'; {known} of them known before' if known else ''}. They were judged on validation data, on "
        f"{', '.join(about['datasets'])} in this order."
    ]
    if untrained:
        said.append(f"{untrained} more designs were above the limit of latency, and not trained.")
    said += _left_out(found)
    if found["best"]:
        said.append(_winner(found["best"], about["rival"]))
    if about["fidelity_rank_correlation"] is not None:
        agreement = about["fidelity_rank_correlation"]
        said.append(f"Rank correlation of the search's scores with those at full fidelity: {agreement:.2f}.")
    parts = cost["training_seconds"]
    said.append(
        f"Training took {parts['all'] / 60:.1f} minutes: {parts['references'] / 60:.1f} for references, "
        f"{parts['trials'] / 60:.1f} for trials, {parts.get('final', parts.get('finale', 0)) / 60:.1f} for the final table."
    )
    return said


def _left_out(found: dict[str, Any]) -> list[str]:
    """Which of the study's datasets no trial looked at, and why."""
    about, seen = found["search"], {cell["dataset"] for cell in found.get("cells", [])} - set(_unseen(found))
    dropped, weak = about.get("frame", {}).get("dropped", []), about.get("weak", [])
    chosen = [name for name in sorted(seen) if name not in (*about["datasets"], *dropped, *weak)]
    subset = about.get("subset") or {}
    judged = f" (left-out R2 {subset['left_out_r2']:.2f})" if "left_out_r2" in subset else ""
    reasons = {
        "all references are equal there": dropped,
        "the references differ there by less than twice what so few validation images make by chance": weak,
        f"those looked at stand for all{judged}": chosen,
        "they were kept to see whether what was found holds": _unseen(found),
    }
    said = [f"{', '.join(names)}, since {reason}" for reason, names in reasons.items() if names]
    said = [f"No trial looked at {'; nor at '.join(said)}."] if said else []
    if about.get("exhausted"):
        above = (about.get("latency") or {}).get("above")
        left = f"is left, or is easily found beside the {above} above the limit of latency," if above else "is left"
        said.append(f"It ended early: no design of the space {left} that keeps the budget and was not tried.")
    return said


def _unseen(found: dict[str, Any]) -> list[str]:
    return (found.get("unseen") or {}).get("datasets", [])


def _winner(best: dict[str, Any], rival: str | None) -> str:
    said = f"The winner is {best['model']} ({best['name']})"
    gains = {"on validation data": best["validation"], "on test data": best["test"]}
    words = [f"{_gain(score)} {where}" for where, score in gains.items() if score.get("gain") is not None]
    if words:
        said += f"; its xScore less that of {rival}, the best reference on validation data: {'; '.join(words)}"
    said += "."
    if best["survived"] is not None:
        said += f" {100 * best['survived']:.0f} % of the gain survived."
    if best["against"]:
        behind = [name for name, gain in best["against"].items() if gain["gain"] <= 0]
        open_ = [name for name, gain in best["against"].items() if gain["gain"] > 0 and not (gain["gain_low"] or 0) > 0]
        said += (
            f" On test data it is ahead of {len(best['against']) - len(behind)} of {len(best['against'])} references"
        )
        said += f", undecided against {', '.join(open_)}." if open_ else "."
    return said


def _gain(score: dict[str, Any]) -> str:
    interval = f" (95 % {score['gain_low']:+.3f} to {score['gain_high']:+.3f})" if score["gain_low"] is not None else ""
    return f"{score['gain']:+.3f}{interval}"


def _finalists(found: dict[str, Any]) -> Table:
    """The designs of the final table, the winner first."""
    columns = {"model": Column("model"), "name": Column("design")}
    columns |= {"params": Column("parameters (M)", "number", 2), "macs": Column("MACs (M)", "number", 1)}
    columns |= {split: Column(f"{title} xScore", "number") for split, title in SPLITS.items()}
    columns |= {"gain": Column("test gain", "signed")}
    columns |= {f"gain_{end}": Column(end, "signed") for end in ("low", "high")}
    lost = {score["model"]: ", ".join(score.get("at_chance", [])) or None for score in found.get("scores", [])}
    columns |= {"at_chance": Column("at chance")} if any(lost.get(each["model"]) for each in found["finalists"]) else {}
    rows = [
        {
            **each,
            "at_chance": lost.get(each["model"]),
            **each["test"],
            "params": each["params"] / 1e6,
            "macs": each["macs"] / 1e6,
        }
        | {split: (each[split] or {}).get("xscore") for split in SPLITS}
        for each in found["finalists"]
    ]
    caption = "Finalists, the winner first; gains over the reference that is best on validation data."
    return Table.of("finalists", caption, columns, rows)


def trials(found: dict[str, Any]) -> Table:
    """Every trial, in order."""
    columns = {"number": Column("trial", "integer"), "state": Column("state"), "xscore": Column("xScore", "number")}
    columns |= {"datasets": Column("datasets", "integer"), "params": Column("parameters (M)", "number", 2)}
    columns |= {"macs": Column("MACs (M)", "number", 1)}
    if any(trial.get("latency_ms") is not None for trial in found["trials"]):
        columns |= {"latency_ms": Column("latency (ms)", "number", 2)}
    columns |= {"model": Column("design")}
    rows = [
        {**trial, "state": ENDED.get(trial["state"], trial["state"]), "datasets": len(trial["accuracies"] or {})}
        | {cost: None if trial[cost] is None else trial[cost] / 1e6 for cost in ("params", "macs")}
        for trial in found["trials"]
    ]
    return Table.of("trials", f"{counted(len(rows), 'trial')}.", columns, rows)


def _plots(found: dict[str, Any]) -> Iterator[Plot]:
    """The score of each trial, and the best so far; with a second objective, the Pareto front."""
    scored = {trial["number"]: trial for trial in found["trials"] if trial["xscore"] is not None}
    if not scored:
        return
    best = max(trial["xscore"] for trial in scored.values())
    yield Plot(
        "search",
        "xScore of complete trials on validation data; the line is the best so far, dashed the best reference",
        f"The best of {counted(len(scored), 'complete trial')} has {best:.3f}.",
        partial(
            _trials, [(number, trial["xscore"]) for number, trial in scored.items()], found["search"]["best_reference"]
        ),
    )
    if found["pareto"]:
        second = found["search"].get("second_objective", "macs")
        label, scale = SECOND[second]
        points = {number: (trial[second] / scale, trial["xscore"]) for number, trial in scored.items()}
        front = sorted(found["pareto"], key=lambda number: points[number])
        yield Plot(
            "search-front",
            f"xScore of complete trials on validation data against {label}; the line joins those that no other beats in both",
            f"Trials {', '.join(map(str, front))} are beaten in both by none.",
            partial(_front, points, front, label),
        )


def _front(points: dict[int, tuple[float, float]], front: list[int], label: str, palette: Palette) -> Figure:
    figure, (axes,) = blank(palette, 2.4, [label])
    axes.step(*zip(*(points[number] for number in front), strict=True), where="post", color=palette.accent)
    for cost, score in points.values():
        axes.plot(cost, score, "o", color=palette.variant, markersize=4)
    axes.set_ylabel("xScore")
    axes.margins(0.08, 0.12)
    axes.grid()
    named = {str(number): points[number] for number in front}
    name_points(figure, axes, named, dict.fromkeys(named, palette.ink), palette)
    return figure


def _trials(scored: list[tuple[int, float]], reference: dict[str, Any], palette: Palette) -> Figure:
    line: dict[str, Any] = {"color": palette.reference, "linestyle": "--", "linewidth": 1}
    figure, (axes,) = blank(palette, 2.4, ["trial"], key=[Entry(reference["model"], line)])
    numbers, scores = np.array(scored).T
    axes.axhline(reference["xscore"], **line)
    axes.step(numbers, np.maximum.accumulate(scores), where="post", color=palette.accent)
    axes.plot(numbers, scores, "o", color=palette.variant, markersize=4)
    axes.set_ylabel("xScore")
    axes.grid()
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure
