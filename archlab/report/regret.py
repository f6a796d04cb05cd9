"""Section on what a choice by the score costs on a dataset not seen."""

from __future__ import annotations

from collections.abc import Iterator

from archlab.foundation.words import as_sentence
from archlab.report.analysis import Analysis
from archlab.report.section import Section
from archlab.report.table import Column, Table
from archlab.scoring import WAYS


def regret(analysis: Analysis) -> Iterator[Section]:
    """Each dataset held out in turn, and the points lost there by ways to choose."""
    found = analysis.regret
    sentences, unit = [found.sentence.replace("No regret:", "The regret is not known:")], found.lost.rpartition(" ")[0]
    most = {way: f"{found.most(way):.{found.digits}f}" for way in WAYS}
    if len(found.held_out):
        sentences.append(
            f"On a further dataset, drawn as these {len(found.held_out)} were, the choice by the xScore costs 0 to "
            f"{most['xscore']} {unit}, that by the mean 0 to {most['mean']}, and a choice at random 0 to {most['random']} on "
            f"average over the models, each with probability {100 * found.confidence:.0f} %."
            if not found.reason
            else as_sentence(found.reason)
        )
    columns = {"dataset": Column("held out"), "chosen": Column("chosen by the xScore"), "best": Column("best there")}
    columns |= {way: Column(title, "number", found.digits) for way, title in WAYS.items()}
    columns |= {"alone": Column("by this one alone, on the others", "number", found.digits)}
    rows = found.held_out.reset_index().assign(alone=found.alone.to_numpy())
    caption = as_sentence(f"{found.lost} the best model on a dataset that took no part in the choice")
    tables = [Table.of("regret", caption, columns, rows)] if len(rows) else []
    yield Section("regret", "What does the choice cost on a dataset not seen?", sentences, tables=tables)
