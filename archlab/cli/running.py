"""What commands that compute runs have in common: options, and what they show while runs go."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archlab.foundation import UserError

if TYPE_CHECKING:
    from rich.table import Table

    from archlab.executors import Outcome
    from archlab.forecast import Plan
    from archlab.runs import Event, Run, Store

MOST_MODELS = 20  # in the table below the running runs

_OPTIONS = (
    click.option(
        "--workers",
        type=click.IntRange(min=1),
        help="Runs at once on this machine  [default: one a core; on GPUs as measured]",
    ),
    click.option("--executor", type=click.Choice(["local", "ray"]), default="local", show_default=True),
    click.option("--address", metavar="URL", help="Of the Ray cluster: `auto`, or a URL."),
    click.option(
        "--gpus", type=click.FloatRange(min=0), default=0.0, help="The share of a GPU that Ray gives to a run."
    ),
    click.option("--retries", type=click.IntRange(min=0), default=1, show_default=True, help="Of a run that fails."),
    click.option("--time-limit", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="Of one run."),
    click.option("--fail-fast", is_flag=True, help="Stop at the first run that fails."),
    click.option("--deterministic", is_flag=True, help="Bit-equal repetition on a GPU too, at some cost."),
    click.option("--quiet", is_flag=True, help="Show failures only while runs go."),
    click.option("--events", metavar="FILE", help="Append what happens to this file, as JSON Lines."),
)


def run_options(command: Callable) -> Callable:
    """Gives a command the options whose values `Running` takes."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True)
class Running:
    """How runs are computed, as the options say."""

    workers: int | None
    executor: str
    address: str | None
    gpus: float
    retries: int
    time_limit: float | None
    fail_fast: bool
    deterministic: bool
    quiet: bool
    events: str | None

    def __post_init__(self) -> None:
        if self.executor == "ray":
            from archlab.executors.on_ray import import_ray

            import_ray()  # tells that it is not installed before anything is measured
        elif self.address or self.gpus:
            raise UserError("--address and --gpus are for --executor ray")

    @property
    def at_once(self) -> int:
        from archlab.forecast import gpu_count

        return self.workers or gpu_count() or len(os.sched_getaffinity(0))

    @property
    def options(self) -> dict[str, Any]:
        return {"deterministic": self.deterministic}

    def settled(self, runs: Iterable[Run], store: Store) -> Running:
        """With the number of workers that suits the runs, where none was given and there are GPUs to share."""
        from archlab.forecast import gpu_count, workers_for

        if self.workers or self.executor != "local" or not gpu_count():
            return self
        return replace(self, workers=workers_for(runs, store, self.options))

    def plan(self, runs: Iterable[Run], store: Store) -> Plan:
        """The plan of the runs; what is not known about their time is measured."""
        from archlab.forecast import plan

        if not self.quiet:
            note = _once("measuring how fast this machine trains the models")
            return plan(runs, store, workers=self.at_once, options=self.options, on_event=note)
        return plan(runs, store, workers=self.at_once, options=self.options)

    def execute(self, plan: Plan, store: Store) -> Outcome:
        """Computes what the plan lacks, longest first, and shows it. Raises Interrupted after Ctrl-C."""
        from archlab.cli.watching import Watch
        from archlab.executors import Interrupted, execute
        from archlab.runs import EventLog

        table = _Accuracies(store)
        log = EventLog(self.events) if self.events else None
        count = len(plan.stored) + len(plan.missing)
        try:
            with Watch(count, self.at_once, predicted=plan.predicted, quiet=self.quiet, below=table.picture) as watch:
                return execute(
                    [*plan.stored, *plan.runs],
                    store,
                    workers=self.at_once,
                    executor=self.executor,
                    options=self.options,
                    on_event=_each(table, watch, log),
                    fail_fast=self.fail_fast,
                    retries=self.retries,
                    time_limit=self.time_limit,
                    address=self.address,
                    gpus=self.gpus,
                )
        except Interrupted as interrupted:
            done = len(interrupted.outcome.results)
            click.echo(f"interrupted: {done} of {count} runs are stored; the same command goes on from there", err=True)
            raise


def try_out(name: str, runs: list[Run], store: Store, running: Running, as_json: bool) -> int:
    """Takes runs through a few steps, stores nothing, and says which failed; the exit code of the command."""
    from archlab.cli.watching import Watch
    from archlab.forecast import smoke

    tried = {(run.model, run.dataset) for run in runs}
    with Watch(len(tried), running.at_once, quiet=running.quiet) as watch:
        failures = smoke(runs, store, workers=running.at_once, options=running.options, on_event=watch)
    if as_json:
        failed = [{"model": each.run.model, "dataset": each.run.dataset, "cause": each.cause} for each in failures]
        click.echo(json.dumps({"study": name, "failed": failed}, indent=2))
    for failure in failures:
        click.echo(f"failed: {failure}", err=True)
    if not failures:
        click.echo(f"{name}: every model trains on every dataset; nothing was stored", err=True)
    return 1 if failures else 0


def announce_preparation(datasets: dict[str, int], home: Path) -> None:
    """Says which datasets (resolution by name) will be prepared first; the sample ones prepare themselves."""
    from archlab.data.prepared import folder

    missing = [name for name, resolution in datasets.items() if not folder(home, name, resolution).exists()]
    if missing:
        click.echo(f"preparing {', '.join(missing)}", err=True)


class _Accuracies:
    """The table so far: validation accuracies of models on datasets, means over seeds."""

    def __init__(self, store: Store):
        self.store = store
        self.values: dict[str, dict[str, list[float]]] = {}

    def __call__(self, event: Event) -> None:
        if event.kind in ("finished", "stored") and (document := self.store.get(event.run.key)):
            by_dataset = self.values.setdefault(event.run.model, {})
            by_dataset.setdefault(event.run.dataset, []).append(document["metrics"]["validation"]["accuracy"])

    def picture(self) -> Table:
        from rich.table import Table

        datasets = list(dict.fromkeys(name for by_dataset in self.values.values() for name in by_dataset))
        table = Table("validation accuracy", *datasets, box=None, pad_edge=False)
        for model, by_dataset in list(self.values.items())[:MOST_MODELS]:
            means = [sum(found) / len(found) if (found := by_dataset.get(name)) else None for name in datasets]
            table.add_row(model, *("" if mean is None else f"{mean:.3f}" for mean in means))
        return table


def _each(*listeners: Callable[[Event], None] | None) -> Callable[[Event], None]:
    def tell(event: Event) -> None:
        for listener in filter(None, listeners):
            listener(event)

    return tell


def _once(words: str) -> Callable[[Event], None]:
    """Says the words at the first event."""
    said: list[Event] = []

    def tell(event: Event) -> None:
        if not said:
            click.echo(words, err=True)
        said.append(event)

    return tell
