"""`archlab bench`: ratios on this machine, several alternating repeats."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archlab.foundation import home

if TYPE_CHECKING:
    from archlab.bench import Bench


@click.group()
def bench() -> None:
    """Measure this machine and archlab on it: images per second, and ratios within one run."""


def _options(function: Callable) -> Callable:
    function = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(function)
    function = click.option("--store", metavar="PATH", help="Folder of data  [default: ARCHLAB_HOME, else ./.archlab]")(
        function
    )
    return click.option("--repeats", type=click.IntRange(min=1), default=5, show_default=True)(function)


@bench.command()
@_options
def train(repeats: int, store: str | None, as_json: bool) -> None:
    """Training from end to end against a loop of timm's parts."""
    from archlab.bench import bench_train

    _run(bench_train, repeats, store, as_json)


@bench.command()
@_options
def step(repeats: int, store: str | None, as_json: bool) -> None:
    """The whole training loop against its bare step, every reference."""
    from archlab.bench import bench_step

    _run(bench_step, repeats, store, as_json)


@bench.command()
@_options
def data(repeats: int, store: str | None, as_json: bool) -> None:
    """Batches with crop and flip against torchvision's ImageFolder."""
    from archlab.bench import bench_data

    _run(bench_data, repeats, store, as_json)


@bench.command()
@_options
def workers(repeats: int, store: str | None, as_json: bool) -> None:
    """Two workers of one thread against one of two threads."""
    from archlab.bench import bench_workers

    _run(bench_workers, repeats, store, as_json)


@bench.command()
@_options
def fused(repeats: int, store: str | None, as_json: bool) -> None:
    """Steps of four seeds fused against one by one, every reference."""
    from archlab.bench import bench_fused

    _run(bench_fused, repeats, store, as_json)


@bench.command()
@_options
def study(repeats: int, store: str | None, as_json: bool) -> None:
    """The quick study's training against a plain script of two threads."""
    from archlab.bench import bench_study

    _run(bench_study, repeats, store, as_json)


@bench.command("store")
@click.option("--runs", type=click.IntRange(min=1), default=100_000, show_default=True)
@_options
def store_(runs: int, repeats: int, store: str | None, as_json: bool) -> None:
    """A store of many synthetic runs: listing, scoring and reporting."""
    from archlab.bench import bench_store

    measured = bench_store(Path(home(store)), repeats=repeats, progress=_say, runs=runs)
    if as_json:
        click.echo(json.dumps(measured.document(), indent=2))
        return
    click.echo(f"{measured.runs:,} runs: seconds, median (min to max) of n")
    for name, spread in measured.seconds.items():
        click.echo(f"  {name:38} {spread.median:6.2f} ({spread.min:.2f} to {spread.max:.2f}) {spread.n}")
    click.echo(_on(measured.machine))


def _run(measure: Callable[..., Bench], repeats: int, store: str | None, as_json: bool) -> None:
    measured = measure(Path(home(store)), repeats=repeats, progress=_say)
    if as_json:
        click.echo(json.dumps(measured.document(), indent=2))
    else:
        _print(measured)


def _print(measured: Bench) -> None:
    from rich.console import Console
    from rich.table import Table

    rates = Table(title=f"bench {measured.name}: images per second, median (min to max)", title_justify="left")
    for column in ("", "CPU time", "wall time"):
        rates.add_column(column, justify="right" if column else "left")
    for name, clocks in measured.rates.items():
        rates.add_row(name, *(f"{s.median:.4g} ({s.min:.4g} to {s.max:.4g})" for s in clocks.values()))
    ratios = Table(title="ratios within a round", title_justify="left")
    for column in ("", "median", "min", "max", "n", "at least"):
        ratios.add_column(column, justify="right" if column else "left")
    for name, ratio in measured.ratios.items():
        least = f"{measured.least[name]:g}" if name in measured.least else ""
        ratios.add_row(name, *(f"{value:.3g}" for value in (ratio.median, ratio.min, ratio.max)), str(ratio.n), least)
    machine = measured.machine
    console = Console()
    console.print(rates, ratios)
    console.print(_on(machine))
    console.print(", ".join(f"{name} {version}" for name, version in machine["versions"].items()), highlight=False)
    console.print(", ".join(f"{name} {value}" for name, value in measured.settings.items()), highlight=False)


def _say(words: str) -> None:
    click.echo(words, err=True)


def _on(machine: dict[str, Any]) -> str:
    return f"{machine['cpu']}, {machine['cores']} cores, load {machine['load']:.1f}, {machine['platform']}"
