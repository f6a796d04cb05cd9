"""What a search found, as one JSON document, and as files."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from optuna.trial import FrozenTrial

from archlab.architecture.writing import at_width
from archlab.deploy.finding import WINNER
from archlab.deploy.timing import on_cpu
from archlab.deploy.winner import save_winner
from archlab.foundation import write_file
from archlab.foundation.checksums import noting_checksums
from archlab.runs import Store
from archlab.study.ablation import Ablation
from archlab.study.gains import design_gains
from archlab.study.scored import SPLIT as TEST
from archlab.study.search.basis import Basis, reference_runs
from archlab.study.search.designs import Designs
from archlab.study.search.final import Finalist, fidelity, judge, rival
from archlab.study.search.rungs import trials_at
from archlab.study.search.trials import Trials, accuracies, has_failed, is_above, number

ATTRIBUTES = (
    "width",
    "params",
    "macs",
    "peak_memory",
    "latency_ms",
    "xscore",
    "mean",
    "variance",
    "middle",
    "accuracies",
    "runs",
    "seconds",
    "failed",
)
TRIAL = ("number", "state", "known", "model", "values", *ATTRIBUTES)


def document(
    final: Ablation,
    chosen: list[FrozenTrial],
    designs: Designs,
    basis: Basis,
    trials: Trials,
    exhausted: bool,
) -> dict[str, Any]:
    """Ablation's document, its `unseen` that of the finalists, and: search (order of the datasets, rungs, fidelity), trials,
    finalists, best, pareto, cost.

    Args:
        chosen: The trials of the final table; others may have gone on with the search since.
    """
    against = rival(final)
    judged = judge(final, basis, chosen, designs.study.name)
    described = [_finalist(each, final, trials) for each in judged]
    best = {**described[0], "file": str(final.folder / WINNER)} if described and judged[0].validation else None
    about = _search(designs, basis, trials, exhausted)
    names = [each.name for each in judged]
    gains = design_gains(final.study, final.table, TEST, names, against, final.images)
    about |= {"fidelity_rank_correlation": fidelity(final, basis, judged), "rival": against}
    rows = [_trial(trial, basis) for trial in trials.history()]
    return {
        **final.document,
        "warnings": [*_warnings(about), *final.document["warnings"]],
        "search": about,
        "trials": rows,
        "finalists": described,
        "best": best,
        "unseen": gains.document() if gains else None,
        "pareto": _beaten_by_none(rows, second) if (second := designs.study.search.second_objective) else None,
        "cost": _training_cost(final, trials, designs),
    }


def save(final: Ablation, found: dict[str, Any], designs: Designs, trials: Trials) -> None:
    """Writes search.json and winner.yaml beside what ablation writes."""
    with noting_checksums(final.folder, ["search.json"]):
        write_file(final.folder / "search.json", json.dumps(found, indent=1))
    best = found["best"]
    if best:
        trial = _trial_of(best["trial"], trials)
        design = designs.sample(lambda variable: trial.params[variable.name])
        comment = (
            f"{design.name}\nat width {design.width:g}: {design.cost.params:,} parameters at {designs.classes} classes"
        )
        architecture = at_width(design.architecture, design.width, best["model"])
        runs = [run for run in final.runs if run.model == best["model"]]
        save_winner(final.folder, architecture, comment, runs, final.store)


def _rungs(basis: Basis, trials: Trials) -> list[dict[str, Any]]:
    """Of each rung: after how many datasets it is, and how many designs came there, the references among them."""
    history, references = trials.history(), len(basis.references)
    return [{"after": rung, "designs": references + len(trials_at(basis, rung, history))} for rung in basis.rungs]


def _warnings(search: dict[str, Any]) -> list[str]:
    said = []
    if search["weak"]:
        said.append(
            f"the search did not look at {', '.join(search['weak'])}: the references differ there by less than twice the "
            "deviation that so few validation images have by chance"
        )
    if search["exhausted"]:
        said.append(
            f"the search ended early: no design of the space {_left(search)} that keeps the budget and was not tried"
        )
    return said


def _left(search: dict[str, Any]) -> str:
    above = (search["latency"] or {}).get("above", 0)
    return f"is left, or is easily found beside the {above} above the limit of latency," if above else "is left"


def _search(designs: Designs, basis: Basis, trials: Trials, exhausted: bool) -> dict[str, Any]:
    reference, xscore = basis.best
    return {
        "storage_study": trials.study.study_name,
        "frame": basis.frame.document(),
        "datasets": list(basis.order),
        "subset": basis.subset,
        "weak": list(basis.weak),
        "best_reference": {"model": reference, "xscore": xscore},
        "references": basis.reference_scores,
        "middle": basis.middle and {"dataset": basis.middle.dataset, "epoch": basis.middle.epoch},
        "rungs": _rungs(basis, trials),
        "second_objective": designs.study.search.second_objective,
        "latency": _latency(designs, trials),
        "exhausted": exhausted,
    }


def _latency(designs: Designs, trials: Trials) -> dict[str, Any] | None:
    """The limit of the budget, where it was measured, and how many designs were above it and not trained."""
    limit = designs.study.budget.latency
    above = sum(map(is_above, trials.history()))
    return {"limit_ms": limit, "measured_on": on_cpu(), "above": above} if limit else None


def _trial(trial: FrozenTrial, basis: Basis) -> dict[str, Any]:
    score = basis.score(accuracies(trial))
    attributes = trial.user_attrs | (vars(score) if score else dict.fromkeys(("xscore", "mean", "variance")))
    return {
        "number": number(trial),
        "state": "failed" if has_failed(trial) else "above budget" if is_above(trial) else trial.state.name.lower(),
        "known": "known" in attributes,
        "model": attributes.get("model"),
        "values": trial.params,
        **{name: attributes.get(name) for name in ATTRIBUTES},
    }


def _beaten_by_none(rows: list[dict[str, Any]], second: str) -> list[int]:
    """The numbers of those complete trials of which none other is as good in both objectives and better in one."""
    there = [each for each in rows if each["state"] == "complete" and each["xscore"] is not None]
    points = np.array([(-each["xscore"], each[second]) for each in there]).reshape(-1, 2)
    beaten = [((points <= point).all(1) & (points < point).any(1)).any() for point in points]
    return [each["number"] for each, is_beaten in zip(there, beaten, strict=True) if not is_beaten]


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
        **{name: getattr(finalist, name) for name in ("found", "validation", "test", "against", "survived")},
    }


def _training_cost(final: Ablation, trials: Trials, designs: Designs) -> dict[str, Any]:
    """All seconds of training that the result rests on, whenever they were spent."""
    history, references = trials.history(), {run.key for run in reference_runs(designs)}
    of_trials = {key: seconds for trial in history for key, seconds in _seconds(trial).items()}
    own = {key: seconds for key, seconds in of_trials.items() if key not in references}  # a design may be one of them
    later = {run.key for run in final.runs} - set(own) - references
    parts = {
        "references": _stored_seconds(final.store, references),
        "trials": sum(own.values()) + sum(map(_seconds_of_stopped_run, history)),
        "final": _stored_seconds(final.store, later),
    }
    return {
        "trials": trials.tried(),
        "runs": len(own) + len(references) + len(later),
        "training_seconds": {**parts, "all": sum(parts.values())},
    }


def _seconds(trial: FrozenTrial) -> dict[str, float]:
    runs, seconds = trial.user_attrs.get("runs", {}), trial.user_attrs.get("seconds", {})
    return {runs[dataset]: seconds[dataset] for dataset in runs}


def _seconds_of_stopped_run(trial: FrozenTrial) -> float:
    """Of one that was stopped in the middle, and so is not stored."""
    attributes = trial.user_attrs
    return attributes["middle"]["seconds"] if "middle" in attributes and not attributes.get("runs") else 0.0


def _stored_seconds(store: Store, keys: set[str]) -> float:
    return sum(document["seconds"] for key in keys if (document := store.get(key)))
