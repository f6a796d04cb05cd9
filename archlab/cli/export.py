"""`archlab export`: a trained network as a file for the device."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from archlab.deploy.exporting import Exported


@click.command()
@click.argument("key")
@click.option("--format", "kind", type=click.Choice(["onnx"]), default="onnx", show_default=True)
@click.option("--output", type=click.Path(path_type=Path), help="The file  [default: MODEL-DATASET.onnx]")
@click.option("--dataset", help="Which of the datasets that a winner was trained on.")
@click.option("--store", metavar="PATH", help="Folder of runs and data  [default: ARCHLAB_HOME, else ./.archlab]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def export(key: str, kind: str, output: Path | None, dataset: str | None, store: str | None, as_json: bool) -> None:
    """Writes a trained network as a file: branches merged, normalisation and resizing inside, raw pixels in.

    KEY is the first digits of a run's key, a run's folder, or a search's winner.yaml. The file is run on test images of the
    run's dataset before the command ends.
    """
    from archlab.deploy.extras import require

    require(kind)
    from archlab.deploy.exporting import export as export_network
    from archlab.deploy.loading import load

    network = load(key, dataset=dataset, store=store)
    file = output or Path(_file_name(network.origin["model"], network.origin["dataset"], kind))
    exported = export_network(network, file)
    if as_json:
        click.echo(json.dumps(exported.document(), indent=2))
    else:
        _print(exported)


def _file_name(model: str, dataset: str, kind: str) -> str:
    """Without what file systems do not take."""
    words = f"{model or 'network'}-{dataset}"
    return "".join(letter if letter.isalnum() or letter in "-_+=." else "_" for letter in words).lstrip(".") + f".{kind}"


def _print(exported: Exported) -> None:
    found = exported.agreement
    kind = "made-up images (the run's dataset is not here)" if found.made_up else "test images"
    click.echo(f"{exported.file}: {exported.bytes / 1e6:.2f} MB")
    click.echo(
        f"the same class as torch on {found.same_class} of {found.images} {kind}; the largest difference of a probability is "
        f"{found.largest_difference:.1e}, {'within' if found.within_rounding else 'more than'} rounding"
    )
    if found.exceptions:
        click.echo(f"another class: {', '.join(found.exceptions)}")
    if exported.accuracy is not None:
        click.echo(f"accuracy {exported.accuracy:.4f}")
