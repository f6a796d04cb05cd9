"""Section that holds a study against published accuracies, or against another study."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from archlab.foundation.words import as_sentence, counted, first_of
from archlab.report.analysis import Analysis
from archlab.report.cell_plot import cell_plot
from archlab.report.held_against import HeldAgainst
from archlab.report.palette import Palette
from archlab.report.plots import MOST_ROWS, Plot, first_only
from archlab.report.section import Section
from archlab.report.table import Column, Table
from archlab.scoring import Reproduction, decimals, points, records
from archlab.scoring.reproduction import BOTH, IMAGES, NEITHER, SEEDS

NAMED = 6  # missing cells in a sentence


def against(analysis: Analysis) -> Iterator[Section]:
    """Published, reproduced, difference, and what explains it: of every cell, every dataset, every xScore."""
    held = analysis.against
    if held is None:
        return
    found, unit, digits = held.found, points(held.metric), decimals(held.metric)
    differences = found.cells.pivot(index="model", columns="dataset", values="difference")
    differences = differences.reindex(index=found.cells["model"].unique(), columns=found.cells["dataset"].unique())
    plot = Plot(
        "against",
        f"{unit[0].upper()}{unit[1:]} above (+) or below (−) {held.published}{first_only(len(differences))}",
        "The numbers are those of the table of cells.",
        partial(_differences, differences.head(MOST_ROWS), f"+.{digits - 1}f"),
    )
    sentences = [_in_short(held), _explained(found), _noises(held), *_ranks(found), *_left_out(held)]
    tables = [_scores(found), _datasets(found, digits), _cells(held, analysis, digits)]
    title = f"Held against {held.published}"
    yield Section("against", title, sentences, [plot], [table for table in tables if table.rows], is_open=True)


def _in_short(held: HeldAgainst) -> str:
    cells, unit, digits = held.found.cells, points(held.metric), decimals(held.metric)
    origin = f"{held.published} is {held.origin}. " if held.origin else ""
    largest = cells.iloc[int(cells["difference"].abs().argmax())]
    return (
        f"{origin}{counted(len(cells), 'cell')}, of {counted(cells['model'].nunique(), 'model')} on "
        f"{counted(cells['dataset'].nunique(), 'dataset')}, are in both. The {held.metric.words} reproduced lies "
        f"{cells['difference'].mean():+.{digits}f} {unit} from the published one on average, "
        f"{cells['difference'].abs().median():.{digits}f} {unit} up or down in the median, and "
        f"{largest['difference']:+.{digits}f} at most ({largest['model']} on {largest['dataset']})."
    )


def _explained(found: Reproduction) -> str:
    counts = found.explained
    said = {
        SEEDS: "{} by seed noise alone",
        BOTH: "{} by seed and test-set noise together",
        IMAGES: "{} by test-set noise (there are no seeds to tell more)",
        NEITHER: "{} by neither",
        "": "{} cannot be judged, for want of seeds or of test-set noise",
    }
    parts = [words.format(counts[name]) for name, words in said.items() if counts[name]]
    judged = len(found.cells.dropna(subset=["seed_noise", "test_noise"]))  # by neither, too
    chance = f"; about {judged / 20:.0f} of {judged} would lie beyond by chance" if counts[NEITHER] else ""
    return f"Differences explained: {'; '.join(parts)}{chance}."


def _noises(held: HeldAgainst) -> str:
    said = (
        "Both noises are half-widths of 95 % intervals of one difference. A table with one seed a cell is taken to be as "
        "noisy as the other. "
    )
    if held.metric.name != "accuracy":
        return f"{said}Test-set noise is known of accuracies alone."
    sizes = ", ".join(f"{name} {count:,}" for name, count in held.test_images.items()) or "not known"
    return (
        f"{said}Test-set noise is that of two tests on different images; on the same images it is smaller. "
        f"Test images: {sizes}."
    )


def _ranks(found: Reproduction) -> list[str]:
    if found.reason:
        return [as_sentence(found.reason)]
    words = {"xscore": "xScores", "mean": "means over datasets"}
    known = found.ranking.dropna(subset="spearman").reset_index()
    said = [
        f"the {words[row['by']]} rank alike by {row['spearman']:.2f} (Spearman"
        + (f", 95 % {row['low']:.2f} to {row['high']:.2f}" if row["low"] == row["low"] else "")
        + f"; Kendall {row['kendall']:.2f})"
        for row in records(known)
    ]
    intro = f"Over the {len(found.scores)} models that are complete in both, each table in its own frame: "
    return [intro + " and ".join(said) + "."] if said else []


def _left_out(held: HeldAgainst) -> Iterator[str]:
    renamed = [f"{own} against {there}" for own, there in held.datasets.items() if own != there]
    if renamed:
        yield f"Datasets by other names: {', '.join(renamed)}."
    sides = ((f"Only in {held.published}", held.found.only_published), ("Only here", held.found.only_reproduced))
    for where, cells in sides:
        if cells:
            yield f"{where}: {first_of(cells, NAMED)}."


def _scores(found: Reproduction) -> Table:
    columns = {"model": Column("model"), "published": Column("published"), "reproduced": Column("reproduced")}
    columns |= {name: Column(name, "number") for name in ("published", "reproduced")}
    columns |= {"difference": Column("difference", "signed")}
    columns |= {"published_rank": Column("published rank", "integer"), "reproduced_rank": Column("rank", "integer")}
    values = found.scores.rename_axis("model").reset_index()
    return Table.of("against-xscores", "xScores of the models and datasets that both have.", columns, values)


def _datasets(found: Reproduction, digits: int) -> Table:
    columns = {"dataset": Column("dataset"), "models": Column("models", "integer")}
    columns |= {"difference": Column("mean difference", "signed", digits)}
    columns |= {"spearman": Column("Spearman", "number", 2), "low": Column("low", "number", 2)}
    columns |= {"high": Column("high", "number", 2), "kendall": Column("Kendall", "number", 2)}
    caption = "How alike the models rank on each dataset, with 95 % intervals over models."
    return Table.of("against-datasets", caption, columns, found.datasets)


def _cells(held: HeldAgainst, analysis: Analysis, digits: int) -> Table:
    columns = {"model": Column("model"), "dataset": Column("dataset")}
    columns |= {name: Column(name, "number", digits) for name in ("published", "reproduced")}
    columns |= {"difference": Column("difference", "signed", digits)}
    columns |= {
        "seed_noise": Column("seed noise ±", "number", digits),
        "test_noise": Column("test-set noise ±", "number", digits),
    }
    columns |= {"explained_by": Column("explained by")}
    lost = analysis.scores.at_chance if held.metric == analysis.metric else {}
    marks = ["yes" if row["dataset"] in lost.get(row["model"], []) else "" for row in records(held.found.cells)]
    columns |= {"at_chance": Column("reproduced at chance")} if any(marks) else {}
    caption = f"Every cell {'in percent' if held.metric.is_share else f'in {held.metric.unit}'}."
    return Table.of("against-cells", caption, columns, held.found.cells.assign(at_chance=marks))


def _differences(differences: pd.DataFrame, text: str, palette: Palette) -> Figure:
    largest = max(float(differences.abs().max().max()), 1e-9)
    return cell_plot(palette, differences, (differences / largest + 1) / 2, matplotlib.colormaps["PuOr_r"], text)
