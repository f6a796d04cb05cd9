"""`archlab bench deploy`: a trained network in each form that it can ship in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from archlab.cli.completion import KEY
from archlab.cli.options import JSON, STORE, WINNERS_DATASET
from archlab.cli.streams import echo
from archlab.cli.tables import print_table
from archlab.foundation.words import in_kib

if TYPE_CHECKING:
    from archlab.deploy.shipped_forms import ShippedForm


@click.command("deploy")
@click.argument("key", shell_complete=KEY)
@WINNERS_DATASET
@STORE
@JSON
def bench_deploy(key: str, dataset: str | None, store: str | None, as_json: bool) -> None:
    """Size, accuracy, time and memory of a trained network in every form that it can ship in.

    KEY is the first digits of a run's key, a run's folder, a search's winner.yaml, or a pick's folder. Every form is run on
    test images of the run's dataset, and timed for one image on one thread of the CPU, in turns.
    """
    from archlab.deploy.extras import missing, require
    from archlab.deploy.formats import FORMATS

    if all(missing(each.extra) for each in FORMATS.values()):
        require("onnx")
    from archlab.deploy.loading import load
    from archlab.deploy.shipped_forms import shipped_forms

    network = load(key, dataset=dataset, store=store)
    forms = shipped_forms(network, note=lambda words: echo(words, err=True))
    if as_json:
        origin = {name: network.origin[name] for name in ("key", "model", "dataset")}
        echo(json.dumps({**origin, "forms": [form.document() for form in forms]}, indent=2))
    else:
        _print(forms)


def _print(forms: list[ShippedForm]) -> None:
    rows = [
        [
            form.format,
            form.precision,
            None if form.bytes is None else f"{form.bytes / 1e6:.2f}",
            None if form.accuracy is None else f"{100 * form.accuracy:.1f}",
            f"{100 * form.same_class:.1f}",
            f"{form.latency.median_ms:.2f} ({form.latency.low_ms:.2f} to {form.latency.high_ms:.2f})",
            in_kib(form.peak_memory),
        ]
        for form in forms
    ]
    print_table(["format", "precision", "MB", "accuracy %", "as torch %", "ms (quartiles)", "feature maps"], rows)
    first, repeats = forms[0], min(form.latency.n for form in forms)
    kind = "made-up images (the run's dataset is not here)" if first.accuracy is None else "test images"
    echo(f"\n{first.images} {kind}; {first.latency.hardware}, one image, at least {repeats} repeats")
