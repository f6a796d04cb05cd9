"""`archlab models`: list and show architectures."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from archlab.cli.completion import MODEL_OR_STUDY
from archlab.cli.groups import Group
from archlab.cli.options import JSON, STORE
from archlab.cli.streams import echo
from archlab.cli.tables import print_table
from archlab.foundation import UserError
from archlab.foundation.words import in_kib

if TYPE_CHECKING:
    from archlab.architecture import Architecture, InputSpec


@click.group(cls=Group)
def models() -> None:
    """List and show architectures."""


@models.command("list")
@JSON
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
        echo(json.dumps({"classes": 1000, "models": found}, indent=2))
        return
    columns = ("name", "params", "deployed", "MACs", "resolution", "paper")
    keys = ("name", "params", "params_deployed", "macs", "resolution", "paper")
    print_table(columns, [[model[key] for key in keys] for model in found])


@models.command()
@click.argument("name", shell_complete=MODEL_OR_STUDY)
@click.option("--model", "variant", metavar="MODEL", help="One of the models of the study NAME, as it is trained.")
@click.option("--width", type=click.FloatRange(0, 1000, min_open=True), help="[default: of the file or study, else 1]")
@click.option("--resolution", type=click.IntRange(1), help="Pixels on a side  [default: as published, or of the study]")
@click.option("--classes", type=click.IntRange(1), help="[default: 1000, or those of the study]")
@click.option("--yaml", "as_yaml", is_flag=True, help="Print an architecture that every command takes, at width 1.")
@STORE
@JSON
def show(
    name: str,
    variant: str | None,
    width: float | None,
    resolution: int | None,
    classes: int | None,
    as_yaml: bool,
    store: str | None,
    as_json: bool,
) -> None:
    """The layers of an architecture: NAME is a reference or a YAML file, or a study with --model."""
    from archlab.architecture import InputSpec, architecture, freedoms
    from archlab.architecture.parse import meant_width
    from archlab.budget import count

    if variant is None:
        shown, spec = architecture(name), InputSpec(classes or 1000, resolution)
        width = width or meant_width(name) or 1.0
    else:
        shown, designed_width, designed = _of_study(name, variant, store)
        spec = InputSpec(classes or designed.num_classes, resolution or designed.resolution, designed.smallest_map)
        width = width or designed_width
    if as_yaml:
        echo(_yaml(shown, width), nl=False)
        return
    classes, resolution = spec.num_classes, spec.resolution
    total, layers = count(shown, spec, width), _layers(shown, spec, width)
    if as_json:
        facts = {"name": shown.name, "paper": shown.paper, "width": width, "classes": classes}
        facts["resolution"] = resolution or shown.resolution
        echo(json.dumps({**facts, **asdict(total), "layers": layers}, indent=2))
        return
    echo(f"{shown.name}: width {width:g}, {classes} classes, {resolution or shown.resolution} pixels{_cited(shown)}")
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
    echo(
        f"{total.params_without_classifier:,} parameters without the classifier, {total.params_deployed:,} deployed, "
        f"{total.activations:,} activations, a peak memory of {in_kib(total.peak_memory)} in int8"
    )
    if free := freedoms(shown):
        echo(f"free for a budget, beside the width: {', '.join(free)}")


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


def _of_study(name: str, variant: str, store: str | None) -> tuple[Architecture, float, InputSpec]:
    """A study's model: its architecture, its width, and what its costs refer to."""
    from archlab.foundation import home_to_read
    from archlab.study.design import Designer
    from archlab.study.loading import load_study

    place = home_to_read(store)
    designer = Designer(load_study(name, home=place), place)
    designs = {design.name: design for design in designer.designs()}
    if variant not in designs:
        raise UserError(f"the study {name} has no model {variant!r}", name=variant, known=designs, listed=True)
    return designs[variant].architecture, designs[variant].width, designer.input


def _yaml(shown: Architecture, width: float) -> str:
    from archlab.architecture.own_blocks import own_blocks_of
    from archlab.architecture.parse import plain_name
    from archlab.architecture.writing import architecture_yaml, at_width

    text = architecture_yaml(at_width(shown, width, plain_name(shown.name)), width=1.0)
    own = own_blocks_of(shown)
    return text + (f"blocks: {json.dumps(own)}\n" if own else "")


def _cited(shown: Architecture) -> str:
    return f" ({shown.paper})" if shown.paper else ""
