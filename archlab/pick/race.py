"""The race of the candidates: successive halving over time, then seeds for those that are not told apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from archlab.foundation import UserError
from archlab.foundation.words import counted, counted_between
from archlab.pick.candidates import Candidate
from archlab.pick.decisions import Decisions
from archlab.pick.lengths import Lengths, most_steps, steps_of
from archlab.pick.standing import Standing, standing
from archlab.pick.trainer import Attempt, Trainer
from archlab.runs import Run
from archlab.study.tries import SHORTER

FINALISTS = 3  # at the last rung; where four begin, they are all there is
FEWEST_IMAGES = 2400  # that are seen in the first rung, some of them again
MOST_SEEDS = 5  # of a finalist
AT_ONCE = 3  # seeds of a finalist, where there are workers for them
MEASURING = 0.25  # share of the race's time, after which nobody else is measured


@dataclass
class Race:
    """How it went.

    Attributes:
        rungs: Of each, how many models and seeds, and the steps of each model.
        standings: How those of each rung stand.
        reached: By model the rung that it came to, from 1.
        out: By model why it went no further.
        is_race: Whether there was one; not where there was time for no more candidates than there are workers, or GPUs.
    """

    rungs: list[dict[str, Any]] = field(default_factory=list)
    standings: list[Standing] = field(default_factory=list)
    reached: dict[str, int] = field(default_factory=dict)
    out: dict[str, str] = field(default_factory=dict)
    is_race: bool = True

    @property
    def last(self) -> Standing:
        return self.standings[-1]

    @property
    def steps(self) -> dict[str, int]:
        """Of the last rung, by model."""
        steps: dict[str, int] = self.rungs[-1]["steps"]
        return steps

    @property
    def promising(self) -> list[str]:
        """The best of the last rung, without those that are surely behind; two at least, since that is said of as many steps,
        and leads shrink and turn with more (docs/picking.md)."""
        return [model for at, model in enumerate(self.last.models) if at < 2 or model in self.last.open]

    def rung(self, attempts: Sequence[Attempt], trainer: Trainer) -> None:
        """Notes the attempts of one more rung, which were trained last."""
        self._note(attempts, trainer, len(self.rungs))

    def again(self, attempts: Sequence[Attempt], trainer: Trainer) -> None:
        """Notes that the last rung has these attempts by now."""
        self._note(attempts, trainer, len(self.rungs) - 1)

    def _note(self, attempts: Sequence[Attempt], trainer: Trainer, before: int) -> None:
        """In one go, so that an interruption finds all of it or nothing."""
        models = dict.fromkeys(each.candidate.name for each in attempts)
        seeds = -(-len(attempts) // len(models))
        steps = {each.candidate.name: each.steps for each in attempts}
        stands = standing(attempts, trainer.metric, trainer.store)
        rung = {"steps": steps, "models": len(models), "seeds": seeds}
        out = {model: cause for model, cause in trainer.just_failed.items() if model not in models}
        self.rungs, self.standings, self.reached, self.out = (
            [*self.rungs[:before], rung],
            [*self.standings[:before], stands],
            self.reached | dict.fromkeys(models, before + 1),
            out | self.out,
        )


def counts(models: int) -> list[int]:
    """How many are at each rung; the better half goes on."""
    found = [models]
    while found[-1] > FINALISTS + 1:
        found.append(max(math.ceil(found[-1] / 2), FINALISTS))
    return found


def lengths_of(rungs: int, last: int) -> list[int]:
    """Steps of each rung."""
    return [max(last // SHORTER ** (rungs - 1 - at), 1) for at in range(rungs)]


def fewest_steps(run: Run) -> int:
    """Steps of the first rung."""
    return steps_of(FEWEST_IMAGES, run)


def race(
    found: Race,
    candidates: Sequence[Candidate],
    trainer: Trainer,
    decisions: Decisions,
    seconds: float,
    show: Callable[[Race, Standing], None],
) -> list[Candidate]:
    """Races the candidates, those with the better prior first where not all can, within about so many seconds; at each rung all
    train for the same time. `found` tells at any moment how it stands.

    Returns who is to be trained for long, the best first: the leader, the second, and who is not surely behind. Where there are
    workers, or GPUs, for all that there is time to race, these, after FEWEST_IMAGES each, so that an interruption finds some.

    Raises UserError where nothing could be trained, Interrupted after Ctrl-C.
    """
    until = decisions.decide("the race ends", lambda: decisions.clock.left - seconds)

    def planned() -> dict[str, Any]:
        return _planned(candidates, trainer, decisions, seconds)

    plan = decisions.decide("race", planned)
    if not any(each.name in plan["steps"] for each in candidates):  # the weights that all started from are gone since
        plan = decisions.decide("race of others", planned)
    trainer.failed += plan["failed"].items()
    entered = {each.name: each for each in candidates if each.name in plan["steps"]}
    if not plan["seeds"]:
        found.is_race = False
        what = f"no race: all that can be tried, {', '.join(entered)}, a little first, then for long"
        steps = {name: fewest_steps(trainer.run(each, 1, 0)) for name, each in entered.items()}
        found.rung(_trained(what, list(entered.values()), steps, [0], trainer), trainer)
        return [each for name, each in entered.items() if name in found.last.models]
    rungs = counts(len(entered))
    for at, count in enumerate(rungs):
        going = list(entered.values()) if at == 0 else [entered[name] for name in _kept(found, count, trainer)]
        seeds = plan["seeds"] if at == len(rungs) - 1 else 1
        steps = {each.name: lengths_of(len(rungs), plan["steps"][each.name])[at] for each in going}
        told = f"{counted(len(going), 'candidate')}, {counted_between(steps.values(), 'step')}"
        attempts = _trained(f"race, rung {at + 1} of {len(rungs)}: {told}", going, steps, range(seeds), trainer)
        found.rung(attempts, trainer)
        show(found, found.last)
    _seeds(found, entered, attempts, trainer, decisions, until, show)
    return [entered[name] for name in found.promising]


def _planned(candidates: Sequence[Candidate], trainer: Trainer, decisions: Decisions, seconds: float) -> dict[str, Any]:
    """Who enters, and how many steps each has at the last rung: as many models as can see FEWEST_IMAGES at the first one, then
    as long as there is time, the same for all. Who trains too slowly for that is the first to go, then those with the lesser
    prior. No seeds where so few are left that all can be trained for long: as many as there are workers, of which those on one
    GPU are one, since they slow each other down."""
    before = decisions.clock.left
    lengths, able = _measured(candidates, trainer, decisions, MEASURING * seconds)
    if not able:
        raise UserError("no candidate trains on these images: `archlab train` with one of them says why")
    seconds = max(seconds - (before - decisions.clock.left), 0.0)
    fewest, most = fewest_steps(able[0]), most_steps(trainer, able[0])
    for_long = min(lengths.workers, trainer.cards or lengths.workers)
    while len(able) > for_long:
        rungs = counts(len(able))
        seeds = min(max(lengths.workers // rungs[-1], 1), AT_ONCE)
        shorter = [SHORTER ** (len(rungs) - 1 - at) for at in range(len(rungs))]  # than the last rung
        trainings = [*rungs[:-1], rungs[-1] * seeds]
        rounds = sum(math.ceil(count / lengths.workers) / by for count, by in zip(trainings, shorter, strict=True))
        least = min(fewest * shorter[0], most)
        steps = {run.model: lengths.steps(run, seconds / rounds, least, most) for run in able}
        if all(steps.values()):
            return {"steps": steps, "seeds": seeds, "failed": lengths.failed}
        slow = [run for run in able if not steps[run.model]]
        able.remove(slow[-1] if len(able) - len(slow) > for_long else able[-1])
    return {"steps": {run.model: 0 for run in able}, "seeds": 0, "failed": lengths.failed}


def _measured(
    candidates: Sequence[Candidate], trainer: Trainer, decisions: Decisions, seconds: float
) -> tuple[Lengths, list[Run]]:
    """How long the candidates train, those with the better prior first, as many as are measured in the time, and more until one
    can be; and their runs."""
    runs, at = [trainer.run(each, 1, 0) for each in candidates], 0
    trainer.sharing(runs)
    lengths, until = Lengths(trainer), decisions.clock.left - seconds
    while at < len(runs) and (decisions.clock.left > until or not any(map(lengths.knows, runs[:at]))):
        few = runs[at : at + lengths.workers]
        lengths.learn(few)
        at += len(few)
    return lengths, [run for run in runs if lengths.knows(run)]


def _trained(
    what: str, going: Sequence[Candidate], steps: dict[str, int], seeds: Iterable[int], trainer: Trainer
) -> list[Attempt]:
    return trainer.train(what, [(each, trainer.run(each, steps[each.name], seed)) for seed in seeds for each in going])


def _kept(found: Race, count: int, trainer: Trainer) -> list[str]:
    """The better half of the last rung, however far behind, since so few steps tell little; why the others are out is noted."""
    kept = list(found.last.models[:count])
    for model in found.last.models:
        if model not in kept:
            difference, error = map(trainer.told, found.last.behind(model))
            steps = counted(found.steps[model], "step")
            found.out[model] = f"{difference} behind after {steps} (standard error {error})"
    return kept


def _seeds(
    found: Race,
    entered: dict[str, Candidate],
    attempts: list[Attempt],
    trainer: Trainer,
    decisions: Decisions,
    until: float,
    show: Callable[[Race, Standing], None],
) -> None:
    """One more seed for each finalist that is not surely behind, as long as several are not told apart and there is time; a
    second one for the two best in any case, since one of each does not tell what another seed would do."""
    for seed in range(found.rungs[-1]["seeds"], MOST_SEEDS):
        going = [entered[model] for model in (found.promising if seed == 1 else found.last.open)]
        if len(going) < 2:
            break

        def fits(seed: int = seed, going: list[Candidate] = going) -> bool:
            runs = [trainer.run(each, found.steps[each.name], seed) for each in going]
            return decisions.clock.left - Lengths(trainer).learn(runs).wall(runs) >= until

        if not decisions.decide(f"seed {seed}", fits):
            break
        what = f"race: seed {seed + 1} of {', '.join(each.name for each in going)}"
        attempts += _trained(what, going, found.steps, [seed], trainer)
        found.again(attempts, trainer)
        show(found, found.last)
