"""`archlab predict`: the classes of images, by a network that a run has trained."""

from __future__ import annotations

import csv
import io
import json
import sys
from typing import TYPE_CHECKING

import click

from archlab.cli.completion import KEY
from archlab.cli.options import JSON, STORE_OF_RUNS, WINNERS_DATASET
from archlab.cli.streams import echo
from archlab.foundation import UserError

if TYPE_CHECKING:
    from archlab.deploy.predicting import Prediction


@click.command()
@click.argument("key", shell_complete=KEY)
@click.argument("images", nargs=-1, required=True)
@WINNERS_DATASET
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@STORE_OF_RUNS
@JSON
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV: file, class, and a probability a class.")
def predict(
    key: str, images: tuple[str, ...], dataset: str | None, device: str, store: str | None, as_json: bool, as_csv: bool
) -> int:
    """Class and probabilities of IMAGES, files and folders; exit code 1 where some cannot be read.

    KEY is the first digits of a run's key, a run's folder, a search's winner.yaml, or a pick's folder.
    """
    from archlab.deploy.loading import load
    from archlab.deploy.predicting import image_files
    from archlab.deploy.predicting import predict as predictions
    from archlab.training.mode import settle_device

    if as_json and as_csv:
        raise UserError("--json and --csv exclude each other")
    files, place = image_files(images), settle_device(device)
    network = load(key, dataset=dataset, store=store).to(place)
    found, failed = [], 0
    for prediction in predictions(network, files):
        if prediction.unreadable is None:
            found.append(prediction)
        else:
            failed += 1
            echo(f"failed: {prediction.file} cannot be read: {' '.join(prediction.unreadable.split())}", err=True)
    if as_json:
        echo(json.dumps([each.document(network.class_names) for each in found], indent=1))
    elif as_csv:
        _print_csv(found, network.class_names)
    else:
        _print(found)
    return 1 if failed else 0


def _print_csv(found: list[Prediction], class_names: list[str]) -> None:
    from archlab.scoring.spreadsheets import guarded_cell

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(guarded_cell, ("file", "class", *class_names)))
    for each in found:
        assert each.probabilities is not None
        writer.writerow(map(guarded_cell, (each.file, each.class_name, *each.probabilities.tolist())))
    if sys.stdout.isatty():
        echo(text.getvalue(), nl=False)
    else:
        click.echo(text.getvalue().encode(errors="surrogateescape"), nl=False)  # names of files may be any bytes


def _print(found: list[Prediction]) -> None:
    from archlab.cli.tables import print_table

    rows = []
    for each in found:
        assert each.probabilities is not None and each.class_name is not None
        shown = (" ".join(word.split()) for word in (each.file, each.class_name))
        file, class_name = (word.encode(errors="backslashreplace").decode() for word in shown)
        rows.append([file, class_name, f"{each.probabilities.max():.3f}"])
    if rows:
        print_table(("file", "class", "probability"), rows)
