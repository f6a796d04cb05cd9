"""The most that a model may cost, as a study writes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from archlab.budget.cost import Cost
from archlab.foundation.settings import Quantity, read_settings, read_value

DEFAULT_PARAMS = 2_500_000


@dataclass(frozen=True)
class Budget:
    """At most `params` parameters and `macs` multiply-accumulates, None for no limit.

    `of` says whether the network as trained or the fused one is held against it; `fit`, whether widths are fitted to it.
    """

    params: Quantity | None = DEFAULT_PARAMS
    macs: Quantity | None = None
    of: Literal["trained", "deployed"] = "trained"
    fit: Literal["width", "none"] = "width"

    def allows(self, cost: Cost) -> bool:
        used = self.share(cost)
        return used is None or used <= 1

    def share(self, cost: Cost) -> float | None:
        """How much of the budget `cost` uses, 1 for all of it: the larger of its two shares. None without a limit."""
        shares = [have / limit for have, limit in zip(self._held(cost), (self.params, self.macs), strict=True) if limit]
        return max(shares, default=None)

    def describe(self, cost: Cost) -> str:
        """What the budget limits, as it is in `cost`."""
        return self._words(*self._held(cost))

    def __str__(self) -> str:
        return self._words(self.params, self.macs)

    def _held(self, cost: Cost) -> tuple[int, int]:
        return (cost.params, cost.macs) if self.of == "trained" else (cost.params_deployed, cost.macs_deployed)

    def _words(self, params: int | None, macs: int | None) -> str:
        limits = []
        if self.params is not None:
            limits.append(f"{params:,} parameters")
        if self.macs is not None:
            limits.append(f"{macs:,} MACs")
        return " and ".join(limits) or "none"


def parse_budget(value: Any, at: str | None = None) -> Budget:
    """The budget that a study writes: `2.5M`, `2500000`, `none`, or a mapping of params, macs, of and fit.

    None stands for a study that says nothing: 2,500,000 parameters, widths fitted. Raises UserError.
    """
    if value is None:
        return Budget()
    if value == "none":
        return Budget(params=None, fit="none")
    if not isinstance(value, dict):
        return Budget(params=read_value(Quantity | None, value, "budget", at))
    return read_settings(Budget, value, "a budget", at)
