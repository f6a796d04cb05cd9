"""`archlab score`: xScore of any table of accuracies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archlab.foundation import UserError

if TYPE_CHECKING:
    import pandas as pd

    from archlab.scoring import Frame, Scores


@click.command()
@click.argument("table")
@click.option(
    "--frame", "frame_file", metavar="FILE", help="Score in the frame of this JSON file (as --json prints it)."
)
@click.option("--references", metavar="A,B", help="The models that span the frame; without it, all of them do.")
@click.option("--lambda", "lam", type=float, default=0.5, show_default=True, help="Weight of the variance.")
@click.option("--split", help="Of a tidy table with several splits, the one to score  [default: test]")
@click.option("--metric", default="accuracy", show_default=True, help="Of a tidy table, the metric to score.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def score(
    table: str,
    frame_file: str | None,
    references: str | None,
    lam: float,
    split: str | None,
    metric: str,
    as_json: bool,
) -> None:
    """xScore of the accuracies in TABLE: CSV or Parquet, models by datasets or tidy, or `zhang2025`."""
    from archlab.scoring import in_percent, read_table, score_table, xscore

    if frame_file and references:
        raise UserError("--frame and --references exclude each other: a frame already names its models")
    accuracies = read_table(table, split, metric)
    names = [name.strip() for name in references.split(",")] if references else None
    frame = _read_frame(frame_file, in_percent(accuracies["value"])) if frame_file else None
    try:
        scores = score_table(accuracies, names, lam=lam, frame=frame)
        if scores.frame is None or (frame is None and scores.frame.dropped):
            means = accuracies.pivot_table(index="model", columns="dataset", values="value", sort=False)
            xscore(means.loc[names] if names else means, lam)  # says why
    except UserError as error:
        raise UserError(str(error), where=table) from None
    for warning in [*scores.warnings, *_uneven(accuracies)]:
        click.echo(f"warning: {warning}", err=True)
    if as_json:
        click.echo(json.dumps(scores.document(), indent=2))
    else:
        _print(scores, accuracies)


def _read_frame(path: str, in_percent: bool) -> Frame:
    """The frame of a JSON file, in the unit of the table."""
    from archlab.scoring import Frame

    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=path) from None
    except ValueError as error:
        raise UserError(f"not valid JSON: {error}", where=path) from None
    frame = Frame.from_document(document, where=path)
    frame_in_percent = max(high for _, high in frame.datasets.values()) > 1
    if frame_in_percent == in_percent:
        return frame
    return frame.scaled(100 if in_percent else 0.01)


def _uneven(accuracies: pd.DataFrame) -> list[str]:
    seeds = accuracies.groupby(["model", "dataset"])["seed"].count().reset_index().to_dict("records")
    least, most = (choose(seeds, key=lambda cell: cell["seed"]) for choose in (min, max))
    if least["seed"] == most["seed"]:
        return []
    return [
        f"uneven seeds: {least['seed']} of {least['model']} on {least['dataset']}, "
        f"{most['seed']} of {most['model']} on {most['dataset']}"
    ]


def _print(scores: Scores, accuracies: pd.DataFrame) -> None:
    from rich.console import Console
    from rich.table import Table

    assert scores.frame is not None
    with_intervals = bool(scores.models["xscore_low"].notna().any())
    grid = Table(title=f"xScore, lambda {scores.lam:g}, {len(scores.frame.datasets)} datasets", title_justify="left")
    grid.add_column("model")
    for column in ["accuracy", "mean", "variance", "xScore", *(["95 %"] if with_intervals else [])]:
        grid.add_column(column, justify="right")
    means = accuracies.groupby(["model", "dataset"])["value"].mean().groupby("model").mean().to_dict()
    for model, row in scores.models.to_dict("index").items():
        numbers = [f"{means[model]:.4g}", *(f"{row[key]:.4f}" for key in ("mean", "variance", "xscore"))]
        interval = [f"{row['xscore_low']:.3f} to {row['xscore_high']:.3f}"] if with_intervals else []
        grid.add_row(str(model), *numbers, *interval)
    Console().print(grid)
