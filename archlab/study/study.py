"""What a study is: a base architecture, named choices, and how their models are trained and compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from archlab.architecture import Architecture
from archlab.budget import Budget
from archlab.data import Suite
from archlab.study.choices import Choice
from archlab.study.forms import Form
from archlab.study.search_settings import SearchSettings
from archlab.study.variables import Variable
from archlab.training.recipe import Recipe

Explore = Literal["one_at_a_time", "grid"]
Effect = Literal["equal_budget", "raw"]


@dataclass(frozen=True)
class Study:
    """A study, checked; `load_study` makes one.

    `bases` are the architectures that the choice called `base` has as its options: mostly one, none where only references
    are compared. `forms` are what some models are on some datasets. `width` counts where the budget fits none.
    `weight_of_variance` is xScore's lambda, `metric` what is scored, `own_scores` are functions whose values stand beside
    it, `FILE.py:NAME` with the file in full. `where` is its file, `budget_where` the line of its budget.
    """

    name: str
    question: str | None
    bases: dict[str, Architecture]
    choices: tuple[Choice, ...]
    budget: Budget
    width: float
    compare: tuple[Architecture, ...]
    forms: tuple[Form, ...]
    suite: Suite
    recipe: Recipe
    seeds: tuple[int, ...]
    explore: Explore
    smallest_map: int | None
    effects: tuple[Effect, ...]
    weight_of_variance: float
    metric: str
    own_scores: tuple[str, ...]
    search: SearchSettings
    where: str | None = None
    budget_where: str | None = None

    @property
    def base(self) -> Variable:
        return Variable("base", self.bases)
