"""`archlab pick`: from a folder of images to a file to ship."""

from __future__ import annotations

import json
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import click

from archlab.cli.options import JSON, PATH, SERIES, STORE
from archlab.cli.running import run_options, settings_and_progress
from archlab.cli.streams import echo
from archlab.foundation.metric import METRICS_TO_CHOOSE_BY


@click.command()
@click.argument("folder", required=False, type=PATH)
@click.option("--csv", type=PATH, help="A table with a row an image, and its class; beside it FOLDER.")
@click.option("--image-column", help="The image, its file or its id.  [default: image]")
@click.option("--label-column", help="The class.  [default: label]")
@click.option("--group-column", help="What must stay together: a patient, a place.")
@click.option("--split-column", help="train, validation or test.")
@SERIES
@click.option("--no-flip", is_flag=True, help="A mirror image is not an example of the same class.")
@click.option("--within", default="1h", show_default=True, metavar="TIME", help="`90s`, `30m`, `2h`, `1h30m`.")
@click.option("--params", default="2.5M", show_default=True, help="The most parameters.")
@click.option("--macs", help="The most multiply-accumulates: `50M`.")
@click.option("--peak-memory", metavar="BYTES", help="The most memory of feature maps, in int8: `256K`.")
@click.option("--flash", metavar="BYTES", help="The most memory of weights, in int8: `1M`.")
@click.option("--latency", metavar="TIME", help="The most for one image on one CPU thread here: `5ms`.")
@click.option(
    "--int8", is_flag=True, help="Write the int8 file even where it moves probabilities by more than a point."
)
@click.option(
    "--metric", type=click.Choice(METRICS_TO_CHOOSE_BY), default="accuracy", show_default=True, help="To choose by."
)
@click.option(
    "--seed", type=click.IntRange(0, 2**31), default=0, show_default=True, help="Another one repeats all of it."
)
@click.option("--output", type=PATH, help="The folder that is written  [default: FOLDER-picked]")
@run_options
@STORE
@JSON
def pick(
    folder: Path | None,
    csv: Path | None,
    image_column: str | None,
    label_column: str | None,
    group_column: str | None,
    split_column: str | None,
    series: bool,
    no_flip: bool,
    within: str,
    int8: bool,
    metric: str,
    seed: int,
    output: Path | None,
    store: str | None,
    as_json: bool,
    quiet: bool,
    events: Path | None,
    params: str,
    macs: str | None,
    peak_memory: str | None,
    flash: str | None,
    latency: str | None,
    **settings: Any,
) -> int:
    """Picks a network for the images in FOLDER, trains it, and leaves it as a file to ship.

    FOLDER has a folder of images for each class, or train/ and test/ with these. Splits, resolution, architecture, learning
    rate and length are chosen here, by validation images, within the time; test images are read once, in the end. What is left
    is a folder: the network as ONNX, predict.py, and a card that says how good it is.

    Interrupted, it leaves the best so far (exit code 130), and the same command goes on with the race.
    """
    began = time.monotonic()  # before the imports, which take seconds
    from archlab.cli.picking import ShownPick
    from archlab.pick.asked import pick as picked

    limits = {"params": params, "macs": macs, "peak_memory": peak_memory, "flash": flash, "latency": latency}
    given, _ = settings_and_progress(quiet=quiet, events=None, **settings)
    done = picked(
        folder,
        csv=csv,
        image_column=image_column,
        label_column=label_column,
        group_column=group_column,
        split_column=split_column,
        series=series,
        within=within,
        budget={name: limit for name, limit in limits.items() if limit is not None},
        metric=metric,
        int8=int8,
        flip=not no_flip,
        seed=seed,
        output=output,
        store=store,
        settings=given,
        shown=ShownPick(metric, quiet=quiet, events=events),
        command=" ".join(["archlab", *map(shlex.quote, sys.argv[1:])]),
        began=began,
    )
    found = done.document
    if as_json:
        echo(json.dumps(found, indent=2))
    else:
        _print(found, done.output)
    for failure in found["failed"]:
        echo(f"failed: {failure['model']}: {failure['cause']}", err=True)
    return 130 if found["ended"] == "interrupted" else int(found["ended"] == "failed" or bool(found["failed"]))


def _print(document: dict[str, Any], output: Path) -> None:
    from archlab.pick.card_words import answers, facts
    from archlab.pick.document import in_shell
    from archlab.pick.folder import PAGE, PREDICT

    for words in answers(document):
        echo(words)
    echo("")
    rows = facts(document)
    wide = max(len(label) for label, _ in rows)
    for label, value in rows:
        echo(f"{label:{wide}}  {value}")
    card, program = (in_shell(output / name) for name in (PAGE, PREDICT))
    echo(f"\n{card} says more; `python {program} IMAGE` tells the class of an image")
