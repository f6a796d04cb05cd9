"""What commands that compute runs have in common: their options, and how settings and progress come of these."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archlab.cli.options import PATH, TIME, together
from archlab.cli.streams import echo

if TYPE_CHECKING:
    from archlab.cli.progress import ShownProgress
    from archlab.executors import Settings
    from archlab.runs import Run, Store

run_options = together(
    click.option(
        "--workers",
        type=click.IntRange(min=1),
        help="Runs at once on this machine  [default: one a core; on GPUs as measured, in a search or a short pick one a GPU]",
    ),
    click.option(
        "--executor",
        default="local",
        show_default=True,
        metavar="NAME",
        help="Who computes runs: local, ray, or your own as FILE.py:NAME.",
    ),
    click.option("--address", metavar="ADDRESS", help="Of the Ray cluster: `auto`, or HOST:PORT."),
    click.option(
        "--gpus", type=click.FloatRange(min=0), default=0.0, help="The share of a GPU that Ray gives to a run."
    ),
    click.option("--retries", type=click.IntRange(min=0), default=1, show_default=True, help="Of a run that fails."),
    click.option("--time-limit", type=TIME, metavar="TIME", help="Of one run: `90s`, `30m`, `2h`, or seconds."),
    click.option("--fail-fast", is_flag=True, help="Stop at the first run that fails."),
    click.option("--deterministic", is_flag=True, help="Bit-equal repetition on a GPU too, at some cost."),
    click.option("--quiet", is_flag=True, help="Show failures only while runs go."),
    click.option("--events", type=PATH, metavar="FILE", help="Append what happens to this file, as JSON Lines."),
)
"""The options that `settings_and_progress` takes."""


def settings_and_progress(
    *,
    quiet: bool,
    events: Path | None,
    on_found: Callable[[Any], None] | None = None,
    **settings: Any,
) -> tuple[Settings, ShownProgress]:
    """How runs are computed, as the options say, and how that is shown. `on_found`: see `Progress.found`."""
    from archlab.cli.progress import ShownProgress
    from archlab.executors import Settings

    given = Settings(**settings)
    if given.executor == "ray":
        from archlab.executors.cluster import address_of, check_cluster

        if address := address_of(given):
            check_cluster(address)  # before anything is measured
    return given, ShownProgress(quiet=quiet, events=events, on_found=on_found)


def try_out(
    name: str, runs: list[Run], store: Store, settings: Settings, progress: ShownProgress, as_json: bool
) -> int:
    """Takes runs through a few steps, stores nothing, and says which failed; the exit code of the command."""
    from archlab.forecast import smoke, without_seeds

    with progress.watching(len(without_seeds(runs)), settings.at_once) as watch:
        failures = smoke(runs, store, settings, on_event=watch)
    if as_json:
        echo(json.dumps({"study": name, "failed": [each.document() for each in failures]}, indent=2))
    for failure in failures:
        echo(f"failed: {failure}", err=True)
    if not failures:
        echo(f"{name}: every model trains on every dataset; nothing was stored", err=True)
    return 1 if failures else 0
