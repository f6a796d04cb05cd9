"""What a search found: its trials, its finalists, how much of the gain survived on test data, and what it cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from archlab.report.tables import Column, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from archlab.report.analysis import Analysis
    from archlab.report.palette import Palette
    from archlab.report.plots import Plot

SECOND = {
    "macs": ("multiply-accumulates (millions)", 1e6),
    "latency_ms": ("latency on one CPU thread (ms)", 1),
}
ENDED = {"complete": "complete", "pruned": "stopped early", "failed": "failed"}


def sentences(found: dict[str, Any]) -> list[str]:
    """Of the JSON document that `archlab search` writes."""
    about, cost, trials = found["search"], found["cost"], found["trials"]
    states = Counter(ENDED.get(trial["state"], trial["state"]) for trial in trials)
    known = sum(bool(trial["known"]) for trial in trials)
    said = [
        f"{len(trials)} trials: {', '.join(f'{count} {state}' for state, count in states.items())}"
        f"{f'; {known} of them known before' if known else ''}. They were judged on validation data, on "
        f"{', '.join(about['datasets'])} in this order."
    ]
    if found["best"]:
        said.append(_winner(found["best"], about["rival"]))
    if about["fidelity_rank_correlation"] is not None:
        agreement = about["fidelity_rank_correlation"]
        said.append(f"Rank correlation of the search's scores with those at full fidelity: {agreement:.2f}.")
    parts = cost["training_seconds"]
    said.append(
        f"Training took {parts['all'] / 60:.1f} minutes: {parts['references'] / 60:.1f} for references, "
        f"{parts['trials'] / 60:.1f} for trials, {parts['finale'] / 60:.1f} for the final table."
    )
    return said


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


def finalists(found: dict[str, Any]) -> Table:
    """The designs of the final table, the winner first."""
    columns = [
        Column("model"),
        Column("design"),
        Column("parameters (M)", "number", 2),
        Column("MACs (M)", "number", 1),
    ]
    columns += [Column(f"{place} xScore", "number") for place in ("search", "validation", "test")]
    columns += [Column("test gain", "signed"), Column("low", "signed"), Column("high", "signed")]
    rows = [
        [each["model"], each["name"], each["params"] / 1e6, each["macs"] / 1e6]
        + [(each[place] or {}).get("xscore") for place in ("found", "validation", "test")]
        + [each["test"].get(key) for key in ("gain", "gain_low", "gain_high")]
        for each in found["finalists"]
    ]
    return Table(
        "finalists",
        "Finalists, the winner first; gains over the reference that is best on validation data.",
        columns,
        rows,
    )


def trials(found: dict[str, Any]) -> Table:
    """Every trial, in order."""
    columns = [Column("trial", "integer"), Column("state"), Column("xScore", "number"), Column("datasets", "integer")]
    columns += [Column("parameters (M)", "number", 2), Column("MACs (M)", "number", 1), Column("design")]
    rows = [
        [trial["number"], ENDED.get(trial["state"], trial["state"]), trial["xscore"], len(trial["accuracies"] or {})]
        + [None if trial[cost] is None else trial[cost] / 1e6 for cost in ("params", "macs")]
        + [trial["model"]]
        for trial in found["trials"]
    ]
    if found["search"].get("second_objective") == "latency_ms":
        columns.insert(-1, Column("latency (ms)", "number", 2))
        for row, trial in zip(rows, found["trials"], strict=True):
            row.insert(-1, trial["latency_ms"])
    return Table("trials", f"{len(rows)} trials.", columns, rows)


def plots(analysis: Analysis) -> Iterator[Plot]:
    """The score of each trial, and the best so far; with a second objective, the Pareto front."""
    from archlab.report.plots import Plot

    if analysis.search is not None:
        scored = [
            (trial["number"], trial["xscore"]) for trial in analysis.search["trials"] if trial["xscore"] is not None
        ]
        reference = analysis.search["search"]["best_reference"]
        if scored:
            alt = f"The best of {len(scored)} complete trials has {max(score for _, score in scored):.3f}."
            title = (
                "xScore of complete trials on validation data; the line is the best so far, dashed the best reference"
            )
            yield Plot("search", title, alt, partial(_trials, scored, reference))
        if scored and analysis.search["pareto"]:
            yield _front_plot(analysis.search)


def _front_plot(found: dict[str, Any]) -> Plot:
    from archlab.report.plots import Plot

    second = found["search"].get("second_objective", "macs")
    label, scale = SECOND[second]
    points = {
        trial["number"]: (trial[second] / scale, trial["xscore"])
        for trial in found["trials"]
        if trial["xscore"] is not None
    }
    front = sorted(found["pareto"], key=lambda number: points[number])
    return Plot(
        "search-front",
        f"xScore of complete trials on validation data against {label}; the line joins those that no other beats in both",
        f"Trials {', '.join(map(str, front))} are beaten in both by none.",
        partial(_front, points, front, label),
    )


def _front(points: dict[int, tuple[float, float]], front: list[int], label: str, palette: Palette) -> Figure:
    from archlab.report.plots import blank

    figure, (axes,) = blank(palette, 2.8)
    axes.step(*zip(*(points[number] for number in front), strict=True), where="post", color=palette.accent)
    for number, (cost, score) in points.items():
        axes.plot(cost, score, "o", color=palette.variant, markersize=4)
        if number in front:
            axes.annotate(str(number), (cost, score), xytext=(3, 4), textcoords="offset points", fontsize=8)
    axes.set(xlabel=label, ylabel="xScore")
    axes.margins(0.08, 0.12)
    axes.grid()
    return figure


def _trials(scored: list[tuple[int, float]], reference: dict[str, Any], palette: Palette) -> Figure:
    import numpy as np
    from matplotlib.ticker import MaxNLocator

    from archlab.report.plots import blank

    figure, (axes,) = blank(palette, 2.8)
    numbers, scores = np.array(scored).T
    axes.axhline(reference["xscore"], color=palette.reference, linestyle="--", linewidth=1, label=reference["model"])
    axes.step(numbers, np.maximum.accumulate(scores), where="post", color=palette.accent)
    axes.plot(numbers, scores, "o", color=palette.variant, markersize=4)
    axes.set(xlabel="trial", ylabel="xScore")
    axes.grid()
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="lower right", fontsize=8)
    return figure
