"""The race of the candidates: successive halving over steps, then seeds for those that are not told apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from archlab.foundation import UserError
from archlab.foundation.words import counted
from archlab.pick.candidates import Candidate
from archlab.pick.decisions import Decisions
from archlab.pick.lengths import Lengths, longest, most_steps
from archlab.pick.standing import Standing, standing
from archlab.pick.trainer import Attempt, Trainer
from archlab.runs import Run
from archlab.study.tries import SHORTER

FINALISTS = 3  # at the last rung
FEWEST_STEPS = 50  # of the first rung
MOST_SEEDS = 5  # of a finalist
AT_ONCE = 3  # seeds of a finalist, where there are workers for them
MEASURING = 0.15  # share of the race's time, after which nobody else is measured


@dataclass
class Race:
    """How it went.

    Attributes:
        rungs: Of each, steps and how many models.
        last: How the finalists stand.
        reached: By model the rung that it came to, from 1, and what it was worth there.
        out: By model why it went no further.
    """

    rungs: list[dict[str, int]] = field(default_factory=list)
    last: Standing | None = None
    reached: dict[str, tuple[int, Standing]] = field(default_factory=dict)
    out: dict[str, str] = field(default_factory=dict)

    @property
    def steps(self) -> int:
        """Of the last rung."""
        return self.rungs[-1]["steps"]


def counts(models: int) -> list[int]:
    """How many are at each rung; the better half goes on."""
    found = [models]
    while found[-1] > FINALISTS:
        found.append(max(math.ceil(found[-1] / 2), FINALISTS if found[-1] > 2 * FINALISTS else 2))
    return found


def lengths_of(rungs: int, last: int) -> list[int]:
    """Steps of each rung."""
    return [max(last // SHORTER ** (rungs - 1 - at), 1) for at in range(rungs)]


def race(
    found: Race,
    candidates: Sequence[Candidate],
    trainer: Trainer,
    decisions: Decisions,
    seconds: float,
    show: Callable[[Race, Standing], None],
) -> None:
    """Races the candidates, those with the better prior first where not all can, within about so many seconds. `found` tells at
    any moment how it stands.

    Raises UserError where nothing could be trained, Interrupted after Ctrl-C.
    """
    until = decisions.clock.left - seconds
    plan = decisions.decide("race", lambda: _planned(candidates, trainer, decisions, seconds))
    entered = {each.name: each for each in candidates if each.name in plan["models"]}
    steps = lengths_of(len(counts(len(entered))), plan["steps"])
    for at, (length, count) in enumerate(zip(steps, counts(len(entered)), strict=True)):
        going = list(entered.values())[:count] if at == 0 else [entered[name] for name in _kept(found, count, trainer)]
        seeds = plan["seeds"] if at == len(steps) - 1 else 1
        attempts = _rung(going, length, range(seeds), trainer, at + 1, len(steps))
        found.rungs.append({"steps": length, "models": len(going), "seeds": seeds})
        _note(found, attempts, trainer)
        show(found, found.last)  # type: ignore[arg-type]
    _seeds(found, entered, attempts, trainer, decisions, until, show)


def _planned(candidates: Sequence[Candidate], trainer: Trainer, decisions: Decisions, seconds: float) -> dict[str, Any]:
    """Who enters, and how many steps the last rung has: as many as can have FEWEST_STEPS, then as long as there is time. One in
    any case."""
    before = decisions.clock.left
    lengths, able = _measured(candidates, trainer, decisions, MEASURING * seconds)
    seconds = max(seconds - (before - decisions.clock.left), 0.0)
    first = able[0] if able else None
    most = most_steps(trainer, first) if first else 0
    while able:
        rungs = counts(len(able))
        seeds = min(max(lengths.workers // rungs[-1], 1), AT_ONCE)

        def wall(last: int, able: list[Run] = able, rungs: list[int] = rungs, seeds: int = seeds) -> float:
            *before, final = zip(lengths_of(len(rungs), last), rungs, strict=True)
            first = sum(lengths.wall(((run, steps) for run in able), count) for steps, count in before)
            return first + lengths.wall(((run, final[0]) for run in able), final[1] * seeds)

        last = longest(wall, seconds, FEWEST_STEPS * SHORTER ** (len(rungs) - 1), most)
        if last is not None:
            return {"models": [run.model for run in able], "steps": last, "seeds": seeds}
        able.pop()
    if first is None:
        raise UserError("no candidate trains on these images: `archlab train` with one of them says why")
    return {"models": [first.model], "steps": FEWEST_STEPS, "seeds": 1}


def _measured(
    candidates: Sequence[Candidate], trainer: Trainer, decisions: Decisions, seconds: float
) -> tuple[Lengths, list[Run]]:
    """How long the candidates train, those with the better prior first, as many as are measured in the time; and their runs."""
    lengths, until = Lengths(trainer), decisions.clock.left - seconds
    runs = [trainer.run(each, FEWEST_STEPS, 0) for each in candidates]
    for at in range(0, len(runs), lengths.workers):
        lengths.learn(runs[at : at + lengths.workers])
        if decisions.clock.left <= until:
            break
    return lengths, [run for run in runs if lengths.knows(run)]


def _rung(
    going: Sequence[Candidate], steps: int, seeds: Sequence[int], trainer: Trainer, number: int, of: int
) -> list[Attempt]:
    what = f"race, rung {number} of {of}: {counted(len(going), 'candidate')}, {counted(steps, 'step')}"
    return trainer.train(what, [(each, trainer.run(each, steps, seed)) for seed in seeds for each in going])


def _kept(found: Race, count: int, trainer: Trainer) -> list[str]:
    """The better half of the last rung, without those that are surely behind: two at least."""
    assert found.last
    best = list(found.last.models[:count])
    kept = [model for at, model in enumerate(best) if at < 2 or model in found.last.open]
    for model in found.last.models:
        if model not in kept:
            difference, error = map(trainer.told, found.last.behind(model))
            steps = counted(found.rungs[-1]["steps"], "step")
            found.out[model] = f"{difference} behind after {steps} (standard error {error})"
    return kept


def _note(found: Race, attempts: Sequence[Attempt], trainer: Trainer) -> None:
    found.last = standing(attempts, trainer.metric, trainer.store)
    for model in found.last.models:
        found.reached[model] = len(found.rungs), found.last
    for model, cause in trainer.failed:
        if model not in found.last.models:
            found.out.setdefault(model, cause)


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
    assert found.last
    for seed in range(found.rungs[-1]["seeds"], MOST_SEEDS):
        best = found.last.models[:2] if seed == 1 else ()
        going = [entered[model] for model in found.last.models if model in (*best, *found.last.open)]
        if len(going) < 2:
            break

        def fits(seed: int = seed, going: list[Candidate] = going) -> bool:
            runs = [trainer.run(each, found.steps, seed) for each in going]
            took = Lengths(trainer).learn(runs).wall((run, found.steps) for run in runs)
            return decisions.clock.left - took >= until

        if not decisions.decide(f"seed {seed}", fits):
            break
        what = f"race: seed {seed + 1} of {', '.join(each.name for each in going)}"
        attempts += trainer.train(what, [(each, trainer.run(each, found.steps, seed)) for each in going])
        found.rungs[-1]["seeds"] = seed + 1
        _note(found, attempts, trainer)
        show(found, found.last)
