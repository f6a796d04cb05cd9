"""`archlab ablate`: train what is not trained yet; score references and variants."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from archlab.cli.options import FRAME, JSON, STORE
from archlab.cli.overriding import overridden, override_options, spec_option
from archlab.cli.running import run_options, settings_and_progress, try_out
from archlab.cli.streams import echo
from archlab.cli.tables import print_gains, print_scores, print_table
from archlab.cli.tuning import print_tuning
from archlab.foundation import home
from archlab.foundation.words import counted

if TYPE_CHECKING:
    from archlab.forecast import Plan
    from archlab.runs import Store
    from archlab.study.ablation import Ablation
    from archlab.study.expecting import Expected
    from archlab.study.resolved import ResolvedStudy


@click.command()
@spec_option(default="quick", show_default=True)
@override_options
@click.option("--matters", metavar="SIZE", help="In the place of the study's: `1 point`, `0.05 of xScore`.")
@FRAME
@click.option(
    "--until",
    type=click.Choice(["decided"]),
    help="Seeds in rounds, only for what is open, as long as it is.",
)
@click.option(
    "--within", metavar="TIME", help="With --until: `90s`, `30m`, `2h`, `1h30m`; no round begins that takes longer."
)
@click.option("--dry-run", is_flag=True, help="Say what would be computed and how long it would take.")
@click.option("--smoke", is_flag=True, help="Take every model and dataset through a few steps, and store nothing.")
@run_options
@STORE
@JSON
def ablate(
    spec: str,
    suite: str | None,
    datasets: str | None,
    recipe: str | None,
    seeds: str | None,
    matters: str | None,
    frame: str | None,
    until: str | None,
    within: str | None,
    dry_run: bool,
    smoke: bool,
    store: str | None,
    as_json: bool,
    **options: Any,
) -> int:
    """Trains every model of a study on every dataset of its suite where that is not stored yet, and scores them.

    Models are scored on test data in the frame of the study's references, or of all models. Results of a study with another
    suite, recipe, seeds or frame lie beside those of the study as written, under a name that says so. Ends with 1 where a run
    failed.

    A study with `tune` first tries values of its recipe, as many for every model, and chooses by validation images; what was
    chosen is printed.

    With --until decided, seeds come in rounds: models get more of them as long as a contrast that the study is about is open
    and more seeds may decide it. The same command goes on where it was interrupted, or where the time was over.
    """
    from archlab.forecast import plan, with_workers
    from archlab.runs import Store
    from archlab.runs.standing import keys_named
    from archlab.study.ablating import ablate as run_ablation
    from archlab.study.ablating import planned_with_tries, study_and_runs, time_within, upstream_runs
    from archlab.study.expecting import expect

    seconds = time_within(until, within)
    place = Store(home(store))
    source = overridden(spec, suite=suite, datasets=datasets, recipe=recipe, seeds=seeds, matters=matters, frame=frame)
    settings, progress = settings_and_progress(on_found=lambda found: _print(found, as_json), **options)
    if smoke or dry_run:
        study, runs = study_and_runs(source, place, progress, planned=not smoke, until=until)
        if smoke:
            first = upstream_runs(study, place)
            untrained = {each.key for each in first if each.key not in place}
            ready = [run for run in runs if untrained.isdisjoint(keys_named(run.recipe))]
            return try_out(study.name, [*first, *ready], place, settings, progress, as_json)
        runs = planned_with_tries(study, place)
        settings = with_workers(settings, runs, place)
        planned = plan(runs, place, settings, on_event=progress.measuring)
        expected = expect(study, planned, place, seconds) if until else None
        _print_plan(study, planned, place, as_json, expected)
        return 0
    found = run_ablation(source, place, settings, progress, until=until, within=seconds)
    return 1 if found.failed else 0


def _print_plan(study: ResolvedStudy, plan: Plan, place: Store, as_json: bool, expected: Expected | None) -> None:
    from archlab.cli.plan_text import HEADING, elsewhere, rows, summary
    from archlab.cli.tuning import rungs_in_words
    from archlab.study.ablating import missing_datasets
    from archlab.study.latency import networks_to_time

    to_time = networks_to_time(study, place)
    tries = sum(run.is_try for run in [*plan.stored, *(run for run, _ in plan.missing)])
    missing = missing_datasets(study, place.home)
    if as_json:
        listed = [{"dataset": need.name, "command": command} for need, command in missing.items()]
        document = {
            "study": study.name,
            "unseen": list(study.unseen),
            "missing": listed,
            "cells": study.cells(),
            **plan.document(),
        }
        document |= {"until_decided": expected.document()} if expected else {}
        document |= {"tries": tries, "tune": study.tune} if study.tune else {}
        document |= {"networks_to_time": to_time} if study.budget.get("latency") else {}
        echo(json.dumps(document, indent=2))
        return
    print_table(HEADING, rows(plan))
    echo(f"\n{study.name}: {summary(plan)}")
    if study.unseen:
        runs = [*plan.stored, *(run for run, _ in plan.missing)]
        beside = sum(run.dataset in study.unseen for run in runs)
        echo(f"{beside} of them on {', '.join(study.unseen)}, which no choice and no score sees")
    if study.tune:
        unknown = any(run.is_try for run, _ in plan.missing)
        more = "; which go on, and what is chosen, is not known before" if unknown else ""
        echo(f"{counted(tries, 'of them is a try', 'of them are tries')}, {rungs_in_words(study.tune)}{more}")
    if to_time:
        echo(f"{counted(to_time, 'network is', 'networks are')} timed in ONNX Runtime before anything is trained")
    for line in [*elsewhere(plan), *(expected.lines() if expected else [])]:
        echo(line)
    for need, command in missing.items():
        echo(f"{need.name} is not prepared: {command}")


def _print(found: Ablation, as_json: bool) -> None:
    """The table and the answer, or the document; then what to know about them."""
    if as_json:
        echo(json.dumps(found.document, indent=2))
    else:
        print_scores(found, "difference")
        if said := [each for each in (found.study.question, found.answer_here) if each]:
            echo("\n" + "\n".join(said))
        print_gains(found.document["unseen"])
        print_tuning(found.tuning, found.study.metric.words)
    if found.judgement:
        echo(str(found.judgement), err=True)
    for warning in found.document["warnings"]:
        echo(f"warning: {warning}", err=True)
    for failure in found.failed:
        echo(f"failed: {failure}", err=True)
