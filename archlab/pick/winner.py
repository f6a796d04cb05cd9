"""The winner's own training: a learning rate that suits it, then as long as there is time, with several seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from archlab.foundation import UserError
from archlab.foundation.words import counted, counted_between
from archlab.pick.candidates import Candidate
from archlab.pick.decisions import Decisions
from archlab.pick.lengths import Lengths, epochs_of, most_steps
from archlab.pick.recipe import LIKE
from archlab.pick.standing import error_between
from archlab.pick.trainer import Attempt, Trainer
from archlab.runs import Run
from archlab.training.reading import load_recipe

RATES = 2.0, 0.5  # times the recipe's
STRONGER = {"crop": {"scale": [0.4, 1.0]}, "randaugment": {"operations": 1, "magnitude": 7}}
MANY_EPOCHS = 50  # of which stronger augmentation is worth it
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
    """Tries other learning rates for as many steps as the last rung of the race, with its first seed; keeps one that is worth
    more by a standard error. None where that does not fit into the time.

    Raises Interrupted after Ctrl-C.
    """
    plain = trainer.run(winner, steps, 0)
    own = trainer.attempts.get(plain.key)
    if own is None:  # it failed, with another seed it did not
        return
    runs = [trainer.run(winner, steps, 0, lr=plain.recipe["lr"] * factor) for factor in RATES]

    def affordable() -> int:
        lengths = Lengths(trainer).learn([plain])
        if lengths.wall([plain]) > seconds:
            return 0
        lengths.learn(runs)
        return next((count for count in range(len(runs), 0, -1) if lengths.wall(runs[:count]) <= seconds), 0)

    count = decisions.decide("tune", affordable)
    if not count:
        return
    what = f"{winner.name}: {counted(count, 'other learning rate')}"
    try:
        there = [own, *trainer.train(what, [(winner, run) for run in runs[:count]])]
    except UserError:  # a high rate may diverge
        if trainer.settings.fail_fast:
            raise
        return
    training.tuned["lr"] = [
        {"model": winner.name, "value": each.run.recipe["lr"], "worth": trainer.value(each)} for each in there
    ]
    best = max(there, key=lambda each: each.worth)
    if best.worth - own.worth > error_between(own, best, trainer):
        training.changes["lr"] = best.run.recipe["lr"]


def train_long(
    finalists: Sequence[Candidate],
    trainer: Trainer,
    decisions: Decisions,
    seconds: float,
    training: Training,
    least: dict[str, int],
) -> None:
    """Trains the first of the finalists with what was chosen for it, and the others beside it, each as long as there is time:
    as many trainings as there are workers, with several seeds where there are more of these than finalists. Where that is
    MANY_EPOCHS, every other training has stronger augmentation, the leader's first not and the second's first. Nobody is
    trained for no more steps than in `least`, but for who had the most steps that any training is worth there.

    Raises Interrupted after Ctrl-C, when those that have finished are noted too.
    """
    by_name = {each.name: each for each in finalists}
    leader = finalists[0].name

    def plain(name: str, steps: int, seed: int, **more: Any) -> Run:
        changes = training.changes if name == leader else {}
        return trainer.run(by_name[name], steps, seed, **changes, **more)

    def run(name: str, steps: int, seed: int) -> Run:
        found = plain(name, steps, seed)
        is_other = (list(by_name).index(name) + seed) % 2
        if not is_other or epochs_of(trainer, found) < MANY_EPOCHS:
            return found
        return plain(name, steps, seed, augment=_stronger(found.recipe["augment"]))

    def planned() -> dict[str, Any]:
        runs = {name: plain(name, 1, 0) for name in by_name}
        lengths, most = Lengths(trainer).learn(runs.values()), most_steps(trainer, runs[leader])
        # several rounds, where each training can have the most steps
        rounds = int(seconds / lengths.wall([plain(leader, most, 0)])) or 1
        rounds = min(rounds, math.ceil(MOST_SEEDS * len(runs) / lengths.workers))
        for count in (max(rounds * lengths.workers, FEWEST), 1):
            share = seconds / math.ceil(count / lengths.workers)
            steps = {name: lengths.steps(each, share, min(least[name] + 1, most), most) for name, each in runs.items()}
            going = [name for name, found in steps.items() if found]
            if steps[leader]:
                trainings = [(going[at % len(going)], at // len(going)) for at in range(count)]
                return {"steps": steps, "trainings": [each for each in trainings if each[1] < MOST_SEEDS]}
        return {"steps": {}, "trainings": []}

    plan = decisions.decide("long", planned)
    trainings = [(name, seed) for name, seed in plan["trainings"] if name in by_name]  # a finalist then may be none now
    wanted = [(by_name[name], run(name, plan["steps"][name], seed)) for name, seed in trainings]
    if wanted:
        names = dict.fromkeys(name for name, _ in trainings)
        steps = counted_between([plan["steps"][name] for name in names], "step")
        what = f"{', '.join(names)}: {steps}, {counted(len(wanted), 'training')}"
        try:
            trainer.train(what, wanted)
        finally:  # after Ctrl-C too
            training.seeds = [trainer.attempts[run.key] for _, run in wanted if run.key in trainer.attempts]


def is_stronger(run: Run) -> bool:
    """Whether it has the stronger augmentation."""
    return bool(run.recipe["augment"]["randaugment"])


def alike(attempts: Sequence[Attempt]) -> list[Attempt]:
    """Those with the augmentation of the best of them: others cannot be told from it by their seeds."""
    best = max(attempts, key=lambda each: each.worth)
    return [each for each in attempts if is_stronger(each.run) == is_stronger(best.run)]


def to_ship(attempts: Iterable[Attempt], training: Training, trainer: Trainer) -> Attempt:
    """What is best on validation images, of equals the one that was trained longest; of the long training where that is no more
    than a standard error behind, since the best of many short ones is flattered."""
    best = max(attempts, key=lambda each: (each.worth, each.steps))
    trained = max(training.seeds, key=lambda each: each.worth, default=None)
    if trained is None:
        return best
    behind = best.worth - trained.worth
    return trained if behind <= error_between(best, trained, trainer) else best


def _stronger(augment: dict[str, Any]) -> dict[str, Any]:
    """This augmentation, and more."""
    stronger = {"shift": augment["shift"], "flip": augment["flip"], **STRONGER}
    found: dict[str, Any] = load_recipe({"like": LIKE, "augment": stronger}).canonical()["augment"]
    return found
