"""What hears how a pick goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from archlab.study.progress import Progress

if TYPE_CHECKING:
    from archlab.pick.candidates import Candidate, LeftOut
    from archlab.pick.race import Race
    from archlab.pick.standing import Standing


class Shown(Progress):
    """Hears how a pick goes, and keeps silent beside what `Progress` does; the command line has one that shows it."""

    def field(self, candidates: Sequence[Candidate], left_out: Sequence[LeftOut]) -> None:
        """Hears who races, and who cannot."""

    def standing(self, race: Race, standing: Standing) -> None:
        """Hears how the race stands after a rung."""
