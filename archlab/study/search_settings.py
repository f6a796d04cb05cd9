"""The keys under `search:` in a study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from archlab.foundation.settings import Within


@dataclass(frozen=True)
class SearchSettings:
    """How a study is searched.

    Attributes:
        trials: Designs to try.
    """

    trials: Annotated[int, Within(1)] = 50
