"""What a study is: a base architecture, named choices, and how their models are trained and compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from archlab.architecture import Architecture
from archlab.budget import Budget
from archlab.data import Suite
from archlab.foundation.metric import Metric
from archlab.study.choices import Choice
from archlab.study.forms import Form
from archlab.study.search_settings import SearchSettings
from archlab.study.variables import Variable
from archlab.training.recipe import Recipe
from archlab.training.tune import Tune

Explore = Literal["one_at_a_time", "grid"]
Effect = Literal["equal_budget", "raw"]
Widths = dict[tuple[str | None, str], float]
FrameOf = Literal["references", "all"]


@dataclass(frozen=True)
class Study:
    """A study, checked; `load_study` makes one.

    `bases` are the architectures that the choice called `base` has as its options: mostly one, none where only references
    are compared. `forms` are what some models are on some datasets. `width` counts where the budget fits none; where
    that is not said, `widths`, by FILE:LINE and name of those architectures that say at which they are meant, and 1 for others.
    `seeds` are those that each model gets; `most_seeds` how many one can have where the study goes on until it is decided
    (None: not said), `matters` the least difference that matters, by measure.
    `frame` says which models span that of the scores, `weight_of_variance` is xScore's lambda, `metric` what is scored,
    `class_scores` whether runs keep theirs, `own_scores` are functions whose values stand beside the xScore, `FILE.py:NAME`
    with the file in full. `where` is its file, `budget_where` the line of its budget, `like` the architecture whose
    multiply-accumulates are its budget of them.
    `precision` are those in which the trained networks are scored: float, and int8 where it is asked for.
    `tune` is what is tried for every model before it is trained, `tune_where` its line; `tunes` says that the study says so
    itself, and not its recipe.
    `unseen` are datasets that are not in the suite: models are trained on them too, and no choice looks there.
    """

    name: str
    question: str | None
    bases: dict[str, Architecture]
    choices: tuple[Choice, ...]
    budget: Budget
    width: float | None
    widths: Widths
    compare: tuple[Architecture, ...]
    forms: tuple[Form, ...]
    suite: Suite
    recipe: Recipe
    seeds: tuple[int, ...]
    most_seeds: int | None
    matters: dict[str, float]
    explore: Explore
    smallest_map: int | None
    effects: tuple[Effect, ...]
    weight_of_variance: float
    metric: Metric
    class_scores: bool
    own_scores: tuple[str, ...]
    search: SearchSettings
    where: str | None = None
    budget_where: str | None = None
    like: Architecture | None = None
    frame: FrameOf = "references"
    unseen: tuple[str, ...] = ()
    precision: tuple[str, ...] = ("float",)
    tune: Tune | None = None
    tune_where: str | None = None
    tunes: bool = False

    @property
    def datasets(self) -> tuple[str, ...]:
        """All that models are trained on, those of the suite first: classes and resolution of the budget are theirs."""
        return (*self.suite.datasets, *self.unseen)

    @property
    def base(self) -> Variable:
        return Variable("base", self.bases)
