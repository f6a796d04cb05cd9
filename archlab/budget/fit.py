"""The largest width within a budget."""

from __future__ import annotations

from typing import Literal

from archlab.architecture import SMALLEST_MAP, Architecture
from archlab.budget.budget import DEFAULT_PARAMS, Budget
from archlab.budget.closed_form import count
from archlab.budget.cost import Cost
from archlab.foundation import UserError

STEPS = 1000  # of the grid, to a width of 1
WIDEST = 1000 * STEPS


def fit_width(
    architecture: Architecture,
    *,
    num_classes: int,
    params: int | None = DEFAULT_PARAMS,
    macs: int | None = None,
    of: Literal["trained", "deployed"] = "trained",
    in_channels: int = 3,
    resolution: int | None = None,
    smallest_map: int | None = SMALLEST_MAP,
) -> float:
    """The largest width, in steps of 0.001, at which the network has at most `params` parameters and `macs` MACs.

    1 where neither is given, or where the width changes nothing.

    Args:
        of: Whether the network as trained or the fused one is held against the budget.
        resolution: Decides the MACs; see `count`.

    Raises:
        UserError: Not even the narrowest network keeps the budget; the message says what that one needs.
    """
    budget = Budget(params, macs, of)

    def cost(step: int) -> Cost:
        return count(
            architecture,
            num_classes=num_classes,
            width=step / STEPS,
            in_channels=in_channels,
            resolution=resolution,
            smallest_map=smallest_map,
        )

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
