"""How a pick goes, shown on standard error while it does; in the end what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from archlab.cli.progress import ShownProgress
from archlab.foundation.metric import Metric
from archlab.foundation.words import counted, counted_between
from archlab.pick.shown import Shown

if TYPE_CHECKING:
    from archlab.pick.candidates import Candidate, LeftOut
    from archlab.pick.race import Race
    from archlab.pick.standing import Standing
    from archlab.runs import Event


class ShownPick(ShownProgress, Shown):
    """Shows how a pick goes, which chooses by `metric`."""

    def __init__(self, metric: Metric | str = "accuracy", *, quiet: bool = False, events: Path | None = None):
        super().__init__(quiet=quiet, events=events)
        self.metric = Metric.of(metric)

    def measuring(self, event: Event) -> None:
        if event.kind == "finished" and not self.quiet:
            self.say(f"measured how fast {event.run.model} trains at {event.run.resolution} pixels")

    def field(self, candidates: Sequence[Candidate], left_out: Sequence[LeftOut]) -> None:
        self.say(f"{counted(len(candidates), 'candidate')}, by their score on other datasets:")
        for each in candidates:
            self.say(f"  {each.name}: {each.prior.words if each.prior else 'not known elsewhere'}")
        for other in left_out:
            self.say(f"left out: {other.name}: {other.reason}")

    def standing(self, race: Race, standing: Standing) -> None:
        if self.quiet:
            return
        from archlab.pick.trainer import difference_in_words

        rung, (leader, *others) = race.rungs[-1], standing.models
        behind = {model: difference_in_words(self.metric, standing.behind(model)[0]) for model in others}
        told = [f"{leader} leads", *(f"{model} is {words} behind" for model, words in behind.items())]
        self.say(f"after {counted_between(rung['steps'].values(), 'step')}: {', '.join(told)}")
