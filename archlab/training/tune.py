"""Values of a recipe that a study tries for every model before it trains them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

from archlab.foundation.settings import Within

TUNABLE = ("lr", "weight_decay", "momentum", "label_smoothing")
SGD_ALONE = "momentum"  # other optimisers have none


@dataclass(frozen=True, kw_only=True)
class Tune:
    """What is tried: every combination of the values listed. Keys that are not listed stay as the recipe has them.

    Attributes:
        steps: Of a try in the last round, its whole schedule; earlier rounds have fewer.
        per: Whether the values are chosen for each model and dataset, or for each model over all datasets.
        seeds: How many each try is made with.
    """

    lr: tuple[Annotated[float, Within(0)], ...] = ()
    weight_decay: tuple[Annotated[float, Within(0)], ...] = ()
    momentum: tuple[Annotated[float, Within(0, 1)], ...] = ()
    label_smoothing: tuple[Annotated[float, Within(0, 1)], ...] = ()
    steps: Annotated[int, Within(1)]
    per: Literal["cell", "model"] = "cell"
    seeds: Annotated[int, Within(1, 100)] = 1

    @property
    def values(self) -> dict[str, list[float]]:
        """The values to try by key, as they are listed."""
        return {key: list(getattr(self, key)) for key in TUNABLE if getattr(self, key)}


def contradictions(tune: Tune) -> Iterable[str]:
    """What is wrong in it, each to be read after `tune`."""
    if not tune.values:
        yield f" needs values to try of {', '.join(TUNABLE[:-1])} or {TUNABLE[-1]}"
    for key, values in tune.values.items():
        yield from {f": {key} has {value:g} more than once" for value in values if values.count(value) > 1}
