"""The most that a model may cost, as a study writes it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from archlab.budget.cost import Cost
from archlab.foundation import UserError, where, with_lines_of
from archlab.foundation.settings import Quantity, read_settings, read_value

DEFAULT_PARAMS = 2_500_000
Free: TypeAlias = Literal["depth", "patch", "resolution", "features"]


@dataclass(frozen=True)
class Budget:
    """At most `params` parameters and `macs` multiply-accumulates, None for no limit.

    `of` says whether the network as trained or the fused one is held against it; `fit`, whether widths are fitted to it;
    `second`, by which other quantities, so that both limits are reached: the first of them that an architecture leaves free
    counts (`archlab.architecture.free`). `macs_like` names an architecture: as many multiply-accumulates as that has, fitted
    by its width alone.
    """

    params: Quantity | None = DEFAULT_PARAMS
    macs: Quantity | None = None
    of: Literal["trained", "deployed"] = "trained"
    fit: Literal["width", "none"] = "width"
    second: tuple[Free, ...] = ()
    macs_like: str | None = None

    def allows(self, cost: Cost) -> bool:
        used = self.share(cost)
        return used is None or used <= 1

    def share(self, cost: Cost) -> float | None:
        """How much of the budget `cost` uses, 1 for all of it: the larger of its two shares. None without a limit."""
        return max(self.shares(cost).values(), default=None)

    def shares(self, cost: Cost) -> dict[str, float]:
        """How much of each limit `cost` uses."""
        limits = {"params": self.params, "macs": self.macs}
        return {
            name: have / limit for (name, limit), have in zip(limits.items(), self.held(cost), strict=True) if limit
        }

    def held(self, cost: Cost) -> tuple[int, int]:
        """The parameters and multiply-accumulates of `cost` that count."""
        return (cost.params, cost.macs) if self.of == "trained" else (cost.params_deployed, cost.macs_deployed)

    def describe(self, cost: Cost) -> str:
        """What the budget limits, as it is in `cost`."""
        return self._words(*self.held(cost))

    def __str__(self) -> str:
        return self._words(self.params, self.macs)

    def _words(self, params: int | None, macs: int | None) -> str:
        limits = []
        if self.params is not None:
            limits.append(f"{params:,} parameters")
        if self.macs is not None:
            limits.append(f"{macs:,} MACs")
        return " and ".join(limits) or "none"


@dataclass(frozen=True)
class _Fit:
    """`fit: {params: width, macs: depth}`; several, `macs: [depth, features]`, where architectures differ in what is free."""

    params: Literal["width"] = "width"
    macs: tuple[Free, ...] = ()


@dataclass(frozen=True)
class _Like:
    """`macs: {like: starnet}`"""

    like: str


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
    return _parse(value, at)


def _parse(value: dict, at: str | None) -> Budget:
    plain, found = dict(value), dict[str, Any]()
    for key in ("second", "macs_like"):
        if key in value:
            known = ("params", "macs", "of", "fit")
            raise UserError(f"a budget has no key {key!r}", where=where(value, key) or at, name=key, known=known)
    if isinstance(value.get("macs"), dict):
        line = where(value, "macs") or at
        found["macs_like"] = read_settings(_Like, plain.pop("macs"), "a budget: macs", line).like
    if isinstance(value.get("fit"), dict):
        line, given = where(value, "fit") or at, plain.pop("fit")
        if isinstance(given.get("macs"), str):
            given = with_lines_of(given, {**given, "macs": [given["macs"]]})
        found["second"] = read_settings(_Fit, given, "a budget: fit", line).macs
    budget = dataclasses.replace(read_settings(Budget, with_lines_of(value, plain), "a budget", at), **found)
    limited = budget.params is not None and (budget.macs is not None or budget.macs_like is not None)
    if budget.second and not limited:
        line = where(value, "fit") or at
        raise UserError(
            f"a budget: to fit {budget.second[0]} beside the width, it needs both params and macs", where=line
        )
    if budget.macs_like and budget.params is None:
        raise UserError("a budget: macs like those of an architecture need params, to fit its width", where=at)
    return budget
