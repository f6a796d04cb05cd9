"""A report as sections of sentences, plots and tables."""

from __future__ import annotations

from collections.abc import Iterator

from archlab.foundation.words import counted
from archlab.report.against import against
from archlab.report.agreement import agreement
from archlab.report.analysis import Analysis
from archlab.report.claims import elements, predictors, subsets
from archlab.report.classes import classes
from archlab.report.curves import curves
from archlab.report.data import data
from archlab.report.effects import effects
from archlab.report.plots import Plot
from archlab.report.precision import precision
from archlab.report.regret import regret
from archlab.report.scores import accuracies, costs, scores
from archlab.report.search import search
from archlab.report.section import Section
from archlab.report.shipping import shipping
from archlab.report.stability import other_datasets, stability
from archlab.report.table import Column, Table
from archlab.report.tuning import tuning
from archlab.report.unseen import unseen
from archlab.scoring.scores import INCOMPLETE


def sections(analysis: Analysis) -> list[Section]:
    """All sections that have something to say."""
    about_models = (
        agreement,
        search,
        shipping,
        scores,
        against,
        unseen,
        accuracies,
        effects,
        classes,
        costs,
        precision,
        tuning,
    )
    about_claims = (stability, other_datasets, regret, predictors, subsets, elements)
    parts = (*about_models, *about_claims, curves, data, _failed, _provenance)
    return [section for part in parts for section in part(analysis)]


def plots(analysis: Analysis) -> dict[str, Plot]:
    """All plots of the report, by name."""
    return {plot.name: plot for section in sections(analysis) for plot in (*section.plots, *section.folded_plots)}


def in_short(analysis: Analysis) -> list[tuple[str, str]]:
    """What was compared, as words and figures."""
    facts = [("models", str(len(analysis.models))), ("datasets", str(analysis.means.shape[1]))]
    seeds = " to ".join(map(str, dict.fromkeys(analysis.seeds)))
    facts += [("seeds a cell", seeds), ("lambda", f"{analysis.scores.lam:g}")]
    if analysis.frame is not None and analysis.frame.split:
        facts.append(("split", analysis.frame.split))
    return facts


def _failed(analysis: Analysis) -> Iterator[Section]:
    """Runs that failed, and models without a score."""
    columns = {name: Column(name) for name in ("model", "dataset", "seed", "cause", "attempts")}
    columns |= {name: Column(name, "integer") for name in ("seed", "attempts")}
    rows = list(analysis.material.failed)
    told = {row["model"] for row in rows}
    reasons = analysis.models["reason"]
    rows += [
        {"model": model, "dataset": "–", "cause": reason}
        for model, reason in reasons.items()
        if reason.startswith(INCOMPLETE) and model not in told
    ]
    if rows:
        yield Section("failed", "What failed", tables=[Table.of("failed", "What failed.", columns, rows)], is_open=True)
    else:
        yield Section("failed", "What failed", ["Nothing: every model has a result on every dataset."])


def _provenance(analysis: Analysis) -> Iterator[Section]:
    """Where the numbers come from, and every run behind them, with what decides and what describes it."""
    sentences = [
        f"{study}, {title}: {text}" if len(analysis.provenance) > 1 else f"{title}: {text}"
        for study, facts in analysis.provenance.items()
        for title, text in facts.items()
        if text
    ]
    columns = {"model": Column("model"), "dataset": Column("dataset"), "seed": Column("seed", "integer")}
    columns |= {"accuracy": Column("accuracy", "number", 4), "seconds": Column("seconds", "number", 1)}
    columns |= {name: Column(name) for name in ("hardware", "precision", "torch", "finished", "key")}
    runs = analysis.material.runs
    tables = [Table.of("runs", f"{counted(len(runs), 'run')}.", columns, runs)] if runs else []
    yield Section("provenance", "Where the numbers come from", sentences, folded=tables)
