"""`archlab export`: a trained network as a file for the device."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archlab.cli.completion import KEY
from archlab.cli.options import JSON, PATH, STORE, WINNERS_DATASET
from archlab.cli.streams import echo
from archlab.foundation import UserError, is_file
from archlab.foundation.escaping import file_name

if TYPE_CHECKING:
    from archlab.deploy.exporting import Exported

_LONGEST = 100  # characters, all ASCII, of 255 that must do for what is written under a temporary name too


@click.command()
@click.argument("key", shell_complete=KEY)
@click.option("--format", "kind", type=click.Choice(["onnx", "tflite", "pte"]), default="onnx", show_default=True)
@click.option(
    "--int8", is_flag=True, help="Quantise: 8 bits for weights and activations, calibrated on training images."
)
@click.option("--output", type=PATH, help="The file.  [default: MODEL-DATASET.FORMAT, or MODEL-DATASET-int8.FORMAT]")
@WINNERS_DATASET
@STORE
@JSON
def export(
    key: str, kind: str, int8: bool, output: Path | None, dataset: str | None, store: str | None, as_json: bool
) -> None:
    """Writes a trained network as a file: branches merged, raw pixels in, normalisation inside, and in ONNX resizing too.

    KEY is the first digits of a run's key, a run's folder, a search's winner.yaml, or a pick's folder. The file is run on test
    images of the run's dataset before the command ends.
    """
    from archlab.deploy.extras import require
    from archlab.deploy.formats import FORMATS

    require(FORMATS[kind].extra)
    from archlab.deploy.exporting import export as export_network
    from archlab.deploy.loading import load

    network = load(key, dataset=dataset, store=store)
    file = output or _file(network.origin["model"], network.origin["dataset"], int8, kind)
    if output is None:
        _check_of_run(file, network.origin["key"])
    exported = export_network(network, file, format=kind, int8=int8)
    if as_json:
        echo(json.dumps(exported.document(), indent=2))
    else:
        _print(exported)


def _file(model: str, dataset: str, int8: bool, kind: str) -> Path:
    """Without what file systems do not take, and no longer than they take."""
    words = file_name(f"{model or 'network'}-{dataset}", _LONGEST)
    return Path(f"{words}{'-int8' if int8 else ''}.{kind}")


def _check_of_run(file: Path, key: str) -> None:
    """Raises UserError where a file is there that is not of this run: each holds its run's key as text, whatever its format."""
    if is_file(file) and key.encode() not in file.read_bytes():
        told = "is there already, and not of this run: --output with this name replaces it, with another keeps both"
        raise UserError(told, where=str(file))


def _print(exported: Exported) -> None:
    found = exported.agreement
    kind = "made-up images (the run's dataset is not here)" if found.made_up else "test images"
    echo(f"{exported.file}: {exported.bytes / 1e6:.2f} MB, {exported.precision}")
    rounding = (
        f", {'within' if found.within_rounding else 'more than'} rounding" if exported.precision == "float" else ""
    )
    echo(
        f"the same class as torch on {found.same_class} of {found.images} {kind}; the largest difference of a probability is "
        f"{found.largest_difference:.1e}{rounding}"
    )
    if found.exceptions and exported.precision == "float":
        echo(f"another class: {', '.join(found.exceptions)}")
    if exported.accuracy is not None:
        echo(f"accuracy on test images: {100 * exported.accuracy:.1f} %")
    if exported.mending:
        _print_int8(exported)


def _print_int8(exported: Exported) -> None:
    drop, mending = exported.drop, exported.mending
    assert mending
    if drop:
        echo(
            f"drop from float: {100 * drop.value:.1f} points ({100 * drop.low:.1f} to {100 * drop.high:.1f}, 95 % over "
            f"{drop.images} images)"
        )
    images = "validation images" if mending.judged_on == "validation" else "training images"
    for each in mending.tried:
        echo(
            f"{'taken' if each.way == mending.way else 'tried'}: {each.way}: probabilities of {images} move by "
            f"{100 * each.moved:.1f} points on average, and {100 * each.drop:.1f} points of accuracy are lost on them"
        )
    if mending.layers:
        layer, moved = mending.layers[0]
        echo(f"the layer that changes most is {layer}: alone it moves probabilities by {100 * moved:.1f} points")
    if mending.gave_up:
        echo(f"no way that was tried leaves the probabilities of {images} within a point on average", err=True)
