"""The largest width within a budget."""

from __future__ import annotations

from archlab.architecture import Architecture, InputSpec
from archlab.budget.budget import Budget
from archlab.budget.closed_form import count
from archlab.budget.cost import Cost
from archlab.foundation import UserError

STEPS = 1000  # of the grid, to a width of 1
WIDEST = 1000 * STEPS


def fit_width(architecture: Architecture, spec: InputSpec, budget: Budget) -> float:
    """The largest width, in steps of 0.001, at which the network keeps the budget.

    1 where there are no limits, or where the width changes nothing.

    Raises:
        UserError: Not even the narrowest network keeps the budget; the message says what that one needs.
    """

    def cost(step: int) -> Cost:
        return count(architecture, spec, step / STEPS)

    def fits(step: int) -> bool:
        return budget.allows(cost(step))

    if not fits(1):
        raise UserError(
            f"{architecture.name} cannot keep the budget of {budget}: it needs at least {budget.describe(cost(1))}",
            where=architecture.where,
        )
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
