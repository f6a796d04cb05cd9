"""How a pick goes, shown on standard error while it does; in the end what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from archlab.cli.progress import ShownProgress
from archlab.pick.shown import Shown

if TYPE_CHECKING:
    from archlab.pick.candidates import Candidate, LeftOut
    from archlab.pick.race import Race
    from archlab.pick.standing import Standing


class ShownPick(ShownProgress, Shown):
    """Shows how a pick goes."""

    def field(self, candidates: Sequence[Candidate], left_out: Sequence[LeftOut]) -> None:
        self.say(f"{len(candidates)} candidates: {', '.join(each.name for each in candidates)}")
        for each in left_out:
            self.say(f"left out: {each.name}: {each.reason}")

    def standing(self, race: Race, standing: Standing) -> None:
        if self.quiet:
            return
        rung = race.rungs[-1]
        leader = standing.models[0]
        told = [
            f"{model} {-standing.behind(model)[0]:+.3f}" if model != leader else f"{model} {abs(standing.worth[0]):.3f}"
            for model in standing.models
        ]
        self.say(f"after {rung['steps']} steps: {', '.join(told)}")
