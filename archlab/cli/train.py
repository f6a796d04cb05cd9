"""`archlab train`: one run, kept in the store like those of studies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from archlab.cli.completion import DATASET, MODEL, RECIPE
from archlab.cli.options import JSON, STORE
from archlab.cli.streams import echo
from archlab.cli.tables import print_table
from archlab.foundation import UserError, home
from archlab.foundation.settings import LARGEST

if TYPE_CHECKING:
    from archlab.architecture import Architecture, InputSpec
    from archlab.runs import Event


@click.command()
@click.argument("model", shell_complete=MODEL)
@click.option("--dataset", required=True, shell_complete=DATASET, help="Its name in the catalogue.")
@click.option("--recipe", default="quick", show_default=True, shell_complete=RECIPE, help="A recipe's name or file.")
@click.option("--seed", type=click.IntRange(0, LARGEST), default=0, show_default=True)
@click.option("--width", type=click.FloatRange(0, 1000, min_open=True), help="Multiplier of all channel counts.")
@click.option(
    "--params",
    help="Instead: the most parameters, `2.5M`, that the width is fitted to  [default: 2.5M, unless MODEL's file says a width]",
)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--deterministic", is_flag=True, help="Bit-equal repetition on a GPU too, at some cost.")
@STORE
@JSON
def train(
    model: str,
    dataset: str,
    recipe: str,
    seed: int,
    width: float | None,
    params: str | None,
    device: str,
    deterministic: bool,
    store: str | None,
    as_json: bool,
) -> int:
    """Trains MODEL, a reference's name or a YAML file, on a dataset, unless that very run is stored already."""
    from archlab.architecture import SMALLEST_MAP, InputSpec, architecture
    from archlab.architecture.own_blocks import own_blocks_of
    from archlab.architecture.parse import meant_width
    from archlab.data import entry, open_prepared
    from archlab.executors import Settings, execute
    from archlab.forecast import check_counts
    from archlab.runs import Store, run_of
    from archlab.runs.foundations import check_trainable
    from archlab.runs.named import settled_recipe
    from archlab.runs.upstream import stood_on
    from archlab.training.mode import settle_device
    from archlab.training.reading import load_recipe
    from archlab.training.recipe import own_files_of

    if width is not None and params is not None:
        raise UserError("--width and --params exclude each other")
    settle_device(device)  # tells that it is not there before anything is counted
    place = home(store)
    design, described = architecture(model), entry(dataset, place)
    if width is None and params is None:
        width = meant_width(model)
    loaded = load_recipe(recipe)
    plain = loaded.of_run(design.name, dataset, place)
    if plain.tune:
        raise UserError(f"`archlab train` does not tune, as the recipe {plain.name} says: a study with it does")
    spec = InputSpec(described.classes, plain.pixels_of(described))
    fitted = _width(design, width, params, spec)
    settled = settled_recipe(loaded, design.name, dataset, place, network=(design, fitted))
    check_trainable(settled, design, spec, fitted, place)
    prepared = open_prepared(dataset, place, settled.stored_of(described), settled.fit)
    run = run_of(
        design.name,
        design.canonical(),
        fitted,
        prepared,
        settled.canonical(),
        seed,
        smallest_map=SMALLEST_MAP,
        own_files=(*own_blocks_of(design), *own_files_of(settled)),
    )
    run, before = stood_on(run, lambda need: open_prepared(need.name, place, *need[1:]), own_blocks_of(design))
    settings, runs = Settings(workers=1, retries=0, device=device, deterministic=deterministic), Store(place)
    for each in [run] if run.key in runs else [*before, run]:
        if each.key not in runs:
            if each is not run:
                echo(f"first {each}, which it stands on", err=True)
            check_counts([each], runs, settings)
        outcome = execute([each], runs, settings, on_event=_tell)
        if outcome.failed:
            break
    if outcome.failed:
        if as_json:
            echo(json.dumps({"failed": [failure.document() for failure in outcome.failed]}, indent=2))
        for failure in outcome.failed:
            echo(f"failed: {failure}", err=True)
        return 1
    if not outcome.computed:
        echo("this run is stored already: nothing was trained", err=True)
    document = outcome.results[run.key]
    if as_json:
        echo(json.dumps(document, indent=2))
    else:
        counts = prepared.counts("train")
        _print(document, counts.index(max(counts)), prepared.labels("test"))
        echo(f"weights: {runs.weights(run.key)}")
    return 0


def _width(design: Architecture, width: float | None, params: str | None, spec: InputSpec) -> float:
    """The width given, or the largest within the parameters. Raises UserError where the network cannot be built."""
    from archlab.budget import count, fit_width, parse_budget

    if width is not None:
        count(design, spec, width)
        return width
    budget = parse_budget(params)
    if budget.params is None:
        return 1.0
    return fit_width(design, spec, budget)


def _tell(event: Event) -> None:
    if event.kind == "epoch":
        row = event.detail
        accuracy = row["validation_accuracy"]
        validated = "" if accuracy is None else f"validation accuracy {accuracy:.3f}, "
        echo(f"epoch {row['epoch']}: loss {row['loss']:.3f}, {validated}{row['seconds']:.0f} s", err=True)


def _print(document: dict[str, Any], majority: int, test_labels: Any) -> None:
    run = document["run"]
    echo(f"{run['model']} (width {run['width']:g}) on {run['dataset']}, seed {run['seed']}\n")
    classes = set(test_labels.tolist())
    always_majority = {
        "accuracy": (test_labels == majority).mean(),
        "balanced_accuracy": (majority in classes) / len(classes),
    }
    columns = {**document["metrics"], "test, majority class": always_majority}
    names = dict.fromkeys(name for scores in columns.values() for name in scores)
    rows = [
        [name.replace("_", " "), *(f"{of[name]:.4f}" if name in of else None for of in columns.values())]
        for name in names
    ]
    print_table(["", *columns], rows)
    echo(f"\nkey {document['key']}, {document['seconds']:.0f} s")
