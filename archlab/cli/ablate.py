"""`archlab ablate`: train what is not trained yet; score references and variants."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from archlab.cli.running import Running, announce_preparation, run_options, try_out
from archlab.cli.tables import print_table
from archlab.foundation import home

if TYPE_CHECKING:
    from archlab.forecast import Plan
    from archlab.study.ablation import Ablation


@click.command()
@click.option(
    "--spec", default="quick", show_default=True, metavar="STUDY", help="A study of archlab's, or a YAML file."
)
@click.option("--dry-run", is_flag=True, help="Say what would be computed and how long it would take.")
@click.option("--smoke", is_flag=True, help="Take every model and dataset through a few steps, and store nothing.")
@run_options
@click.option("--store", metavar="PATH", help="Folder of runs and data  [default: ARCHLAB_HOME, else ./.archlab]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def ablate(spec: str, dry_run: bool, smoke: bool, store: str | None, as_json: bool, **options: Any) -> int:
    """Trains every model of a study on every dataset of its suite where that is not stored yet, and scores them.

    Models are scored on test data in the frame of the study's references. Ends with 1 where a run failed.
    """
    from archlab.cli.plan_text import summary, verdict
    from archlab.runs import Store
    from archlab.study import resolve
    from archlab.study.ablation import assess, cells, distinct_runs
    from archlab.study.findings import document, save
    from archlab.study.latencies import save_latencies

    place, running = Store(home(store)), Running(**options)
    study = resolve(spec, place.home)
    study.check_budget()
    announce_preparation(study.datasets, place.home)
    wanted = cells(study, place.home)
    runs = distinct_runs(wanted)
    if smoke:
        return try_out(study.name, runs, place, running, as_json)
    running = running.settled(runs, place)
    plan = running.plan(runs, place)
    if dry_run:
        _print_plan(study.name, plan, as_json)
        return 0
    click.echo(f"{study.name}: {summary(plan)}", err=True)
    outcome = running.execute(plan, place)
    ablation = assess(study, wanted, outcome)
    found, judgement = document(ablation), plan.judge(outcome)
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        _print(ablation, found)
    if judgement:
        click.echo(verdict(judgement), err=True)
    for warning in found["warnings"]:
        click.echo(f"warning: {warning}", err=True)
    for failure in ablation.failed:
        click.echo(f"failed: {failure}", err=True)
    folder = save(ablation, place.home, verdict(judgement) if judgement else None)  # last: the disk may be full
    save_latencies(study, wanted, place, folder)
    trained = f"{outcome.computed} runs were trained" if outcome.computed else "nothing was trained"
    click.echo(f"{trained}; results are in {folder}", err=True)
    return 1 if ablation.failed else 0


def _print_plan(name: str, plan: Plan, as_json: bool) -> None:
    from archlab.cli.plan_text import HEADING, rows, summary

    if as_json:
        click.echo(json.dumps({"study": name, **plan.document()}, indent=2))
        return
    print_table(HEADING, rows(plan))
    click.echo(f"\n{name}: {summary(plan)}")


def _print(ablation: Ablation, found: dict[str, Any]) -> None:
    from archlab.study.findings import score_table

    table = score_table(ablation)
    names = ["model", "role", "params", "macs", *ablation.study.datasets, "mean", "variance", "xscore"]
    if table["xscore_low"].notna().any():
        names += ["xscore_low", "xscore_high"]
    names.append("difference")
    titles = {"macs": "MACs", "xscore": "xScore", "xscore_low": "low", "xscore_high": "high", "difference": "to base"}
    rows = [
        [_written(name, value) for name, value in zip(names, row, strict=True)]
        for row in table[names].itertuples(index=False)
    ]
    print_table([titles.get(name, name) for name in names], rows)
    if ablation.study.question:
        click.echo(f"\n{ablation.study.question}\n{found['answer'] or ''}".rstrip())


def _written(column: str, value: Any) -> Any:
    if not isinstance(value, float):
        return value
    if value != value:  # NaN
        return None
    return f"{value:+.3f}" if column == "difference" else f"{value:.3f}"
