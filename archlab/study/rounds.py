"""Rounds of seeds: which models get more of them, and on which datasets, until every contrast that a study is about is decided
or given up."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archlab.foundation.words import counted_between
from archlab.study.seeds import FROM, TO

if TYPE_CHECKING:
    import pandas as pd

    from archlab.scoring import Effects, Rounds

GROWTH = 1.2  # of the seeds from round to round: one more at first, later several at once, so that cores stay busy
LEAST_CHANCE = 0.05  # of a decision at the most seeds; a contrast that has less of it is given up
ENDS = {
    "decided": "what matters is decided",
    "given_up": "the most seeds would not decide the rest either",
    "seeds": "the most seeds are reached",
    "failed": "the models of what is open have runs that failed",
    "time": "the time is over",
    "unknown": "no xScore is known of what is open",
}


def seeds_in_order(seeds: Sequence[int], most: int) -> list[int]:
    """The seeds of a study, then the smallest numbers that are not among them."""
    found, more = list(seeds[:most]), iter(range(most + len(seeds)))
    while len(found) < most:
        found += [seed for seed in [next(more)] if seed not in seeds]
    return found


def next_count(seeds: int, most: int) -> int:
    """How many seeds the models of the round after one of so many have. Of these numbers alone, never of results."""
    count = max(seeds + 1, round(GROWTH * seeds))
    return most if most < GROWTH**0.5 * count else count


def counts(first: int, most: int) -> list[int]:
    """Seeds after each round, where something stays open until the end."""
    found = [first]
    while found[-1] < most:
        found.append(next_count(found[-1], most))
    return found


@dataclass(frozen=True)
class Round:
    """One round of a study that goes on until it is decided.

    Args:
        seeds: So many of each model that got more, `models`, on the dataset that seeds differ most on.
        seeds_by_dataset: So many on each.
        runs: That no earlier round had, whether they were stored or trained.
        decided, open, given_up: Contrasts that the study is about, afterwards. Given up are those that the most seeds would
            not decide either, that have no consequence any more (see `unsettled`), or of which a run has failed.
    """

    number: int
    seeds: int
    seeds_by_dataset: dict[str, int]
    models: list[str]
    runs: int
    decided: int
    open: int
    given_up: int

    def __str__(self) -> str:
        given_up = f", {self.given_up} given up" if self.given_up else ""
        seeds = counted_between(self.seeds_by_dataset.values(), "seed")
        return f"round {self.number}, {seeds}: {self.decided} decided, {self.open} open{given_up}"


class SeedRounds:
    """How many seeds each model has on each dataset, round by round.

    It is decided by the effects after each round and by nothing else, so a study that was interrupted, or that is run
    again, comes by the same rounds from what is stored.

    Args:
        seeds: Those of the study: all models have them after the first round, at least two.
        most: How many a model can have; None: 30.
        models, datasets: All of the study.
    """

    def __init__(self, seeds: Sequence[int], most: int | None, models: Sequence[str], datasets: Sequence[str]):
        first = max(FROM, len(seeds))
        self.most = max(most or TO, first)
        self.order = seeds_in_order(seeds, self.most)
        self.looks = [dict.fromkeys(datasets, first)]
        self.had = {model: dict.fromkeys(datasets, 0) for model in models}
        self.has = dict.fromkeys(models, self.looks[0])

    @property
    def first(self) -> list[int]:
        """The seeds of the first round."""
        return self.order[: max(self.looks[0].values())]

    @property
    def seeds(self) -> int:
        """Of the models of this round, on the dataset that has most."""
        return max(self.looks[-1].values())

    @property
    def new(self) -> set[tuple[str, str, int]]:
        """Models, datasets and seeds that this round adds."""
        return {
            (model, dataset, seed)
            for model, counts in self.has.items()
            for dataset, count in counts.items()
            for seed in self.order[self.had[model][dataset] : count]
        }

    @property
    def rounds(self) -> Rounds:
        """As the effects are told them."""
        from archlab.scoring import Rounds

        return Rounds(self.order, list(self.looks), self.most)

    def go_on(self, found: Effects | None, failed: Collection[str] = ()) -> bool:
        """Adds the next round, where there is one: more seeds for the models of contrasts that are open, most on the datasets
        whose seeds differ most.

        The frame moves with its references, and every xScore with the frame: as long as a contrast in xScore is open, they
        get more seeds too. A model of which a run has failed gets none.
        """
        models = set(moving(found, failed)) - set(failed) if found else set()
        if not found or not models or self.seeds >= self.most:
            return False
        most = next_count(self.seeds, self.most)
        self.looks.append(
            {
                dataset: max(count, math.ceil(most * found.shares.get(dataset, 1.0) - 1e-9))
                for dataset, count in self.looks[-1].items()
            }
        )
        self.had = dict(self.has)
        self.has |= dict.fromkeys([model for model in self.has if model in models], self.looks[-1])
        return True


def open_contrasts(found: Effects, failed: Collection[str] = ()) -> pd.DataFrame:
    """The rows that the study is about, that matter still, and that more seeds may yet decide."""
    rows = unsettled(found)
    whole = rows["models"].map(lambda models: set(models).isdisjoint(failed)).astype(bool)
    return rows[~(rows["chance"] < LEAST_CHANCE) & whole]


def unsettled(found: Effects) -> pd.DataFrame:
    """The rows that the study is about and that are neither decided nor without consequence.

    Which of two options is better has none where one of them is known to be worse than another: it is not the best. What an
    option does to the base is always asked.
    """
    if found.rows.empty:
        return found.rows.assign(models=None, chance=None, measure=None)
    rows = found.rows[found.rows["about"]]
    losers = {
        (row["choice"], row["measure"], row["against" if row["verdict"] == "better" else "option"])
        for row in rows[rows["verdict"].isin(["better", "worse"])].to_dict("records")
    }
    settled = [
        bool(row["decided"])
        or (
            row["of"] == "comparison"
            and any((row["choice"], row["measure"], row[side]) in losers for side in ("option", "against"))
        )
        for row in rows.to_dict("records")
    ]
    return rows.loc[[place for place, each in zip(rows.index, settled, strict=True) if not each]]


def moving(found: Effects, failed: Collection[str]) -> list[str]:
    """The models whose seeds move the contrasts that are open."""
    rows = open_contrasts(found, failed)
    models = dict.fromkeys(model for models in rows["models"] for model in models)
    if len(rows) and (rows["measure"] == "xscore").any():
        models |= dict.fromkeys(found.frame_models)
    return list(models)
