"""`archlab bench`: rates, times and ratios on this machine, several alternating repeats."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archlab.cli.bench_deploy import bench_deploy
from archlab.cli.bench_search import bench_landscape, bench_search
from archlab.cli.groups import Group
from archlab.cli.options import JSON, STORE, together
from archlab.cli.streams import echo
from archlab.cli.tables import print_table
from archlab.foundation import home

if TYPE_CHECKING:
    from archlab.bench import Bench, Spread


@click.group(cls=Group)
def bench() -> None:
    """Measure this machine and archlab on it: images per second, and ratios within one run."""


bench.add_command(bench_search)
bench.add_command(bench_landscape)
bench.add_command(bench_deploy)


measure_options = together(
    click.option("--repeats", type=click.IntRange(min=1), default=5, show_default=True),
    STORE,
    JSON,
)
"""The options that `run_bench` takes."""


@bench.command()
@measure_options
def workers(repeats: int, store: str | None, as_json: bool) -> None:
    """Two workers of one thread against one of two threads."""
    from archlab.bench import bench_workers

    run_bench(bench_workers, repeats, store, as_json)


@bench.command()
@measure_options
def gpu(repeats: int, store: str | None, as_json: bool) -> None:
    """Training on a GPU: the loop, graphed and eager steps, several runs at once."""
    from archlab.bench import bench_gpu

    run_bench(bench_gpu, repeats, store, as_json)


def run_bench(measure: Callable[..., Bench], repeats: int, store: str | None, as_json: bool) -> Bench:
    """Measures, and prints what was measured."""
    measured = measure(Path(home(store)), repeats=repeats, progress=_say)
    if as_json:
        echo(json.dumps(measured.document(), indent=2))
    else:
        _print(measured)
    return measured


def _print(measured: Bench) -> None:
    if measured.rates:
        echo(f"{measured.name}: images per second, median (min to max)")
        rows = [
            [name, spread_text(clocks["cpu"]), spread_text(clocks["wall"])] for name, clocks in measured.rates.items()
        ]
        print_table(["", "CPU time", "wall time"], rows)
    if measured.ratios:
        echo("\nratios within a round")
        rows = []
        for name, ratio in measured.ratios.items():
            least = f"{measured.least[name]:g}" if name in measured.least else ""
            rows.append([name, *map(_number, (ratio.median, ratio.min, ratio.max)), str(ratio.n), least])
        print_table(["", "median", "min", "max", "n", "at least"], rows)
    machine = measured.machine
    echo(f"\n{machine['cpu']}, {machine['cores']} cores, load {machine['load']:.1f}, {machine['platform']}")
    echo(", ".join(f"{name} {version}" for name, version in machine["versions"].items()))
    echo(", ".join(f"{name}: {value}" for name, value in measured.settings.items()))


def spread_text(spread: Spread, factor: float = 1.0) -> str:
    median, least, most = (_number(value * factor) for value in (spread.median, spread.min, spread.max))
    return f"{median} ({least} to {most})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _say(words: str) -> None:
    echo(words, err=True)
