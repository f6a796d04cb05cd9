"""`archlab device`: what a trained network needs on boards that are not here, and what was measured on boards elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archlab.cli.completion import KEY
from archlab.cli.options import JSON, PATH, STORE, WINNERS_DATASET
from archlab.cli.streams import echo
from archlab.foundation import UserError
from archlab.foundation.words import in_kib

if TYPE_CHECKING:
    from archlab.deploy.estimate import Estimate
    from archlab.deploy.loading import LoadedNetwork

TARGETS = ("ethos-u55-128", "ethos-u85-256", "tflm")  # archlab.deploy.targets.TARGETS, which takes a second to import


@click.command()
@click.argument("key", required=False, shell_complete=KEY)
@click.option("--target", "targets", type=click.Choice(TARGETS), multiple=True, help="Repeatable.  [default: all]")
@WINNERS_DATASET
@click.option(
    "--import",
    "measured",
    metavar="CSV",
    type=PATH,
    help="Instead of KEY: keep what a board of your own took, for reports.",
)
@STORE
@JSON
def device(
    key: str | None,
    targets: tuple[str, ...],
    dataset: str | None,
    measured: Path | None,
    store: str | None,
    as_json: bool,
) -> int:
    """What a trained network needs in int8 on microcontrollers, estimated by Vela (Arm's compiler for Ethos-U accelerators)
    and by running it in TFLM; nothing is measured on a device. Exit code 1 where no target can be estimated.

    KEY is the first digits of a run's key, a run's folder, a search's winner.yaml, or a pick's folder.
    """
    if (key is None) == (measured is None):
        raise UserError("either KEY or --import is needed" if key is None else "KEY and --import exclude each other")
    if measured is not None:
        if targets or dataset:
            raise UserError("--import takes targets and datasets from its file")
        return _import(measured, store, as_json)
    return _estimate(str(key), targets or TARGETS, dataset, store, as_json)


def _import(file: Path, store: str | None, as_json: bool) -> int:
    from archlab.deploy.board_measurements import import_measurements
    from archlab.foundation import home_to_read
    from archlab.runs import Store

    found = import_measurements(file, Store(home_to_read(store)))
    if as_json:
        echo(json.dumps([each.document() for each in found], indent=2))
    else:
        for each in found:
            echo(str(each))
    return 0


def _estimate(key: str, targets: tuple[str, ...], dataset: str | None, store: str | None, as_json: bool) -> int:
    from archlab.deploy.loading import load
    from archlab.deploy.targets import check_installed, counted, estimates

    check_installed(targets)
    network = load(key, dataset=dataset, store=store)
    found = list(estimates(network, tuple(dict.fromkeys(targets))))
    peak_memory, flash = counted(network)
    if as_json:
        told: dict[str, Any] = {name: network.origin[name] for name in ("key", "model", "dataset")}
        told |= {"peak_memory": peak_memory, "flash": flash, "targets": [each.document() for each in found]}
        echo(json.dumps(told, indent=2))
    else:
        _print(network, peak_memory, flash, found)
    for each in found:
        if each.cause:
            echo(f"failed: {each.target}: {each.cause}", err=True)
    return int(all(each.cause for each in found))


def _print(network: LoadedNetwork, peak_memory: int, flash: int, found: list[Estimate]) -> None:
    from archlab.cli.tables import print_table

    origin = network.origin
    echo(
        f"{origin['model'] or origin['key'][:12]} on {origin['dataset']}, int8, one image of {origin['resolution']} pixels\n"
    )
    rows: list[list[Any]] = [["archlab", _kib(peak_memory), _kib(flash), None, None, None]]
    for each in found:
        per_second = None if each.inferences_per_second is None else round(each.inferences_per_second)
        ms = None if each.ms is None else float(f"{each.ms:.3g}")
        rows.append([each.target, _kib(each.memory), _kib(each.flash), each.cycles, ms, per_second])
    print_table(("target", "memory (KiB)", "flash (KiB)", "cycles", "ms", "a second"), rows)
    echo("\narchlab: feature maps alive at once, and weights, at 8 bits each; a closed form of the network")
    for each in found:
        for line in [] if each.cause else _notes(each):
            echo(f"{each.target}: {line}")


def _kib(number: int | None) -> float | None:
    return None if number is None else round(number / 1024, 1)


def _notes(found: Estimate) -> list[str]:
    notes = [found.estimated_by]
    if found.least_sram is not None:
        notes.append(f"compiled for size it needs {in_kib(found.least_sram)} of SRAM and {found.least_sram_ms:.3g} ms")
    if found.on_cpu:
        notes.append(f"falls back to the CPU, whose cycles do not count: {'; '.join(found.on_cpu)}")
    if found.arena is not None:
        parts = f", {found.arena_maps:,} of them for feature maps" if found.arena_maps is not None else ""
        notes.append(f"it needs an arena of {found.arena:,} bytes{parts}; flash is the file, without the interpreter")
    if found.same_as_litert is not None:
        differs = (
            f"; a probability differs by at most {found.largest_difference:.1e}" if found.largest_difference else ""
        )
        same = f"{found.same_as_litert} of {found.images} images{differs}"
        notes.append(f"its output is to the bit that of LiteRT's reference kernels on {same}")
    return notes
