"""A pick as plain JSON values, without what its folder adds: files and tests."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from archlab.deploy.finding import WINNER
from archlab.forecast.costs import hardware
from archlab.foundation import with_store
from archlab.foundation.words import counted
from archlab.pick.candidates import Candidate
from archlab.pick.card_words import NO_TIME
from archlab.pick.decisions import Decisions
from archlab.pick.folder import RECIPE
from archlab.pick.state import State
from archlab.pick.tested import ACCURACY, share
from archlab.pick.trainer import SPLIT, Trainer
from archlab.pick.winner import is_stronger
from archlab.study.measuring import value_of

VERSION = 1
DIGITS = 12  # of a key


def document(state: State, trainer: Trainer, decisions: Decisions) -> dict[str, Any]:
    """What is known when the network to be shipped has been chosen."""
    from archlab import __version__

    request, resolution = state.request, state.resolution
    assert state.chosen
    stored = trainer.store.get(state.chosen.run.key)
    assert stored
    mode = stored["mode"]
    return {
        "version": VERSION,
        "archlab": __version__,
        "command": request.command,
        "hardware": ", ".join(hardware()),
        "started": decisions.started,
        "seconds": decisions.seconds,
        "within": request.within,
        "ended": "interrupted" if state.interrupted else "failed" if state.failed else "finished",
        "early": _early(state),
        "data": state.described.facts,
        "limits": request.limits,
        "metric": request.metric,
        "resolution": resolution.document() if resolution else None,
        "raced": state.race.is_race,
        "rungs": _rungs(state),
        "candidates": _candidates(state, trainer),
        "failed": [{"model": model, "cause": cause} for model, cause in trainer.failed],
        "left_out": [{"model": each.name, "why": each.reason} for each in state.left_out],
        "runner_up": _runner_up(state),
        "training": _training(state, trainer),
        "validation": _validation(state, trainer),
        "repeat": _repeat(state, trainer.store.home, mode),
        "repeats_exactly": mode["deterministic"],
    }


def _early(state: State) -> str | None:
    """Why there is less than there could be."""
    if state.interrupted == "training":
        return "It was interrupted: this is the best until then, after part of the time."
    reasons = []
    if state.failed:
        reasons.append(f"It ended early, and this is the best until then: {state.failed}.")
    if state.interrupted:
        how = "no other way of quantising than the first was tried"
        reasons.append(f"It was interrupted while its files were written: {how}.")
    return " ".join(reasons) or None


def _rungs(state: State) -> list[dict[str, Any]]:
    """Of each its models and, by model, their steps and seeds."""
    return [
        {**rung, "seeds": dict(zip(stands.models, stands.seeds, strict=True))}
        for rung, stands in zip(state.race.rungs, state.race.standings, strict=True)
    ]


def _candidates(state: State, trainer: Trainer) -> list[dict[str, Any]]:
    """Best first: by the rung that they came to, then by what they were worth there."""
    found = [_candidate(each, state, trainer) for each in state.candidates]
    sign = 1 if trainer.metric.higher_is_better else -1
    return sorted(found, key=lambda each: (-each["rung"], -sign * (each["value"] or 0.0)))


def _candidate(candidate: Candidate, state: State, trainer: Trainer) -> dict[str, Any]:
    cost, name = candidate.model.cost, candidate.name
    told = {
        "model": name,
        "params": cost["params"],
        "macs": cost["macs"],
        "width": candidate.model.width,
        "prior": candidate.prior and candidate.prior.score,
        "rung": 0,
        "value": None,
        "seeds": 0,
        "search": candidate.search,
        "latency_ms": candidate.milliseconds,
        "out": state.race.out.get(name),
    }
    assert state.chosen
    ships = name == state.chosen.candidate.name
    if name not in state.race.reached:
        out = told["out"] or dict(trainer.failed).get(name) or _untried(name, state, trainer)
        return {**told, "out": None if ships else out}
    rung = state.race.reached[name]
    standing = state.race.standings[rung - 1]
    at = standing.models.index(name)
    worth = standing.worth[at] if trainer.metric.higher_is_better else -standing.worth[at]
    out = None if ships else told["out"] or _outdone(name, state, trainer)
    return {**told, "rung": rung, "value": worth, "seeds": standing.seeds[at], "out": out}


def _untried(name: str, state: State, trainer: Trainer) -> str:
    early = "the interruption" if state.interrupted == "training" else "something failed" if state.failed else ""
    if not early:
        return NO_TIME
    tried = name in {each.candidate.name for each in trainer.attempts.values()}
    return f"not all like it were trained before {early}" if tried else f"not tried before {early}"


def _outdone(name: str, state: State, trainer: Trainer) -> str:
    """Why a candidate that did not go out before the end does not ship."""
    rung, rungs = state.race.reached[name], state.race.rungs
    standing = state.race.standings[rung - 1]
    if standing.models.index(name):
        when = "in the end" if rung == len(rungs) else f"after {counted(rungs[rung - 1]['steps'][name], 'step')}"
        return f"{trainer.told(standing.behind(name)[0])} behind {when}"
    if rung < len(rungs):
        return "worth less in the end, with other augmentation"
    return "better on average, but the best single network is not one of it"


def _runner_up(state: State) -> dict[str, Any] | None:
    """The best of the others, held against what ships, at the last rung that had both; it may be ahead."""
    assert state.chosen
    ships = state.chosen.candidate.name
    rungs = zip(state.race.rungs, state.race.standings, strict=True)
    met = [each for each in rungs if ships in each[1].models and len(each[1].models) > 1]
    if not met:
        return None
    rung, last = met[-1]
    model = next(each for each in last.models if each != ships)
    difference, low, high = last.interval(model, ships)
    seeds = max(last.seeds[last.models.index(each)] for each in (ships, model))  # those of one tell the noise of both
    steps = {each: rung["steps"][each] for each in (ships, model)}
    return {"model": model, "difference": difference, "low": low, "high": high, "seeds": seeds, "steps": steps}


def _training(state: State, trainer: Trainer) -> dict[str, Any]:
    chosen, training = state.chosen, state.training
    assert chosen
    attempts = training.seeds if chosen in training.seeds else [*training.seeds, chosen]
    return {
        "model": chosen.candidate.name,
        "steps": chosen.steps,
        "recipe": chosen.run.recipe,
        "tuned": training.tuned,
        "started_from": chosen.candidate.started_from,
        "seeds": [
            {
                "model": each.candidate.name,
                "seed": each.run.seed,
                "key": each.run.key,
                "steps": each.steps,
                "augmentation": "stronger" if is_stronger(each.run) else "plain",
                "value": trainer.value(each),
            }
            for each in attempts
        ],
        "chosen": chosen.run.key,
        "value": trainer.value(chosen),
        "trainings": sum(map(state.may_ship, trainer.attempts.values())),
        "long": bool(training.seeds),
    }


def _validation(state: State, trainer: Trainer) -> dict[str, Any]:
    """How often what ships is right on the images that it was chosen by, whatever the metric."""
    assert state.chosen
    stored, images = trainer.store.get(state.chosen.run.key), state.described.facts["images"][SPLIT]
    assert stored
    accuracy = value_of(stored, ACCURACY, SPLIT, trainer.store)
    assert accuracy is not None
    return {"images": images, "accuracy": share(round(accuracy * images), images)}


def _repeat(state: State, home: Path, mode: dict[str, Any]) -> list[str]:
    """The commands that train the very network again, and write its file."""
    assert state.chosen
    exact = " --deterministic" if mode["device"] == "cuda" and mode["deterministic"] else ""
    folder, run = state.request.output, state.chosen.run
    files = [in_shell(folder / name) for name in (WINNER, RECIPE)]
    train = (
        f"archlab train {files[0]} --dataset {shlex.quote(run.dataset)} --recipe {files[1]} --seed {run.seed}{exact}"
    )
    export = f"archlab export {run.key[:DIGITS]} --output {shlex.quote(f'{run.dataset}.onnx')}"
    return [with_store(command, home) for command in (train, export)]


def in_shell(path: Path) -> str:
    """As an argument that no command takes for an option."""
    return shlex.quote(f"./{path}" if str(path).startswith("-") else str(path))
