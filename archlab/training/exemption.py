"""Other settings that a recipe has for some models and datasets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

NOT_EXEMPT = {"exemptions": "hold others", "tune": "tune: every model has the same tries"}


@dataclass(frozen=True)
class Exemption:
    """Other settings for some models and datasets; None means all of them.

    A variant of a model counts as the base it is named after, one of a dataset as all that `archlab.data.kin` says it is.
    """

    set: dict[str, Any]
    models: tuple[str, ...] | None = None
    datasets: tuple[str, ...] | None = None
    except_datasets: tuple[str, ...] = ()

    def concerns(self, model: str, dataset: Iterable[str]) -> bool:
        names = set(dataset)
        return (
            (self.models is None or model.split("+")[0] in self.models)
            and (self.datasets is None or not names.isdisjoint(self.datasets))
            and names.isdisjoint(self.except_datasets)
        )
