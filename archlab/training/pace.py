"""How often a run writes its checkpoint."""

from __future__ import annotations

import time
from dataclasses import dataclass

SHARE = 0.02  # of the time, at most


@dataclass
class Pace:
    """At once, then as often as writing takes SHARE of the time."""

    due: float = 0.0  # by time.monotonic

    @property
    def is_due(self) -> bool:
        return time.monotonic() >= self.due

    def written(self, began: float) -> None:
        """Notes one that was begun then, by time.monotonic, and is written now."""
        now = time.monotonic()
        self.due = now + (now - began) / SHARE
