"""`archlab bench search` and `archlab bench landscape`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from archlab.cli.options import JSON, STORE
from archlab.cli.streams import echo
from archlab.foundation import home_to_read
from archlab.foundation.words import counted


@click.command("search")
@click.option("--repeats", type=click.IntRange(min=1), default=50, show_default=True)
@click.option(
    "--landscape",
    default="first",
    show_default=True,
    metavar="NAME|FOLDER",
    help="One that comes with archlab, or a folder that `bench landscape` wrote.",
)
@click.option(
    "--without",
    type=click.Choice(["order", "middle", "rungs", "promotion", "sampler"]),
    multiple=True,
    help="Replay without this part of the search.",
)
@JSON
def bench_search(repeats: int, landscape: str, without: tuple[str, ...], as_json: bool) -> None:
    """Replay searches on recorded runs, against random search at full fidelity."""
    from archlab.bench.landscape import FIRST, read_landscape
    from archlab.bench.search import AT_MOST
    from archlab.bench.search import bench_search as replay_searches

    measured = replay_searches(
        read_landscape(landscape),
        repeats=repeats,
        without=without,
        progress=lambda words: echo(words, err=True),
    )
    if as_json:
        echo(json.dumps(measured.document(), indent=2))
        return
    echo(
        f"epochs until one of the best {measured.top} of {measured.designs} designs is trained to the end, "
        f"median (quartiles) of {repeats} searches, and of designs in random order"
    )
    for side, spread in (("search", measured.search), ("random", measured.random)):
        low, median, high = (
            "never" if value is None else f"{value:.1f}" for value in (spread.low, spread.median, spread.high)
        )
        echo(f"  {side:8} {median:>6} ({low} to {high})")
    promise = f", at most {AT_MOST:g} was promised" if landscape == FIRST and not without else ""
    ratio = "half of the searches stopped all of the best" if measured.ratio is None else f"{measured.ratio:.2f}"
    echo(f"ratio of the medians: {ratio}{promise}")
    echo(f"{measured.full} epochs are one design at full fidelity; {measured.never} searches stopped all of the best")
    echo(f"recorded {measured.origin['recorded']} on {', '.join(measured.origin['hardware'])}")


@click.command("landscape")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@STORE
def bench_landscape(folder: Path, store: str | None) -> None:
    """Write the epochs of all runs of FOLDER/study.yaml into FOLDER, for `bench search --landscape FOLDER`.

    `archlab ablate --spec FOLDER/study.yaml` trains them; the study explores a grid.
    """
    from archlab.bench.landscape import record_landscape
    from archlab.runs import Store

    echo(f"{counted(record_landscape(folder, Store(home_to_read(store))), 'run')} written to {folder}", err=True)
