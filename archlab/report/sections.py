"""A report as sections of sentences, plots and tables, whatever it is then written as."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from archlab.report import search, tables
from archlab.report.analysis import Analysis
from archlab.report.costs import pareto
from archlab.report.tables import Table
from archlab.scoring import records

SUBSETS_SHOWN = 10
LATENCY = (
    "Latency is the median time for one image (batch 1, float32, evaluation, training branches merged); "
    "bars span the middle half of the repeats."
)


@dataclass(frozen=True)
class Section:
    """A section: sentences first, then plots (by name; those that exist are shown), then tables."""

    anchor: str
    title: str
    sentences: list[str] = field(default_factory=list)
    plots: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    folded: list[Table] = field(default_factory=list)


def sections(analysis: Analysis) -> list[Section]:
    """All sections that have something to say."""
    made = [
        _search(analysis),
        Section("scores", "Scores", [_frame(analysis)], ["xscore"], [tables.scores(analysis)]),
        Section("accuracy", "Accuracies", [], ["accuracy"]),
        *_effects(analysis),
        Section("costs", "What it costs", _costs(analysis), ["pareto-"]),
        _stability(analysis),
        _other_datasets(analysis),
        _predictors(analysis),
        _subsets(analysis),
        _elements(analysis),
        Section("curves", "Learning curves", [], ["curves-"]) if analysis.curves is not None else None,
        _failed(analysis),
        _provenance(analysis),
    ]
    return [section for section in made if section is not None]


def in_short(analysis: Analysis) -> list[tuple[str, str]]:
    """What was compared, as words and figures."""
    facts = [("models", str(len(analysis.models))), ("datasets", str(analysis.means.shape[1]))]
    facts += [("seeds a cell", str(analysis.seeds)), ("lambda", f"{analysis.scores.lam:g}")]
    if analysis.frame is not None and analysis.frame.split:
        facts.append(("split", analysis.frame.split))
    return facts


def _frame(analysis: Analysis) -> str:
    frame = analysis.frame
    if frame is None:
        return "There are no scores: a frame needs two complete models and two datasets that tell them apart."
    spanned = "all complete models" if frame.kind == "cohort" else f"the references {', '.join(frame.models)}"
    sentence = (
        f"An accuracy of 0 is the lowest and 1 the highest of {spanned} on a dataset; "
        f"xScore = mean − {analysis.scores.lam:g} × variance of these over {len(frame.datasets)} datasets. "
        "Scores of different frames cannot be compared."
    )
    return sentence if analysis.seeds > 1 else f"{sentence} With one seed a cell there are no intervals."


def _search(analysis: Analysis) -> Section | None:
    found = analysis.search
    if found is None:
        return None
    made = [search.finalists(found)] if found["finalists"] else []
    return Section(
        "search",
        "What the search found",
        search.sentences(found),
        ["search", "search-front"],
        made,
        [search.trials(found)],
    )


def _effects(analysis: Analysis) -> Iterator[Section]:
    for study in analysis.effects:
        made = tables.effects(analysis, study)
        if made:
            several = len(analysis.effects) > 1
            yield Section(
                f"effects-{study}" if several else "effects",
                f"Effects of the options{f', {study}' if several else ''}",
                ["Raw is the edit alone, parameters as they fall; at equal budget, the width was fitted anew."],
                [f"effects-{study}" if several else "effects"],
                made[:1],
                made[1:],
            )


def _costs(analysis: Analysis) -> list[str]:
    if not analysis.costs:
        return ["The costs of these models are not known."]
    sentences = []
    for cost in analysis.costs:
        front = pareto(analysis.models[cost.column], analysis.models["xscore"])
        if front:
            sentences.append(f"Not beaten in both {cost.title} and xScore: {', '.join(front)}.")
    if any(cost.column == "latency" for cost in analysis.costs):
        sentences.append(LATENCY)
    return sentences


def _stability(analysis: Analysis) -> Section | None:
    table = tables.stability(analysis)
    if table is None:
        return None
    sentences = [f"{analysis.missing['ranks'].capitalize()}."] if "ranks" in analysis.missing else []
    return Section("stability", "How far the ranking can be trusted", sentences, ["ranks"], [table])


def _other_datasets(analysis: Analysis) -> Section | None:
    if analysis.comparison is None:
        return _missing(analysis, "comparison", "Would it hold on other datasets?")
    intro = "All else here holds these datasets fixed. Now they are a sample, and each counts once, whatever its seeds."
    sentences = [intro, analysis.comparison.statement]
    return Section("comparison", "Would it hold on other datasets?", sentences, ["critical-difference"])


def _predictors(analysis: Analysis) -> Section | None:
    title = "Does one dataset predict the others?"
    table = tables.predictors(analysis)
    if analysis.predictors is None or table is None:
        return _missing(analysis, "predictors", title)
    found = analysis.predictors
    scores = found[found["target"] == "xScore of the others"]
    sentences = [f"Correlations over {found['models'].iloc[0]} models; so few make wide intervals."]
    if len(scores):
        best, worst = records(scores.nlargest(1, "pearson"))[0], records(scores.nsmallest(1, "pearson"))[0]
        sentences.append(
            f"The xScore of all other datasets goes best with {best['predictor']} (Pearson {best['pearson']:.2f}, "
            f"95 % {best['pearson_low']:.2f} to {best['pearson_high']:.2f}) and least with {worst['predictor']} "
            f"({worst['pearson']:.2f}, {worst['pearson_low']:.2f} to {worst['pearson_high']:.2f})."
        )
    first = found[(found["predictor"] == found["predictor"].iloc[0]) & (found["target"] != "xScore of the others")]
    listed = "; ".join(f"{row['target']} {row['pearson']:.2f}/{row['spearman']:.2f}" for row in records(first))
    sentences.append(f"{first['predictor'].iloc[0]} as a predictor, Pearson/Spearman: {listed}.")
    return Section("predictors", title, sentences, ["predictors"], [], [table])


def _subsets(analysis: Analysis) -> Section | None:
    title = "Which datasets stand for all?"
    shown, whole = tables.subsets(analysis, SUBSETS_SHOWN), tables.subsets(analysis)
    if analysis.subsets is None or shown is None or whole is None:
        return _missing(analysis, "subsets", title)
    rows = analysis.subsets.rows
    fitted, chosen = records(rows.nlargest(1, "in_sample_r2"))[0], records(rows)[0]
    same = fitted["datasets"] == chosen["datasets"]
    sentences = [
        f"Of {len(rows)} subsets of {len(chosen['datasets'])} datasets, {', '.join(fitted['datasets'])} fits the xScore of the "
        f"models at hand best: R² {fitted['in_sample_r2']:.4f}. Of a model that the fit has not seen it explains less: "
        f"R² {fitted['left_out_r2']:.3f}.",
        "The validated figure chooses the same."
        if same
        else f"The validated figure chooses {', '.join(chosen['datasets'])}: R² {chosen['in_sample_r2']:.3f} in-sample, "
        f"{chosen['left_out_r2']:.3f} left out.",
        "Choosing the best of many is part of the method and has its price: where each model is predicted by the subset and "
        f"the fit that the others alone would have chosen, R² is {analysis.subsets.nested_r2:.3f}. "
        "That is what the claim is worth.",
    ]
    return Section(
        "subsets", title, sentences, ["subsets"], [shown], [whole] if len(whole.rows) > len(shown.rows) else []
    )


def _elements(analysis: Analysis) -> Section | None:
    table = tables.elements(analysis)
    if analysis.elements is None or table is None:
        return _missing(analysis, "elements", "Which elements carry?")
    return Section("elements", "Which elements carry?", [analysis.elements.conclusion], ["elements"], [], [table])


def _failed(analysis: Analysis) -> Section:
    table = tables.failed(analysis)
    if table is None:
        return Section("failed", "What failed", ["Nothing: every model has a result on every dataset."])
    return Section("failed", "What failed", [], [], [table])


def _provenance(analysis: Analysis) -> Section:
    sentences = [
        f"{study}, {title}: {text}" if len(analysis.provenance) > 1 else f"{title}: {text}"
        for study, facts in analysis.provenance.items()
        for title, text in facts.items()
        if text
    ]
    table = tables.runs(analysis)
    return Section("provenance", "Where the numbers come from", sentences, [], [], [table] if table else [])


def _missing(analysis: Analysis, part: str, title: str) -> Section | None:
    """A section that says why it is empty."""
    reason = analysis.missing.get(part)
    return Section(part, title, [f"Not computed: {reason}."]) if reason else None
