"""`archlab search`: look for a better design than the references, within the budget."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from archlab.cli.options import JSON, STORE
from archlab.cli.overriding import overridden, override_options, spec_option
from archlab.cli.running import run_options, settings_and_progress, try_out
from archlab.cli.streams import echo
from archlab.cli.tables import print_gains, print_scores, print_table, rounded
from archlab.foundation import home
from archlab.foundation.words import counted

if TYPE_CHECKING:
    from archlab.cli.progress import ShownProgress
    from archlab.executors import Settings
    from archlab.forecast import Plan
    from archlab.runs import Run, Store
    from archlab.study.search.designs import Designs
    from archlab.study.search.search import Found


@click.command()
@spec_option(default="compact", show_default=True)
@override_options
@click.option("--trials", type=click.IntRange(min=1), help="Designs to try  [default: as the study says, else 50]")
@click.option("--storage", metavar="URL", help="Of Optuna: a database for many machines, or a journal file.")
@click.option("--resume", is_flag=True, help="Go on with a search; an error where there is none.")
@click.option("--dry-run", is_flag=True, help="Say how long it would take.")
@click.option("--smoke", is_flag=True, help="Take references and a few designs through a few steps, and store nothing.")
@run_options
@STORE
@JSON
def search(
    spec: str,
    suite: str | None,
    datasets: str | None,
    recipe: str | None,
    seeds: str | None,
    trials: int | None,
    storage: str | None,
    resume: bool,
    dry_run: bool,
    smoke: bool,
    store: str | None,
    as_json: bool,
    **options: Any,
) -> int:
    """Samples a study's choices jointly, trains what is promising, and puts the best designs beside the references.

    The same command goes on where it was interrupted, and joins a search that other processes are at. Designs are chosen by
    validation data; the last table shows test data. Ends with 1 where a run failed.
    """
    from archlab.runs import Store
    from archlab.study.loading import load_study
    from archlab.study.search.designs import Designs
    from archlab.study.search.forecast import smoke_runs
    from archlab.study.search.search import search as search_study

    opened = Store(home(store))
    source = overridden(spec, suite=suite, datasets=datasets, recipe=recipe, seeds=seeds)
    settings, progress = settings_and_progress(on_found=lambda found: _print(found, as_json), **options)
    if dry_run or smoke:
        designs = Designs(load_study(source, home=opened.home), opened.home)
        if dry_run:
            _forecast(designs, trials, storage, opened, settings, progress, as_json)
            return 0
        return try_out(designs.study.name, smoke_runs(designs), opened, settings, progress, as_json)
    found = search_study(source, opened, settings, progress, trials=trials, storage=storage, resume=resume)
    return 1 if found.failures else 0


def _forecast(
    designs: Designs,
    trials: int | None,
    storage: str | None,
    store: Store,
    settings: Settings,
    progress: ShownProgress,
    as_json: bool,
) -> None:
    from archlab.executors import with_room
    from archlab.forecast import plan
    from archlab.foundation.words import duration
    from archlab.study.search.forecast import forecast, tried_before

    settings, tried = with_room(settings), tried_before(designs, store, storage)

    def planned(runs: list[Run]) -> Plan:
        return plan(runs, store, settings, on_event=progress.measuring)

    found = forecast(designs, trials or designs.study.search.trials, planned, tried=tried)
    if as_json:
        echo(json.dumps(found, indent=2))
        return
    work, runs = found["work_seconds"], found["runs"]
    print_table(("part", "runs", "work"), [(part, runs[part], duration(work[part])) for part in runs])
    workers, takes = counted(found["workers"], "worker"), counted(found["trials"], "trial takes", "trials take")
    if found["tried"]:
        wanted = counted(found["trials"], "trial is", "trials are")
        takes = f"{found['tried']} of {wanted} there, and what is left takes"
    echo(f"\n{found['study']}: {takes} about {duration(found['wall_seconds'])} on {workers}")
    if count := found.get("networks_to_time"):
        echo(f"{counted(count, 'network is', 'networks are')} timed in ONNX Runtime before training, at least")


def _print(found: Found, as_json: bool) -> None:
    """The final table and the gains, or the document; then what to know about them."""
    if as_json:
        echo(json.dumps(found.document, indent=2))
    else:
        print_scores(found.final)
        _print_gains(found.document)
        print_gains(found.document["unseen"])
    for warning in found.document["warnings"]:
        echo(f"warning: {warning}", err=True)
    for failure in found.failures:
        echo(f"failed: {failure}", err=True)


def _print_gains(found: dict[str, Any]) -> None:
    echo()
    keys = ("model", "validation", "test", "low", "high", "survived")
    print_table(
        (f"gain over {found['search']['rival'] or 'the best reference'}", *keys[1:]),
        [[rounded(_gains(each)[key]) for key in keys] for each in found["finalists"]],
    )
    echo(f"\n{_sentence(found)}")


def _gains(finalist: dict[str, Any]) -> dict[str, Any]:
    test, survived = finalist["test"], finalist["survived"]
    return {
        "model": finalist["model"],
        "validation": finalist["validation"].get("gain"),
        "test": test.get("gain"),
        "low": test.get("gain_low"),
        "high": test.get("gain_high"),
        "survived": None if survived is None else f"{survived:.0%}",
    }


def _sentence(found: dict[str, Any]) -> str:
    best, cost = found["best"], found["cost"]
    spent = (
        f"{counted(cost['trials'], 'trial')} and the final table took {cost['training_seconds']['all']:.0f} s of training, and "
        f"this command {cost['coordinating_seconds']:.0f} s to coordinate."
    )
    if (latency := found["search"]["latency"]) and latency["above"]:
        above = counted(latency["above"], "design was", "designs were")
        spent += f"\n{above} above {latency['limit_ms']:g} ms and not trained."
    if best is None:
        return f"No design is complete. {spent}"
    rival = f"{found['search']['rival']}, the best reference on validation data,"
    gain, low, high = (best["test"].get(name) for name in ("gain", "gain_low", "gain_high"))
    if gain is None:
        verdict = "is not complete on test data"
    elif low is None:
        verdict = f"scores {gain:+.3f} against {rival} on test data; one seed cannot decide that"
    else:
        decided = "better than" if low > 0 else "worse than" if high < 0 else "undecided against"
        verdict = f"is {decided} {rival} on test data: {gain:+.3f} ({low:+.3f} to {high:+.3f})"
    return f"{best['model']} {verdict}.\nIt is {best['name']}, written to {best['file']}\n{spent}"
