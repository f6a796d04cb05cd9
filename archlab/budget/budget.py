"""The most that a model may cost, as a study writes it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from archlab.budget.cost import Cost
from archlab.foundation import UserError, where, with_lines_of
from archlab.foundation.settings import Memory, Milliseconds, Quantity, read_settings, read_value
from archlab.foundation.words import in_kib, listed

DEFAULT_PARAMS = 2_500_000
Free: TypeAlias = Literal["depth", "patch", "resolution", "features"]


@dataclass(frozen=True)
class Budget:
    """At most `params` parameters and `macs` multiply-accumulates, None for no limit.

    `peak_memory` and `flash` are bytes for feature maps and weights, as `Cost` has them: of the fused network, 8 bits a value.
    `of` says whether the network as trained or the fused one is held against it; `fit`, whether widths are fitted to it;
    `second`, by which other quantities, so that both limits are reached: the first of them that an architecture leaves free
    counts (`archlab.architecture.free`). `macs_like` names an architecture: as many multiply-accumulates as that has, fitted
    by its width alone. `latency` is milliseconds for one image on one CPU thread of the machine at hand, in float: no closed
    form gives them, so no width is fitted to them, and `allows`, `shares` and `limits` leave them out.
    """

    params: Quantity | None = DEFAULT_PARAMS
    macs: Quantity | None = None
    of: Literal["trained", "deployed"] = "trained"
    fit: Literal["width", "none"] = "width"
    second: tuple[Free, ...] = ()
    macs_like: str | None = None
    peak_memory: Memory | None = None
    flash: Memory | None = None
    latency: Milliseconds | None = None

    def allows(self, cost: Cost) -> bool:
        used = self.share(cost)
        return used is None or used <= 1

    def share(self, cost: Cost) -> float | None:
        """How much of the budget `cost` uses, 1 for all of it: the largest of its shares. None without a limit."""
        return max(self.shares(cost).values(), default=None)

    def shares(self, cost: Cost) -> dict[str, float]:
        """How much of each limit `cost` uses. Raises UserError where the memory is limited and not known."""
        held, limits = self.held(cost), self.limits()
        if None in (held[name] for name in limits):
            raise UserError("a budget of peak_memory needs blocks whose `tally` says what memory they need")
        return {name: held[name] / limit for name, limit in limits.items()}  # type: ignore[operator]

    def limits(self) -> dict[str, int]:
        """What is limited of what a closed form gives, by name."""
        limits = {name: getattr(self, name) for name in ("params", "macs", "peak_memory", "flash")}
        return {name: limit for name, limit in limits.items() if limit is not None}

    def held(self, cost: Cost) -> dict[str, int | None]:
        """What of `cost` counts, by the names of `limits`."""
        params, macs = (cost.params, cost.macs) if self.of == "trained" else (cost.params_deployed, cost.macs_deployed)
        return {"params": params, "macs": macs, "peak_memory": cost.peak_memory, "flash": cost.flash}

    def describe(self, cost: Cost) -> str:
        """What the budget limits, as it is in `cost`."""
        return _listed(self._words(self.held(cost)))

    @property
    def counted(self) -> str:
        """Its limits in words, without that of latency, which is not counted."""
        return _listed(self._words(self.limits()))

    def __str__(self) -> str:
        latency = [] if self.latency is None else [f"{self.latency:g} ms of latency"]
        return _listed([*self._words(self.limits()), *latency])

    def _words(self, numbers: Mapping[str, int | None]) -> list[str]:
        return [_in_words(name, numbers[name]) for name in self.limits()]


def _listed(words: list[str]) -> str:
    return listed(words or ["none"])


def _in_words(name: str, number: int | None) -> str:
    what = {"params": "parameters", "macs": "MACs", "peak_memory": "of peak memory", "flash": "of flash"}[name]
    return f"{number:,} {what}" if name in ("params", "macs") else f"{in_kib(number)} {what}"


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
            known = ("params", "macs", "of", "fit", "peak_memory", "flash", "latency")
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
