"""`archlab score`: xScore of any table of accuracies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from archlab.cli.options import JSON
from archlab.cli.streams import echo
from archlab.cli.tables import print_table
from archlab.foundation import UserError, home_path
from archlab.foundation.escaping import in_one_line
from archlab.foundation.words import counted

if TYPE_CHECKING:
    import pandas as pd

    from archlab.foundation.metric import Metric
    from archlab.scoring import Frame, Scores


@click.command()
@click.argument("table")
@click.option(
    "--frame",
    "frame_file",
    metavar="FILE",
    help="Score in the frame of this JSON file (as --json prints it); `all`: of all models, as without.",
)
@click.option("--references", metavar="A,B", help="The models that span the frame; without it, all of them do.")
@click.option(
    "--lambda", "lam", type=click.FloatRange(min=0), default=0.5, show_default=True, help="Weight of the variance."
)
@click.option("--split", help="Of a tidy table with several splits, the one to score  [default: test]")
@click.option(
    "--metric", default="accuracy", show_default=True, help="What the table holds; of a tidy one, what to score."
)
@click.option("--lower-is-better", is_flag=True, help="The metric is one of your own whose lowest value is best.")
@click.option(
    "--score", "own", metavar="FILE.py:NAME", multiple=True, help="A score of your own beside it; may be repeated."
)
@JSON
def score(
    table: str,
    frame_file: str | None,
    references: str | None,
    lam: float,
    split: str | None,
    metric: str,
    lower_is_better: bool,
    own: tuple[str, ...],
    as_json: bool,
) -> None:
    """xScore of the accuracies in TABLE, or of another metric: CSV or Parquet, models by datasets or tidy, or `zhang2025`."""
    from archlab.scoring import (
        column_of_means,
        metric_of,
        own_score,
        read_table,
        regret,
        score_table,
        seed_means,
        uneven_seeds,
        with_own_scores,
        xscore,
    )

    frame_file = None if frame_file == "all" and references is None else frame_file
    if frame_file and references is not None:
        raise UserError("--frame and --references exclude each other: a frame already names its models")
    own_scores = [own_score(reference) for reference in own]
    counted, doubts = metric_of(table, metric, lower_is_better=lower_is_better)
    accuracies = read_table(table, split, counted)
    means = seed_means(accuracies)
    names = list(dict.fromkeys(map(str.strip, references.split(",")))) if references is not None else None
    if names is not None and not all(names):
        raise UserError("--references takes names of models, A,B")
    frame = _read_frame(frame_file, counted, accuracies["value"]) if frame_file else None
    try:
        scores = score_table(accuracies, names, lam=lam, frame=frame, metric=counted, classes=_classes(accuracies))
        if scores.frame is None or (frame is None and scores.frame.dropped):
            xscore(means.loc[names] if names else means, lam, higher_is_better=counted.higher_is_better)  # says why
    except UserError as error:
        raise UserError(str(error), where=table) from None
    found = regret(means, scores.frame, lam, counted)
    scores = with_own_scores(scores, means, own_scores)
    for warning in [*doubts, *column_of_means(means, counted), *scores.warnings, *uneven_seeds(accuracies)]:
        echo(f"warning: {in_one_line(warning)}", err=True)
    if as_json:
        echo(json.dumps({**scores.document(), "regret": found.document()}, indent=2))
    else:
        _print(scores, accuracies, counted.words)
        echo("\n" + in_one_line(found.sentence))


def _classes(accuracies: pd.DataFrame) -> dict[str, tuple[int, ...]]:
    """Of the datasets that are prepared here, the test images of each class."""
    from archlab.data import test_classes

    found = {name: test_classes(name, home_path()) for name in map(str, accuracies["dataset"].unique())}
    return {name: counts.images for name, counts in found.items() if counts}


def _read_frame(path: str, metric: Metric, values: pd.Series) -> Frame:
    """The frame of a JSON file, in the unit of the table's values."""
    from archlab.foundation.json_files import read_json
    from archlab.scoring import Frame, in_percent

    try:
        document = read_json(path)
    except FileNotFoundError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=path) from None
    frame = Frame.from_document(document, where=path, higher_is_better=metric.higher_is_better)
    frame_in_percent = max(max(span) for span in frame.datasets.values()) > 1
    if not metric.is_share or frame_in_percent == in_percent(values):
        return frame
    return frame.scaled(0.01 if frame_in_percent else 100)


def _print(scores: Scores, accuracies: pd.DataFrame, metric: str) -> None:
    from archlab.scoring import seed_means, worst_datasets

    assert scores.frame is not None
    means = seed_means(accuracies)
    found = scores.models.assign(
        model=scores.models.index,
        accuracy=means.mean(axis=1),
        worst=worst_datasets(means, scores.frame)["dataset"],
        at_chance=[", ".join(scores.at_chance.get(str(model), [])) for model in scores.models.index],
    )
    digits = {"xscore": 4, "xscore_low": 3, "xscore_high": 3, "mean": 4, "variance": 4, "accuracy": 4}
    digits |= dict.fromkeys(scores.own, 4)
    for name, count in digits.items():
        found[name] = found[name].map(lambda value, count=count: f"{value:.{count}f}")
    titles = {"model": "model", "xscore": "xScore", "xscore_low": "low", "xscore_high": "high", "mean": "mean"}
    titles |= {"variance": "variance"} | {name: name for name in scores.own}
    titles |= {"accuracy": f"mean {metric}", "worst": "worst dataset"}
    titles |= {"at_chance": "at chance"} if scores.at_chance else {}
    if (found["xscore_low"] == "nan").all():
        del titles["xscore_low"], titles["xscore_high"]
    echo(f"xScore, lambda {scores.lam:g}, {counted(len(scores.frame.datasets), 'dataset')}\n")
    print_table(list(titles.values()), found[list(titles)].to_numpy().tolist())
