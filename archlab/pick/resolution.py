"""Pixels on a side of what the networks see: those that are worth most in the same time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from archlab.foundation import UserError
from archlab.pick.candidates import Candidate
from archlab.pick.lengths import Lengths, steps_of
from archlab.pick.standing import error_between
from archlab.pick.trainer import Trainer

SIDES = (32, 48, 64, 96, 128, 160, 192, 224)
SECONDS_A_SIDE = (
    8.0  # that measuring and training it take at least; of fewer seconds fewer sides are tried, the small ones
)
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
    first_of: Callable[[int], Candidate], sides: list[int], trainer: Trainer, seconds: float
) -> Resolution:
    """Trains one candidate at each side for the same time, as long as all of it ends within `seconds`.

    Args:
        first_of: The candidate that is tried at a side; raises UserError where none keeps the limits there.

    Raises UserError where no side is left, Interrupted after Ctrl-C.
    """
    able, refused = dict[int, Candidate](), ""
    for side in sides[: max(int(seconds / SECONDS_A_SIDE), 1)]:
        try:
            able[side] = first_of(side)
        except UserError as error:
            refused = refused or error.message
    if not able:
        raise UserError(refused)
    if len(able) == 1:
        (side,) = able
        alone = (
            "the only one worth trying for images this small" if len(sides) == 1 else "there is no time to try others"
        )
        return Resolution(side, "the only one that the limits allow" if refused else alone)
    runs = {side: trainer.run(candidate, 1, 0) for side, candidate in able.items()}
    lengths = Lengths(trainer).learn(runs.values())
    share = min(seconds * lengths.workers / len(able), seconds)
    steps = {
        side: lengths.steps(run, share, steps_of(LEAST_IMAGES, run), steps_of(MOST_IMAGES, run))
        for side, run in runs.items()
        if lengths.knows(run)
    }
    wanted = [(able[side], trainer.run(able[side], count, 0)) for side, count in steps.items() if count is not None]
    if len(wanted) < 2:
        return Resolution(min(able), "there is no time to try others")
    attempts = trainer.train("resolution", wanted)
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
