"""How far a pick is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from archlab.pick.candidates import Candidate, LeftOut
from archlab.pick.photographs import Described
from archlab.pick.race import Race
from archlab.pick.request import Request
from archlab.pick.resolution import Resolution
from archlab.pick.trainer import Attempt
from archlab.pick.winner import Training


@dataclass
class State:
    """How far a pick is; what has not happened yet is empty.

    Attributes:
        candidates: Those at the resolution that was chosen, by their prior; `left_out` those that cannot keep the limits.
        chosen: What is shipped.
        interrupted: While what was done: "training", or "files", which are written; "" where it was not.
        failed: Why it ended early.
    """

    request: Request
    described: Described
    resolution: Resolution | None = None
    candidates: list[Candidate] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    race: Race = field(default_factory=Race)
    training: Training = field(default_factory=Training)
    chosen: Attempt | None = None
    interrupted: Literal["", "training", "files"] = ""
    failed: str = ""

    def may_ship(self, attempt: Attempt) -> bool:
        """Whether it is known to keep the limits, and sees images at the pixels that were chosen, if any were."""
        if self.resolution and attempt.run.resolution != self.resolution.pixels:
            return False
        if self.candidates:
            return attempt.candidate.name in {each.name for each in self.candidates}
        return self.request.budget.latency is None
