"""`archlab models`: list and show architectures."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from archlab.cli.tables import print_table

if TYPE_CHECKING:
    from archlab.architecture import Architecture, InputSpec

_as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group()
def models() -> None:
    """List and show architectures."""


@models.command("list")
@_as_json
def list_(as_json: bool) -> None:
    """The reference architectures as published, with 1000 classes."""
    from archlab.architecture import InputSpec, architecture, references
    from archlab.budget import count

    found = []
    for name in references():
        reference = architecture(name)
        cost = count(reference, InputSpec(1000))
        facts = {"name": name, "resolution": reference.resolution, "paper": reference.paper}
        found.append({**facts, **asdict(cost)})
    if as_json:
        click.echo(json.dumps({"classes": 1000, "models": found}, indent=2))
        return
    columns = ("name", "params", "deployed", "MACs", "resolution", "paper")
    keys = ("name", "params", "params_deployed", "macs", "resolution", "paper")
    print_table(columns, [[model[key] for key in keys] for model in found])


@models.command()
@click.argument("name")
@click.option("--width", type=click.FloatRange(0, 1000, min_open=True), default=1.0, show_default=True)
@click.option("--resolution", type=click.IntRange(1), help="Pixels on a side  [default: as published]")
@click.option("--classes", type=click.IntRange(1), default=1000, show_default=True)
@_as_json
def show(name: str, width: float, resolution: int | None, classes: int, as_json: bool) -> None:
    """The layers of an architecture: NAME is a reference or a YAML file."""
    from archlab.architecture import InputSpec, architecture, freedoms
    from archlab.budget import count

    shown = architecture(name)
    spec = InputSpec(classes, resolution)
    total, layers = count(shown, spec, width), _layers(shown, spec, width)
    if as_json:
        facts = {"name": shown.name, "paper": shown.paper, "width": width, "classes": classes}
        facts["resolution"] = resolution or shown.resolution
        click.echo(json.dumps({**facts, **asdict(total), "layers": layers}, indent=2))
        return
    click.echo(
        f"{shown.name}: width {width:g}, {classes} classes, {resolution or shown.resolution} pixels{_cited(shown)}"
    )
    columns = ("layer", "stage", "block", "repeat", "stride", "channels", "map", "params", "MACs")
    rows = [
        [
            *(layer[key] for key in ("layer", "stage", "block", "repeat", "stride")),
            f"{layer['in_channels']} → {layer['out_channels']}",
            f"{layer['in_size']} → {layer['out_size']}",
            layer["params"],
            layer["macs"],
        ]
        for layer in layers
    ]
    print_table(columns, [*rows, [None, None, "total", None, None, None, None, total.params, total.macs]])
    click.echo(
        f"{total.params_without_classifier:,} parameters without the classifier, {total.params_deployed:,} deployed, "
        f"{total.activations:,} activations"
    )
    if free := freedoms(shown):
        click.echo(f"free for a budget, beside the width: {', '.join(free)}")


def _layers(shown: Architecture, spec: InputSpec, width: float) -> list[dict[str, Any]]:
    """What stands in the file beside what it comes to; layers and stages counted from 1 as selectors do."""
    from archlab.architecture import stages
    from archlab.budget import count_layers

    stage_of, found = stages(shown), []
    for cost in count_layers(shown, spec, width):
        numbers = asdict(cost)
        index = numbers.pop("layer")
        if index is None:
            written = {"block": "head", "name": None, "repeat": 1, "arguments": shown.head}
        else:
            layer = shown.layers[index]
            written = {"block": layer.block, "name": layer.name, "repeat": layer.repeat, "arguments": layer.arguments}
        position = {"layer": None, "stage": None} if index is None else {"layer": index + 1, "stage": stage_of[index]}
        found.append({**position, **written, **numbers})
    return found


def _cited(shown: Architecture) -> str:
    return f" ({shown.paper})" if shown.paper else ""
