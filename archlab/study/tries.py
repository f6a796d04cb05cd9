"""The tries of equal tuning: short runs that never read a test image, a rung of them after the other."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from archlab.runs import Run
from archlab.study.grid import Values, own_values
from archlab.study.resolved import ResolvedStudy
from archlab.study.seeds import MOST_SEEDS

SHORTER = 4  # times fewer steps a rung below: as each try starts anew, with 2 two rungs would cost what one does
FEWEST_STEPS = 25  # of a try cut short; after 10, two of three networks were at chance on digits and mnist5k (n = 1)
FEWEST_TRIES = 2  # at the last rung


@dataclass(frozen=True)
class Rung:
    """So many tries of each model and dataset, of so many steps."""

    steps: int
    tries: int


def rungs(tries: int, steps: int) -> list[Rung]:
    """From few steps to `steps`; the better half of the tries goes on."""
    lengths, counts = [steps], [tries]
    while counts[-1] > FEWEST_TRIES and lengths[0] // SHORTER >= FEWEST_STEPS:
        lengths.insert(0, lengths[0] // SHORTER)
        counts.append(math.ceil(counts[-1] / 2))
    return [Rung(*rung) for rung in zip(lengths, counts, strict=True)]


def seeds_of_tries(study: ResolvedStudy) -> list[int]:
    """Seeds that the study itself can never have: what is reported is not of the luck that the choice was made by."""
    assert study.tune
    count = study.tune["seeds"]
    free = (seed for seed in range(MOST_SEEDS, MOST_SEEDS + count + len(study.seeds)) if seed not in study.seeds)
    return [next(free) for _ in range(count)]


@dataclass(frozen=True)
class Cell:
    """A model on a dataset.

    Args:
        runs: One a seed of the tries, with the recipe of the study.
        own: The place of its recipe's own values among the candidates.
    """

    model: str
    dataset: str
    runs: tuple[Run, ...]
    own: int

    def tries(self, values: Values, steps: int) -> list[Run]:
        """Its runs with other values, of a whole schedule of so many steps, which read no test image."""
        changed = {**values, "epochs": None, "steps": steps, "test": False}
        return [dataclasses.replace(run, recipe={**run.recipe, **changed}) for run in self.runs]


class Tries:
    """Those of a study, in groups that choose together: a model on a dataset, or on all.

    `candidates` are the values tried, `left` the places of those that are still in, by group.
    """

    def __init__(self, study: ResolvedStudy, runs: Iterable[Run]):
        """`runs`: Of the study with `seeds_of_tries`, on the datasets that a choice may look at."""
        assert study.tune
        self.candidates: list[Values] = study.tune["candidates"]
        self.per: str = study.tune["per"]
        self.rungs = rungs(len(self.candidates), study.tune["steps"])
        by_cell: dict[tuple[str, str], list[Run]] = {}
        for run in runs:
            by_cell.setdefault((run.model, run.dataset), []).append(run)
        self.groups: dict[str | tuple[str, str], list[Cell]] = {}
        for (model, dataset), own in by_cell.items():
            place = self.candidates.index(own_values(own[0].recipe, self.candidates[0]))
            group = model if self.per == "model" else (model, dataset)
            self.groups.setdefault(group, []).append(Cell(model, dataset, tuple(own), place))
        self.left = {group: list(range(len(self.candidates))) for group in self.groups}
        self.ordered = {key: sorted({each[key] for each in self.candidates}) for key in self.candidates[0]}

    def runs(self, rung: Rung) -> list[Run]:
        """What is still in, at a rung."""
        return [
            run
            for place in range(len(self.candidates))
            for group, cells in self.groups.items()
            if place in self.left[group]
            for cell in cells
            for run in cell.tries(self.candidates[place], rung.steps)
        ]

    def keep(self, rung: Rung, count: int, worth: Mapping[str, float]) -> None:
        """Leaves so many in: the best, and what the recipe says itself, so that both meet at the last rung.

        Args:
            worth: By key of a run, the higher the better; -inf of one that diverged.
        """
        for group, cells in self.groups.items():
            best, own = self._ordered(group, rung, worth)[:count], cells[0].own
            self.left[group] = best if own in best else [*best[: count - 1], own]

    def choose(self, worth: Mapping[str, float]) -> None:
        """Leaves the best of the last rung."""
        self.left = {group: self._ordered(group, self.rungs[-1], worth)[:1] for group in self.groups}

    def keep_any(self, count: int) -> None:
        """Leaves so many in where nobody knows yet which; they are as much work."""
        for group, cells in self.groups.items():
            others = [place for place in self.left[group] if place != cells[0].own]
            self.left[group] = [*others[: count - 1], cells[0].own]

    def value(self, cell: Cell, place: int, rung: Rung, worth: Mapping[str, float]) -> float:
        """The mean over the seeds of a try."""
        runs = cell.tries(self.candidates[place], rung.steps)
        return sum(worth[run.key] for run in runs) / len(runs)

    def _ordered(self, group: Any, rung: Rung, worth: Mapping[str, float]) -> list[int]:
        """Best first: by the mean rank over the datasets, whose scores are not commensurable (Demšar, "Statistical comparisons
        of classifiers over multiple data sets", JMLR 2006, section 3.1.3). Of equals the one nearest to the recipe's own."""
        from scipy.stats import rankdata

        left, cells = self.left[group], self.groups[group]
        ranks = [rankdata([-self.value(cell, place, rung, worth) for place in left]) for cell in cells]
        sums = dict(zip(left, map(sum, zip(*ranks, strict=True)), strict=True))
        return sorted(left, key=lambda place: (sums[place], self._steps_from(cells[0].own, place), place))

    def _steps_from(self, own: int, place: int) -> int:
        """How many values away, all keys together."""
        return sum(
            abs(values.index(self.candidates[place][key]) - values.index(self.candidates[own][key]))
            for key, values in self.ordered.items()
        )

    def at_edge(self, place: int) -> dict[str, str]:
        """Of a candidate the keys whose value is the `smallest` or the `largest` tried; of two values both would be."""
        found = {}
        for key, values in self.ordered.items():
            if len(values) > 2 and (value := self.candidates[place][key]) in (values[0], values[-1]):
                found[key] = "smallest" if value == values[0] else "largest"
        return found

    def chosen(self) -> dict[tuple[str, str], int]:
        """By model and dataset, once one is left in each group."""
        return {
            (cell.model, cell.dataset): self.left[group][0] for group, cells in self.groups.items() for cell in cells
        }


def with_values(study: ResolvedStudy, chosen: Mapping[tuple[str, str], Values]) -> ResolvedStudy:
    """The study whose recipes have these values, by model and dataset. On datasets not seen a model has those that it has on
    all others, where these are chosen for the model, else its recipe's own."""
    assert study.tune
    recipes, files = list[dict[str, Any]](), list[list[str]]()

    def place_of(model: str, dataset: str, place: int) -> int:
        source = dataset if dataset in study.datasets or study.tune["per"] == "cell" else next(iter(study.datasets))  # type: ignore[index]
        recipe = {**study.recipes[place], **chosen.get((model, source), {})}
        if recipe not in recipes:
            recipes.append(recipe)
            files.append(study.recipe_files[place])
        return recipes.index(recipe)

    models = [
        dataclasses.replace(
            model, recipes={dataset: place_of(model.name, dataset, place) for dataset, place in model.recipes.items()}
        )
        for model in study.models
    ]
    return dataclasses.replace(study, models=models, recipes=recipes, recipe_files=files)
