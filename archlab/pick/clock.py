"""How much of the time is left."""

from __future__ import annotations

import time


class Clock:
    """Counts from when the command began.

    Args:
        within: Seconds that there are.
        began: By `time.monotonic`.
        spent: Seconds that an interrupted command has spent before.
    """

    def __init__(self, within: float, began: float, spent: float = 0.0):
        self.within, self._before, self._began = within, spent, began

    @property
    def spent(self) -> float:
        return self._before + time.monotonic() - self._began

    @property
    def left(self) -> float:
        """Seconds; none once the time is over."""
        return max(self.within - self.spent, 0.0)
