"""The winner's own training: learning rate and augmentation that suit it, then as long as there is time, with several seeds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from archlab.foundation.words import counted, counted_between
from archlab.pick.candidates import Candidate
from archlab.pick.decisions import Decisions
from archlab.pick.lengths import Lengths, most_steps
from archlab.pick.standing import error_between
from archlab.pick.trainer import Attempt, Trainer
from archlab.runs import Run
from archlab.training.reading import load_recipe

RATES = 0.5, 2.0  # times the recipe's
STRONGER = {"crop": {"scale": [0.4, 1.0]}, "randaugment": {"operations": 1, "magnitude": 7}}
FEWEST, MOST_SEEDS = 2, 5  # long trainings, and seeds of one model among them


@dataclass
class Training:
    """How the winner was trained.

    Attributes:
        changes: Of the race's recipe: what was worth more on validation images.
        tuned: By key of the recipe what was tried: values, and what each was worth.
        seeds: What came of the long training; none where there was no time for one.
    """

    changes: dict[str, Any] = field(default_factory=dict)
    tuned: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    seeds: list[Attempt] = field(default_factory=list)


def tune(
    winner: Candidate, steps: int, trainer: Trainer, decisions: Decisions, seconds: float, training: Training
) -> None:
    """Tries other values for as many steps as the last rung of the race, with its first seed, each alone; keeps what is worth
    more by a standard error. None where that does not fit into the time.

    Raises Interrupted after Ctrl-C.
    """
    plain = trainer.run(winner, steps, 0)
    own = trainer.attempts[plain.key]
    ways = list(_ways(plain.recipe))
    runs = [trainer.run(winner, steps, 0, **changes) for _, changes in ways]

    def affordable() -> int:
        lengths = Lengths(trainer).learn([plain])
        if lengths.wall([plain]) > seconds:
            return 0
        lengths.learn(runs)
        counts = range(len(runs), 0, -1)
        able = all(map(lengths.knows, runs))
        return next((count for count in counts if able and lengths.wall(runs[:count]) <= seconds), 0)

    count = decisions.decide("tune", affordable)
    if not count:
        return
    found = {
        each.run.key: each
        for each in trainer.train(
            f"{winner.name}: {count} other ways to train it", [(winner, runs[at]) for at in range(count)]
        )
    }
    for key in dict.fromkeys(key for key, _ in ways[:count]):
        there = [own, *(found[runs[at].key] for at in range(count) if ways[at][0] == key and runs[at].key in found)]
        training.tuned[key] = [
            {"model": winner.name, "value": each.run.recipe[key], "worth": trainer.value(each)} for each in there
        ]
        best = max(there, key=lambda each: each.worth)
        if best.worth - own.worth > error_between(own, best, trainer):
            training.changes[key] = best.run.recipe[key]


def train_long(
    finalists: Sequence[Candidate],
    trainer: Trainer,
    decisions: Decisions,
    seconds: float,
    training: Training,
    least: dict[str, int],
) -> None:
    """Trains the first of the finalists with what was chosen for it, and the others beside it, each as long as there is time:
    as many trainings as there are workers, with several seeds where there are more of these than finalists. Nobody for no
    more steps than in `least`.

    Raises Interrupted after Ctrl-C.
    """
    by_name = {each.name: each for each in finalists}
    leader = finalists[0].name

    def run(name: str, steps: int, seed: int) -> Run:
        return trainer.run(by_name[name], steps, seed, **(training.changes if name == leader else {}))

    def planned() -> dict[str, Any]:
        runs = {name: run(name, 1, 0) for name in by_name}
        lengths, most = Lengths(trainer).learn(runs.values()), most_steps(trainer, runs[leader])
        rounds = int(seconds / lengths.wall([run(leader, most, 0)])) or 1  # several, where each can have the most steps
        for count in (max(rounds * lengths.workers, FEWEST), 1):
            share = seconds / math.ceil(count / lengths.workers)
            steps = {name: lengths.steps(each, share, least[name] + 1, most) for name, each in runs.items()}
            going = [name for name, found in steps.items() if found]
            if steps[leader]:
                trainings = [(going[at % len(going)], at // len(going)) for at in range(count)]
                return {"steps": steps, "trainings": [each for each in trainings if each[1] < MOST_SEEDS]}
        return {"steps": {}, "trainings": []}

    plan = decisions.decide("long", planned)
    wanted = [(by_name[name], run(name, plan["steps"][name], seed)) for name, seed in plan["trainings"]]
    if wanted:
        names = dict.fromkeys(name for name, _ in plan["trainings"])
        steps = counted_between([plan["steps"][name] for name in names], "step")
        training.seeds = trainer.train(f"{', '.join(names)}: {steps}, {counted(len(wanted), 'training')}", wanted)


def to_ship(trainer: Trainer, training: Training) -> Attempt | None:
    """What is best on validation images; of the long training where that is no more than a standard error behind, since the
    best of many short ones is flattered. None where nothing was trained."""
    best = trainer.best()
    trained = max(training.seeds, key=lambda each: each.worth, default=None)
    if best is None or trained is None:
        return best
    behind = best.worth - trained.worth
    return trained if behind <= error_between(best, trained, trainer) else best


def _ways(recipe: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Other values, the most promising first."""
    stronger = {**STRONGER, "flip": recipe["augment"].get("flip", False)}
    yield "augment", {"augment": load_recipe({"like": "quick", "augment": stronger}).canonical()["augment"]}
    for factor in RATES[::-1]:
        yield "lr", {"lr": recipe["lr"] * factor}
