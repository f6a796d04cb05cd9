"""Pixels on a side of what the networks see: those that are worth most in the same time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from archlab.foundation import UserError
from archlab.pick.candidates import Candidate
from archlab.pick.decisions import Decisions
from archlab.pick.lengths import Lengths, steps_of
from archlab.pick.standing import error_between
from archlab.pick.trainer import Attempt, Trainer

SIDES = (32, 48, 64, 96, 128, 160, 192, 224)
SECONDS_A_SIDE = 8.0  # of fewer seconds fewer sides are tried, the small ones
LEAST_IMAGES, MOST_IMAGES = 1000, 32_000  # that a training sees that tells something of a resolution


@dataclass(frozen=True)
class Resolution:
    """What was chosen. `tried`: pixels, model, steps and value of each, in the metric on validation images; `why` in words."""

    pixels: int
    why: str
    tried: list[dict[str, Any]] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        return {"pixels": self.pixels, "why": self.why, "tried": self.tried}


def sides_for(pixels: int) -> list[int]:
    """Those that images of so many pixels are worth trying at; smaller ones are enlarged to the smallest."""
    return [side for side in SIDES if side <= pixels] or [SIDES[0]]


def choose_resolution(
    first_of: Callable[[int], Candidate], sides: list[int], trainer: Trainer, decisions: Decisions, seconds: float
) -> Resolution:
    """Trains one candidate at each side for the same time, as long as all of it ends within `seconds` beside what it takes to
    measure how fast it trains.

    Args:
        first_of: The candidate that is tried at a side; raises UserError where none keeps the limits there.

    Raises UserError where no side is left, Interrupted after Ctrl-C.
    """
    plan = decisions.decide("sides", lambda: _planned(first_of, sides, trainer, seconds))
    if not plan["steps"]:
        return Resolution(plan["pixels"], plan["why"])
    wanted = []
    for pixels, steps in plan["steps"]:
        candidate = first_of(pixels)
        wanted.append((candidate, trainer.run(candidate, steps, 0)))
    if decisions.has("resolution"):  # what failed then is not tried again
        wanted = [(candidate, run) for candidate, run in wanted if run.key in trainer.store]
    try:
        attempts = trainer.train("resolution", wanted) if wanted else []
    except UserError:
        if trainer.settings.fail_fast:
            raise
        attempts = []
    return Resolution(**decisions.decide("resolution", lambda: _chosen(attempts, plan, sides, trainer).document()))


def _chosen(attempts: list[Attempt], plan: dict[str, Any], sides: list[int], trainer: Trainer) -> Resolution:
    if not attempts:
        return Resolution(plan["pixels"], "nothing could be trained to see which are worth most")
    best = max(attempts, key=lambda each: each.worth)
    close = [each for each in attempts if best.worth - each.worth <= error_between(best, each, trainer)]
    chosen = min(close, key=lambda each: each.run.resolution)
    tried = [
        {"pixels": each.run.resolution, "model": each.candidate.name, "steps": each.steps, "value": trainer.value(each)}
        for each in attempts
    ]
    left = [side for side in sides if side not in {each["pixels"] for each in tried}]
    why = "worth most on validation images after the same time"
    if chosen is not best:
        why = f"within a standard error of {best.run.resolution} pixels, which are worth most after the same time"
    if left:
        why += f"; {', '.join(map(str, left))} pixels were not tried"
    return Resolution(chosen.run.resolution, why, tried)


def _planned(
    first_of: Callable[[int], Candidate], sides: list[int], trainer: Trainer, seconds: float
) -> dict[str, Any]:
    """`steps`: pairs of pixels and steps that are tried, none where there is nothing to choose: then `pixels` it is, and `why`.
    `pixels` are the fewest that the limits allow."""
    able, refused = dict[int, Candidate](), ""
    for side in sides[: max(int(seconds / SECONDS_A_SIDE), 1)]:
        try:
            able[side] = first_of(side)
        except UserError as error:
            refused = refused or error.message
    if not able:
        raise UserError(refused)
    fewest = min(able)
    if len(able) == 1:
        alone = (
            "the only one worth trying for images this small" if len(sides) == 1 else "there is no time to try others"
        )
        return {"pixels": fewest, "why": "the only one that the limits allow" if refused else alone, "steps": []}
    runs = {side: trainer.run(candidate, 1, 0) for side, candidate in able.items()}
    lengths = Lengths(trainer).learn(runs.values())
    share = min(seconds * lengths.workers / len(able), seconds)
    able_to = {
        side: lengths.steps(run, share, steps_of(LEAST_IMAGES, run), steps_of(MOST_IMAGES, run))
        for side, run in runs.items()
    }
    steps = [(side, count) for side, count in able_to.items() if count is not None]
    return {"pixels": fewest, "why": "there is no time to try others", "steps": steps if len(steps) > 1 else []}
