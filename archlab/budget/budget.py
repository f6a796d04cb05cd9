"""The most that a model may cost, as a study writes it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, get_args

from archlab.budget.cost import Cost
from archlab.foundation import UserError, check_keys, where

DEFAULT_PARAMS = 2_500_000
KEYS = ("params", "macs", "of", "fit")
Of = Literal["trained", "deployed"]
Fit = Literal["width", "none"]

_NUMBER = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([kKMG]?)")
_UNITS = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9}


@dataclass(frozen=True)
class Budget:
    """At most `params` parameters and `macs` multiply-accumulates, None for no limit.

    `of` says whether the network as trained or the fused one is held against it; `fit`, whether widths are fitted to it.
    """

    params: int | None = DEFAULT_PARAMS
    macs: int | None = None
    of: Of = "trained"
    fit: Fit = "width"

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
        return Budget(params=_number(value, "budget", at))
    check_keys(value, KEYS, "a budget")
    limits = {
        key: _number(value[key], f"budget: {key}", where(value, key) or at)
        for key in ("params", "macs")
        if key in value
    }
    words = {
        key: _word(value[key], f"budget: {key}", options, where(value, key) or at)
        for key, options in (("of", get_args(Of)), ("fit", get_args(Fit)))
        if key in value
    }
    return Budget(**limits, **words)  # type: ignore[arg-type]


def _number(value: Any, what: str, at: str | None) -> int | None:
    """A whole number above 0 from 2500000, 2.5e6, "2.5M" or "300k"; None from "none"."""
    if value == "none":
        return None
    number: float = 0
    if type(value) in (int, float):
        number = value
    elif isinstance(value, str) and (written := _NUMBER.fullmatch(value)):
        number = round(float(written[1]) * _UNITS[written[2]], 3)
    if number < 1 or number != int(number):
        raise UserError(
            f"{what} must be a whole number above 0, such as 2500000, 300k or 2.5M, or none, not {value!r}",
            where=at,
            name=value,
            known=["none"],
        )
    return int(number)


def _word(value: Any, what: str, options: tuple[str, ...], at: str | None) -> str:
    if value not in options:
        raise UserError(f"{what} must be {' or '.join(options)}, not {value!r}", where=at, name=value, known=options)
    return value
