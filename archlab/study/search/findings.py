"""What a search found, as one JSON document, and as files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial

from archlab.foundation import write_atomically
from archlab.runs import Store
from archlab.study.ablation import Ablation
from archlab.study.search.beginning import Basis
from archlab.study.search.designs import Designs
from archlab.study.search.finale import Finalist, fidelity, finalists, judge, rival
from archlab.study.search.rungs import LEAST_CORRELATION, agreement, says_enough
from archlab.study.search.second_objective import second_objective
from archlab.study.search.trials import Trials, has_failed, number
from archlab.study.search.winner import architecture_yaml, at_width

WINNER = "winner.yaml"


@dataclass(frozen=True)
class Cost:
    """Seconds: of CPU time in this process (sampling, budget solving, storage, scores, what it shows), and of wall time; and
    how many runs were trained now."""

    coordinating: float
    wall: float
    computed: int


def document(
    final: Ablation,
    designs: Designs,
    basis: Basis,
    trials: Trials,
    store: Store,
    spent: Callable[[], Cost],
    exhausted: bool,
) -> dict[str, Any]:
    """Ablation's document and: search (order of the datasets, rungs, fidelity), trials, finalists, best, pareto, cost.

    `spent` is asked last, when all the rest is there.
    """
    chosen = finalists(trials, designs.study.search.finalists)
    judged = judge(final, basis, chosen, designs.study.name)
    described = [_finalist(each, final, trials) for each in judged]
    file = str(store.home / "studies" / final.study.name / WINNER)
    best = {**described[0], "file": file} if described and judged[0].validation else None
    table = final.document
    about = _search(designs, basis, trials, exhausted)
    about |= {"fidelity_rank_correlation": fidelity(final, basis, judged), "rival": rival(final)}
    found = {
        **table,
        "warnings": [*_warnings(about), *table["warnings"]],
        "search": about,
        "trials": [_trial(trial, designs) for trial in trials.history()],
        "finalists": described,
        "best": best,
        "pareto": [number(trial) for trial in trials.study.best_trials] if len(trials.study.directions) > 1 else None,
        "cost": _training_cost(final, trials, store, designs),
    }
    cost, training = spent(), found["cost"]["training_seconds"]["all"]
    found["computed"] = cost.computed
    found["cost"] |= {
        "coordinating_seconds": cost.coordinating,
        "coordinating_share": cost.coordinating / training if training else None,
        "wall_seconds": cost.wall,
    }
    return found


def save(name: str, found: dict[str, Any], designs: Designs, trials: Trials, store: Store) -> Path:
    """Writes search.json and winner.yaml to `<home>/studies/<name>/`, beside what ablation writes there."""
    place = store.home / "studies" / name
    texts = {"search.json": json.dumps(found, indent=1)}
    if found["best"]:
        texts[WINNER] = _winner(found["best"], designs, trials)
    for name, text in texts.items():
        with write_atomically(place / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return place


def _winner(best: dict[str, Any], designs: Designs, trials: Trials) -> str:
    trial = _trial_of(best["trial"], trials)
    design = designs.sample(lambda variable: trial.params[variable.name])
    comment = (
        f"{design.name}\nat width {design.width:g}: {design.cost.params:,} parameters at {designs.classes} classes"
    )
    return architecture_yaml(at_width(design.architecture, design.width, best["model"]), comment)


def _rungs(basis: Basis, trials: Trials) -> list[dict[str, Any]]:
    """Of each rung: after how many datasets, how well its order agrees with the final one, and whether it stops designs."""
    return [{"after": place, **_judged(basis, place, trials)} for place in basis.rungs.places]


def _halfway(basis: Basis, trials: Trials) -> dict[str, Any] | None:
    """The same of the middle of the first run."""
    if basis.halfway is None:
        return None
    return {"dataset": basis.halfway.dataset, "epoch": basis.halfway.epoch, **_judged(basis, 0, trials)}


def _judged(basis: Basis, place: int, trials: Trials) -> dict[str, Any]:
    came = basis.came(place, trials.history())
    correlation = agreement(came)
    complete = sum(final is not None for _, final in came)
    return {"rank_correlation": correlation, "designs": complete, "stops": says_enough(correlation)}


def _warnings(search: dict[str, Any]) -> list[str]:
    said = [
        f"pruning is off after {rung['after']} of {len(search['datasets'])} datasets: the order of designs there agrees too "
        f"little with the final one (rank correlation {rung['rank_correlation']:.2f}, under {LEAST_CORRELATION:g})"
        for rung in search["rungs"]
        if not rung["stops"]
    ]
    middle = search["halfway"]
    if middle and not middle["stops"]:
        said.append(
            f"designs are not stopped after epoch {middle['epoch']} of their first run: the order there agrees too little with "
            f"the final one (rank correlation {middle['rank_correlation']:.2f}, under {LEAST_CORRELATION:g})"
        )
    if search["weak"]:
        said.append(
            f"the search did not look at {', '.join(search['weak'])}: the references differ there by less than twice the "
            "deviation that so few validation images have by chance"
        )
    if search["exhausted"]:
        said.append("the search ended early: no design of the space is left that keeps the budget and was not tried")
    return said


def _search(designs: Designs, basis: Basis, trials: Trials, exhausted: bool) -> dict[str, Any]:
    reference, xscore = basis.best
    return {
        "storage_study": trials.study.study_name,
        "frame": basis.rungs.frame.document(),
        "datasets": list(basis.rungs.order),
        "subset": basis.subset,
        "weak": list(basis.weak),
        "best_reference": {"model": reference, "xscore": xscore},
        "references": {name: basis.score(each) for name, each in basis.references.items()},
        "halfway": _halfway(basis, trials),
        "rungs": _rungs(basis, trials),
        "second_objective": second_objective(designs.study),
        "exhausted": exhausted,
    }


def _trial(trial: FrozenTrial, designs: Designs) -> dict[str, Any]:
    attributes = trial.user_attrs
    names = (
        "width",
        "params",
        "macs",
        "latency_ms",
        "xscore",
        "mean",
        "variance",
        "halfway",
        "accuracies",
        "runs",
        "seconds",
        "failed",
    )
    return {
        "number": number(trial),
        "state": "failed" if has_failed(trial) else trial.state.name.lower(),
        "known": "known" in attributes,
        "model": attributes.get("model"),
        "values": trial.params,
        **{name: attributes.get(name) for name in names},
    }


def _trial_of(design: int, trials: Trials) -> FrozenTrial:
    return next(trial for trial in trials.history() if number(trial) == design)


def _finalist(finalist: Finalist, final: Ablation, trials: Trials) -> dict[str, Any]:
    trial = _trial_of(finalist.trial, trials)
    model = next(model for model in final.study.models if model.name == finalist.name)
    return {
        "model": finalist.name,
        "trial": finalist.trial,
        "name": trial.user_attrs["model"],
        "values": trial.params,
        "options": model.options,
        "width": model.width,
        "params": model.cost["params"],
        "macs": model.cost["macs"],
        "found": finalist.found,
        "validation": finalist.validation,
        "test": finalist.test,
        "against": finalist.against,
        "survived": finalist.survived,
    }


def _training_cost(final: Ablation, trials: Trials, store: Store, designs: Designs) -> dict[str, Any]:
    """All seconds of training that the result rests on, whenever they were spent."""
    own = {key: seconds for trial in trials.history() for key, seconds in _seconds(trial).items()}
    reference_keys = {
        designs.run(designs.reference(each), name).key
        for each in designs.study.compare
        for name in designs.study.suite.datasets
    }
    later = {run.key for run in final.runs} - set(own) - reference_keys
    parts = {
        "references": _stored_seconds(store, reference_keys),
        "trials": sum(own.values()) + sum(_seconds_of_stopped_run(trial) for trial in trials.history()),
        "finale": _stored_seconds(store, later),
    }
    return {
        "trials": trials.tried(),
        "runs": len(own) + len(reference_keys) + len(later),
        "training_seconds": {**parts, "all": sum(parts.values())},
    }


def _seconds(trial: FrozenTrial) -> dict[str, float]:
    runs, seconds = trial.user_attrs.get("runs", {}), trial.user_attrs.get("seconds", {})
    return {runs[dataset]: seconds[dataset] for dataset in runs}


def _seconds_of_stopped_run(trial: FrozenTrial) -> float:
    """Of one that was stopped half-way, and so is not stored."""
    attributes = trial.user_attrs
    return attributes["halfway"]["seconds"] if "halfway" in attributes and not attributes.get("runs") else 0.0


def _stored_seconds(store: Store, keys: set[str]) -> float:
    return sum(document["seconds"] for key in keys if (document := store.get(key)))
