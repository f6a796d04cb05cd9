"""`archlab build`: assemble every model of a study, count it, hold it against the budget."""

from __future__ import annotations

import json
import multiprocessing
import signal
import traceback
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from archlab.cli.options import JSON, STORE
from archlab.cli.overriding import overridden, override_options, spec_option
from archlab.cli.streams import echo
from archlab.cli.tables import print_table
from archlab.foundation import home_to_read
from archlab.foundation.machine import core_count
from archlab.foundation.words import in_kib

if TYPE_CHECKING:
    from archlab.architecture import InputSpec
    from archlab.budget import Budget, Cost
    from archlab.study.design import Design, Designer
    from archlab.study.latency import Timed
    from archlab.study.study import Study

ENOUGH = 0.95  # of the budget; a model that uses less is remarked on
WIDE = 1.5  # spread of the multiply-accumulates over the compared models that is warned of


@click.command()
@spec_option(required=True)
@override_options
@STORE
@JSON
def build(
    spec: str,
    suite: str | None,
    datasets: str | None,
    recipe: str | None,
    seeds: str | None,
    store: str | None,
    as_json: bool,
) -> int:
    """Assemble every model of a study, count it, hold it against the budget.

    Parameters are counted at the most classes and MACs at the highest resolution of the suite's datasets. A model that has
    another form on a dataset is listed again in that form, `MODEL on DATASET`. Warns where the most
    costly model has more than 1.5 times the MACs of the least. Ends with 1 where a model is above a budget that widths are not
    fitted to, or a variant above a limit of latency, which is measured here. How models are trained is checked as `ablate` does
    it, but for weights to start from that a file or a package has.
    """
    from archlab.deploy.extras import require
    from archlab.study.design import Designer
    from archlab.study.latency import LIMITED
    from archlab.study.loading import load_study
    from archlab.study.trainable import check_training

    place = home_to_read(store)
    study = load_study(overridden(spec, suite=suite, datasets=datasets, recipe=recipe, seeds=seeds), home=place)
    if study.budget.latency:
        require("onnx", LIMITED, study.budget_where)
    designer = Designer(study, place)
    study = designer.study  # its budget settled
    designs, inputs = designer.designs(), designer.input
    check_training(designer, designs)
    found = [model for design in designs for model in _with_forms(designer, design)]
    costs = _verified(found, inputs)
    timed = _timed(designer, designs)
    if as_json:
        echo(json.dumps(_document(study, found, costs, inputs, timed), indent=2))
    else:
        _print(study, found, costs, inputs, _extremes(designs), timed)
    for model in found:
        for remark in _remarks(model, costs[model.name], study.budget, inputs, timed):
            echo(f"note: {model.name}: {remark}", err=True)
    _print_warning(study, *_extremes(designs))
    above = [model.name for model in found if not study.budget.allows(costs[model.name])]
    return 1 if (above and study.budget.fit == "none") or (timed and timed.refused) else 0


def _timed(designer: Designer, designs: list[Design]) -> Timed | None:
    from archlab.runs import Store
    from archlab.study.latency import timed
    from archlab.study.settling import settle

    if not designer.study.budget.latency:
        return None
    return timed(settle(designer, designs, None), Store(designer.home), announce=lambda words: echo(words, err=True))


def _with_forms(designer: Designer, design: Design) -> list[Design]:
    """The design, and after it those of its other forms, each called after its dataset."""
    from archlab.study.resolved import form_name

    forms = designer.forms(design).items()
    return [design, *(form.renamed(form_name(design.name, dataset)) for dataset, form in forms)]


def _verified(found: list[Design], inputs: InputSpec) -> dict[str, Cost]:
    """Costs by name, in processes that are forked so that torch is imported once."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    workers = min(len(found), core_count())
    with ProcessPoolExecutor(workers, multiprocessing.get_context("fork"), _start_worker) as pool:
        costs = pool.map(_verify, found, [inputs] * len(found))
        progress = track(
            costs, "Assembling", len(found), console=console, transient=True, disable=not console.is_terminal
        )
        return {model.name: cost for model, cost in zip(found, progress, strict=True)}


def _start_worker() -> None:
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's affair
    torch.set_num_threads(1)


def _verify(model: Design, inputs: InputSpec) -> Cost:
    """The model's cost by closed form, after assembling it and counting it again with fvcore.

    Raises UserError where code of the user's own fails or costs something else, RuntimeError where archlab miscounts.
    """
    from archlab.architecture import build_model
    from archlab.architecture.own_blocks import own_blocks_of
    from archlab.budget import measure
    from archlab.budget.closed_form import check_own_code
    from archlab.foundation import UserError

    counted = model.cost
    resolution = inputs.resolution or model.architecture.resolution
    try:
        measured = measure(build_model(model.architecture, inputs, model.width), resolution)
    except Exception as error:
        passed = {frame.filename for frame in traceback.extract_tb(error.__traceback__)}
        if isinstance(error, UserError) or passed.isdisjoint(own_blocks_of(model.architecture)):
            raise
        raise UserError(f"{model.name}: {type(error).__name__}: {error}") from error
    if counted != measured:
        check_own_code(model.architecture, inputs, model.width)
        message = f"{model.name} is miscounted: the closed form gives {counted}, fvcore {measured}"
        if own_blocks_of(model.architecture):
            raise UserError(
                f"{message}; a block of your own has a wrong `tally`, or shares something with another, which cannot be counted"
            )
        raise RuntimeError(message)
    return counted


def _document(
    study: Study, found: list[Design], costs: dict[str, Cost], inputs: InputSpec, timed: Timed | None
) -> dict[str, Any]:
    budget: dict[str, Any] = {"params": study.budget.params, "of": study.budget.of, **study.budget.limits()}
    listed = []
    for model in found:
        cost = asdict(costs[model.name]) | {"flash": costs[model.name].flash}
        del cost["macs_deployed"]
        latency = {"latency_ms": timed.milliseconds[model.name]} if timed else {}
        within = study.budget.allows(costs[model.name]) and (not timed or timed.allows(model.name))
        about = {"name": model.name, "role": model.role, **cost, **latency, "width": model.width}
        listed.append({**about, "within_budget": within})
    budget |= {"latency_ms": timed.limit, "latency_measured_on": timed.hardware} if timed else {}
    budget |= {"classes": inputs.num_classes, "resolution": inputs.resolution}
    return {"study": study.name, "budget": budget, "models": listed}


def _print(
    study: Study,
    found: list[Design],
    costs: dict[str, Cost],
    inputs: InputSpec,
    extremes: tuple[Design, Design],
    timed: Timed | None,
) -> None:
    heads = ["params", "no classifier", "deployed", "MACs", "activations", "peak memory"]
    heads += ["latency"] if timed else []
    rows = [_row(model, costs[model.name], study.budget, timed) for model in found]
    print_table(("model", "role", "width", *heads, "used", "within"), rows)
    of = f" as {study.budget.of}" if study.budget.params or study.budget.macs else ""
    echo(f"\nBudget: {study.budget}{of}; counted at {inputs.num_classes} classes and {inputs.resolution} pixels")
    if timed:
        echo(f"Latency: of one image in float, measured on {timed.hardware or 'this machine'}")
    least, most = extremes
    if least is not most:
        spread = most.cost.macs / least.cost.macs
        echo(f"MACs: {least.cost.macs:,} ({least.name}) to {most.cost.macs:,} ({most.name}), a spread of {spread:.2f}")
    for model in found:
        if costs[model.name].params_deployed < costs[model.name].params:
            echo(f"{model.name} {_deployed(costs[model.name])}")


def _row(model: Design, cost: Cost, budget: Budget, timed: Timed | None) -> list[Any]:
    within, shares = budget.allows(cost), [budget.share(cost) or 0.0]
    cells = [model.name, model.role, model.width, cost.params, cost.params_without_classifier, cost.params_deployed]
    cells += [cost.macs, cost.activations, in_kib(cost.peak_memory)]
    if timed:
        milliseconds = timed.milliseconds[model.name]
        cells.append(f"{milliseconds:.2f} ms" if milliseconds else "-")
        shares.append((milliseconds or 0.0) / timed.limit)
        within = within and timed.allows(model.name)
    used = max(shares)
    return [*cells, f"{used:.1%}" if used else None, "yes" if within else "NO"]


def _extremes(found: list[Design]) -> tuple[Design, Design]:
    """The compared models with the fewest and the most multiply-accumulates."""
    from archlab.study.design import RAW

    compared = [model for model in found if not model.name.endswith(RAW)]
    ordered = sorted(compared, key=lambda model: model.cost.macs)
    return ordered[0], ordered[-1]


def _print_warning(study: Study, least: Design, most: Design) -> None:
    if most.cost.macs <= WIDE * least.cost.macs:
        return
    way = "" if study.budget.second else "; `fit: {params: width, macs: depth}` with a budget of macs matches both"
    echo(
        f"warning: compute differs: {most.name} has {most.cost.macs / least.cost.macs:.1f} times the multiply-accumulates of "
        f"{least.name}{way}",
        err=True,
    )


def _deployed(cost: Cost) -> str:
    return (
        f"has {cost.params:,} parameters and {cost.macs:,} MACs as trained and deploys to {cost.params_deployed:,} and "
        f"{cost.macs_deployed:,}: its branches merge"
    )


def _remarks(model: Design, cost: Cost, budget: Budget, inputs: InputSpec, timed: Timed | None) -> Iterator[str]:
    from archlab.study.latency import beyond

    if remark := _remark(model, cost, budget, inputs):
        yield remark
    if timed and not timed.allows(model.name):
        what = "" if model.name in timed.refused else ", and would be trained all the same"
        yield f"{beyond(timed.milliseconds[model.name], timed.limit)}{what}"


def _remark(model: Design, cost: Cost, budget: Budget, inputs: InputSpec) -> str | None:
    """What to know about a model far from the budget: the width that would be nearer."""
    from archlab.budget import count, fit_width
    from archlab.foundation import UserError

    used = budget.share(cost)
    if used is None or ENOUGH <= used <= 1 or (budget.fit == "width" and model.kind == "raw"):
        return None
    if budget.second:
        return f"uses {used:.1%} of the budget, {budget.describe(cost)}: no form of it comes nearer"
    if budget.fit == "width":
        step = round(model.width + 0.001, 3)
        wider = count(model.architecture, inputs, step)
        if budget.allows(wider):
            return f"uses {used:.1%} of the budget: widths of hundreds keep it too, so it stays as published"
        return f"uses {used:.1%} of the budget: the next width, {step:g}, would need {budget.describe(wider)}"
    try:
        width = fit_width(model.architecture, inputs, budget)
    except UserError as error:
        return error.message
    return f"uses {used:.1%} of the budget: width {width:g} would be the largest within it"
