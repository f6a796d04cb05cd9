"""The largest width within a budget, and the form that comes nearest to two limits at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from archlab.architecture import Architecture, InputSpec, forms, freedoms
from archlab.budget.budget import Budget
from archlab.budget.closed_form import count
from archlab.budget.cost import Cost
from archlab.budget.memory import check_memory
from archlab.foundation import UserError

STEPS = 1000  # of the grid, to a width of 1
WIDEST = 1000 * STEPS
NEAR = {"params": 0.015, "macs": 0.08}  # shares of two limits: a form that leaves no more of them is near enough
FARTHEST = 0.10  # share of a limit beyond which it counts as not reached


@dataclass(frozen=True)
class Fitted:
    """An architecture in the form and at the width that suit a budget, and what that costs."""

    architecture: Architecture
    width: float
    cost: Cost


def fit_width(architecture: Architecture, spec: InputSpec, budget: Budget) -> float:
    """The largest width, in steps of 0.001, at which the network keeps the budget.

    1 where there are no limits, or where the width changes nothing. Where other numbers of groups make a wider network cost
    less (see `archlab.architecture.plan`), one whose next step is above the budget.

    Raises:
        UserError: Not even the narrowest network keeps the budget; the message says what that one needs.
    """

    count(architecture, spec)  # what is wrong as published is said in the published numbers
    if not budget.limits():
        return 1.0
    if budget.peak_memory is not None:
        check_memory(architecture, spec)

    def fits(step: int) -> bool:
        return budget.allows(count(architecture, spec, step / STEPS))

    if not fits(1):
        least = budget.describe(count(architecture, spec, 1 / STEPS))
        message = f"{architecture.name} cannot keep the budget of {budget}: it needs at least {least}"
        raise UserError(message, where=architecture.where)
    # Width 1 stands outside the bisection: published channel counts are not rounded there.
    within, above = 1, STEPS + 1
    while fits(above):
        within, above = above, 2 * above
        if above > WIDEST:
            return 1.0
    while above - within > 1:
        middle = (within + above) // 2
        within, above = (middle, above) if fits(middle) else (within, middle)
    return (STEPS if within < STEPS and fits(STEPS) else within) / STEPS


def fit(architecture: Architecture, spec: InputSpec, budget: Budget) -> Fitted:
    """The architecture at the largest width within the budget.

    With a second free quantity, in that form of it (see `archlab.architecture.forms`) that changes least and leaves at most
    1.5 % of the parameters and 8 % of the multiply-accumulates; where none does, in the form that comes nearest to that and
    leaves at most a tenth of either. Each form is tried at its largest width, all of them counted by the closed form. Where the
    budget names several quantities, each of those that the architecture leaves free is tried alone, in that order.

    Raises:
        UserError: It cannot keep the budget, leaves no such quantity free, or comes within ten per cent of both limits in no
            form; then the message says how near it comes.
    """
    if not budget.second:
        width = fit_width(architecture, spec, budget)
        return Fitted(architecture, width, count(architecture, spec, width))
    quantities = _quantities(architecture, budget)
    nearest, words = None, " or ".join(quantities)
    for each in (each for quantity in quantities for each in _fitted(architecture, quantity, spec, budget)):
        if _distance(each.cost, budget) <= 1:
            return each
        if nearest is None or _rank(each.cost, budget) < _rank(nearest.cost, budget):
            nearest = each
    if nearest is None:
        fit_width(architecture, spec, budget)  # says what it needs
        raise UserError(
            f"{architecture.name} keeps the budget of {budget.counted} at no {words}", where=architecture.where
        )
    if not _reaches(nearest.cost, budget):
        others = [each for each in freedoms(architecture) if each not in quantities]
        hint = f"; it leaves {' and '.join(others)} free too" if others else ""
        raise UserError(
            f"{architecture.name} cannot reach both {budget.counted} by width and {words}: the nearest has "
            f"{budget.describe(nearest.cost)}{hint}",
            where=architecture.where,
        )
    return nearest


def _quantities(architecture: Architecture, budget: Budget) -> list[str]:
    """Those that the budget names and the architecture leaves free. Raises UserError where there is none."""
    free = freedoms(architecture)
    found: list[str] = [quantity for quantity in budget.second if quantity in free]
    if found:
        return found
    wanted, there = " or ".join(budget.second), f"only {' and '.join(free)}" if free else "nothing"
    raise UserError(
        f"{architecture.name} leaves no {wanted} free beside its width, {there}: a layer says so by `free: {budget.second[0]}`",
        where=architecture.where,
    )


def _fitted(architecture: Architecture, quantity: str, spec: InputSpec, budget: Budget) -> Iterator[Fitted]:
    """Every form that keeps the budget, at its largest width."""
    for form in forms(architecture, quantity):
        try:
            width = fit_width(form, spec, budget)
        except UserError:
            continue  # too large, or no network: patches that nothing is left of
        yield Fitted(form, width, count(form, spec, width))


def _distance(cost: Cost, budget: Budget) -> float:
    """From both limits: the larger of what is left of them, in units of what is near enough."""
    return max((1 - share) / NEAR[name] for name, share in _both(cost, budget).items())


def _reaches(cost: Cost, budget: Budget) -> bool:
    """Whether both limits count as reached."""
    return min(_both(cost, budget).values()) >= 1 - FARTHEST


def _both(cost: Cost, budget: Budget) -> dict[str, float]:
    """The shares of the two limits that are to be reached; others are only to be kept."""
    return {name: share for name, share in budget.shares(cost).items() if name in NEAR}


def _rank(cost: Cost, budget: Budget) -> tuple[bool, float]:
    """Forms that reach both limits come before those that do not."""
    return not _reaches(cost, budget), _distance(cost, budget)
