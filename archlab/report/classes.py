"""Section on single classes: how many images of each are known, and what they are taken for."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from archlab.report.analysis import Analysis
from archlab.report.by_class import ByClass
from archlab.report.cell_plot import cell_plot
from archlab.report.palette import Palette
from archlab.report.plots import ROW, Plot, slug
from archlab.report.section import Section
from archlab.report.table import Column, Table

MOST_CLASSES = 20  # of a picture, or of a table that is not folded away


def classes(analysis: Analysis) -> Iterator[Section]:
    """Recall by class and confusion, dataset by dataset."""
    if not analysis.by_class and not analysis.without_class_scores:
        return
    sentences, plots, tables, folded = [], [], list[Table](), list[Table]()
    for each in analysis.by_class:
        sentences.append(most_confused(each))
        plots += [confusion_plot(each, model) for model in each.pictured]
        shown, rest = _tables(each)
        tables.append(shown)
        folded += rest
    if analysis.without_class_scores:
        named = ", ".join(analysis.without_class_scores)
        sentences.append(f"Runs have kept no class scores on {named}, so nothing is known of single classes there.")
    yield Section("classes", "Which classes are confused?", sentences, plots, tables, folded)


def most_confused(found: ByClass, model: str = "") -> str:
    """In a sentence, by a model; by the best where none is named."""
    model = model or next(iter(found.confusions))
    confused = found.confusions[model]
    recall = found.recall[model].dropna()
    lowest = f"{recall.idxmin()} has the lowest recall, {100 * recall.min():.0f} %"
    wrong = confused - np.diag(np.diag(confused))
    start = f"On {found.dataset}, by {model}, "
    if not wrong.any():
        return f"{start}no image is taken for another class."
    right, said = np.unravel_index(wrong.argmax(), wrong.shape)
    return (
        f"{start}{lowest}; most often {found.classes[right]} is taken for {found.classes[said]}: {wrong.max():,} of "
        f"{confused[right].sum():,} images."
    )


def _tables(found: ByClass) -> tuple[Table, list[Table]]:
    """The recalls, and all of them to be folded away where only those of the hardest classes are shown."""
    recall, name = found.recall, f"recall-{slug(found.dataset)}"
    columns = {"class": Column("class"), "images": Column("images", "integer")}
    columns |= {f"recall of {model}": Column(str(model), "number", 1) for model in recall}
    images = next(iter(found.confusions.values())).sum(1)
    rows = (100 * recall).add_prefix("recall of ").reset_index(drop=True)
    rows = pd.concat([pd.DataFrame({"class": found.classes, "images": images}), rows], axis=1)
    caption = f"{found.dataset}: recall of each class in percent, over all seeds"
    whole = Table.of(name, f"{caption}.", columns, rows)
    if len(rows) <= MOST_CLASSES:
        return whole, []
    hardest = rows.sort_values(f"recall of {recall.columns[0]}").head(MOST_CLASSES)
    caption += f"; the {MOST_CLASSES} of {len(rows)} classes that {recall.columns[0]} knows least."
    return Table.of(f"{name}-hardest", caption, columns, hardest), [whole]


def confusion_plot(found: ByClass, model: str) -> Plot:
    """Of the classes that are confused most."""
    confused = found.confusions[model]
    wrong = confused - np.diag(np.diag(confused))
    hardest = np.argsort(-(wrong.sum(0) + wrong.sum(1)), kind="stable")[:MOST_CLASSES]
    chosen = np.sort(hardest)
    shares = 100 * confused / np.maximum(confused.sum(1, keepdims=True), 1)
    names = [found.classes[at] for at in chosen]
    part = pd.DataFrame(shares[np.ix_(chosen, chosen)], index=names, columns=names)
    few = f"; the {len(chosen)} of {len(confused)} classes most often confused" if len(chosen) < len(confused) else ""
    return Plot(
        f"confusion-{slug(found.dataset)}-{slug(model)}",
        f"{found.dataset}, {model}: of each class (rows), percent of its images taken for each class (columns){few}",
        most_confused(found, model),
        partial(_confusion, part),
    )


def _confusion(shares: pd.DataFrame, palette: Palette) -> Figure:
    shown = shares.where(shares >= 0.5)
    return cell_plot(palette, shown, shares / 100, matplotlib.colormaps["Blues"], ".0f", least=0.8 * ROW)
