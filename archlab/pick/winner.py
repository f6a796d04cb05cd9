"""The winner's own training: learning rate and augmentation that suit it, then as long as there is time, with several seeds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from archlab.pick.candidates import Candidate
from archlab.pick.decisions import Decisions
from archlab.pick.lengths import Lengths, longest, most_steps
from archlab.pick.standing import error_between
from archlab.pick.trainer import Attempt, Trainer
from archlab.training.reading import load_recipe

RATES = 0.5, 2.0  # times the recipe's
STRONGER = {"crop": {"scale": [0.4, 1.0]}, "randaugment": {"operations": 1, "magnitude": 7}}
FEWEST_SEEDS, MOST_SEEDS = 2, 5  # of the long training


@dataclass
class Training:
    """How the winner was trained.

    Attributes:
        changes: Of the race's recipe: what was worth more on validation images.
        tuned: By key of the recipe what was tried: values, and what each was worth.
        steps: Of the long training; 0 where there was no time for one.
        seeds: What came of it.
    """

    changes: dict[str, Any] = field(default_factory=dict)
    tuned: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    steps: int = 0
    seeds: list[Attempt] = field(default_factory=list)


def tune(
    winner: Candidate, steps: int, trainer: Trainer, decisions: Decisions, seconds: float, training: Training
) -> None:
    """Tries other values for as many steps as the last rung of the race, with its first seed, each alone; keeps what is worth
    more. None where that does not fit into the time.

    Raises Interrupted after Ctrl-C.
    """
    plain = trainer.run(winner, steps, 0)
    own = trainer.attempts[plain.key]
    ways = list(_ways(plain.recipe))
    runs = {at: trainer.run(winner, steps, 0, **changes) for at, (_, changes) in enumerate(ways)}

    def affordable() -> int:
        lengths = Lengths(trainer).learn(runs.values())
        return next(
            (
                count
                for count in range(len(ways), 0, -1)
                if all(lengths.knows(runs[at]) for at in range(count))
                and lengths.wall((runs[at], steps) for at in range(count)) <= seconds
            ),
            0,
        )

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
        training.tuned[key] = [{"value": each.run.recipe[key], "worth": trainer.value(each)} for each in there]
        best = max(there, key=lambda each: each.worth)
        if best is not own:
            training.changes[key] = best.run.recipe[key]


def train_long(
    winner: Candidate, trainer: Trainer, decisions: Decisions, seconds: float, training: Training, least: int
) -> None:
    """Trains it with what was chosen, as long as there is time: the same steps with each seed. Not where no more than `least`
    steps fit.

    Raises Interrupted after Ctrl-C.
    """
    run = trainer.run(winner, least, 0, **training.changes)

    def planned() -> dict[str, int]:
        lengths = Lengths(trainer).learn([run])
        seeds = min(max(lengths.workers, FEWEST_SEEDS), MOST_SEEDS)
        most = most_steps(trainer, run)
        for count in (seeds, 1) if least < most else ():
            steps = longest(lambda steps, n=count: lengths.wall([(run, steps)] * n), seconds, least + 1, most)  # type: ignore[misc]
            if steps:
                return {"steps": steps, "seeds": count}
        return {"steps": 0, "seeds": 0}

    plan = decisions.decide("long", planned)
    if not plan["steps"]:
        return
    training.steps = plan["steps"]
    runs = [(winner, trainer.run(winner, training.steps, seed, **training.changes)) for seed in range(plan["seeds"])]
    training.seeds = trainer.train(f"{winner.name}: {training.steps} steps, {plan['seeds']} seeds", runs)


def to_ship(trainer: Trainer, training: Training) -> Attempt | None:
    """What is best on validation images; of the long training where that is no more than a standard error behind, since the
    best of many short ones is flattered. None where nothing was trained."""
    best = trainer.best()
    trained = max(training.seeds, key=lambda each: each.worth, default=None)
    if best is None or trained is None:
        return best
    behind = best.worth - trained.worth
    return trained if behind <= error_between(best, trained, trainer.metric, trainer.store) else best


def _ways(recipe: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Other values, the most promising first."""
    stronger = {**STRONGER, "flip": recipe["augment"].get("flip", False)}
    yield "augment", {"augment": load_recipe({"like": "quick", "augment": stronger}).canonical()["augment"]}
    for factor in RATES[::-1]:
        yield "lr", {"lr": recipe["lr"] * factor}
