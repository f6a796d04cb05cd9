"""What a search rests on before its first trial: the references at its fidelity, their frame, the datasets in order."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.trial import FrozenTrial

from archlab.foundation import UserError
from archlab.runs import Run, Store
from archlab.study.search.designs import Designs
from archlab.study.search.halfway import Halfway, halfway
from archlab.study.search.rungs import Accuracies, Rungs, ordered
from archlab.study.search.trials import accuracies, halfway_accuracy
from archlab.study.study import Study

SPLIT = "validation"
MANY, FEW = 7, 4  # a suite of so many datasets is searched on so few
FEWEST_DATASETS = 2  # a variance needs them
WEAK = 2.0  # deviations
SPARE = 3  # references beyond the number of datasets that validating their choice takes


@dataclass(frozen=True)
class Basis:
    """What scores of a search refer to.

    Attributes:
        references: Accuracies of the references that are complete, by name.
        halfway: Where designs may end in the middle of their first run.
        subset: Where the search looks at some datasets only, how well they stand for all: `left_out_r2`, `nested_r2`.
        weak: Datasets that the search leaves out, since they tell the references apart no better than chance.
    """

    rungs: Rungs
    references: dict[str, Accuracies]
    halfway: Halfway | None = None
    subset: dict[str, float] | None = None
    weak: tuple[str, ...] = ()

    @property
    def best(self) -> tuple[str, float]:
        """The best reference and its xScore."""
        scores = {name: self.score(accuracies) for name, accuracies in self.references.items()}
        name = max(scores, key=lambda each: scores[each])
        return name, scores[name]

    @property
    def places(self) -> list[int]:
        """Where designs are compared: in the middle of the first run (0), and after so many datasets."""
        return [0, *self.rungs.places] if self.halfway else self.rungs.places

    def early(self, trial: FrozenTrial, place: int) -> float | None:
        """The score of a trial at a place; None where it has not come there."""
        return self._early(halfway_accuracy(trial), accuracies(trial), place)

    def came(self, place: int, trials: Sequence[FrozenTrial]) -> list[tuple[float, float | None]]:
        """The score there of the references and of those trials that came to a place, and the xScore of the complete ones."""
        middles = self.halfway.references if self.halfway else {}
        found: list[tuple[float | None, float | None]] = [
            (self._early(middles.get(name), each, place), self.score(each)) for name, each in self.references.items()
        ]
        found += [(self.early(trial, place), trial.user_attrs.get("xscore")) for trial in trials]
        return [(early, final) for early, final in found if early is not None]

    def _early(self, middle: float | None, accuracies: Accuracies, place: int) -> float | None:
        if place:
            return self.rungs.partial(accuracies, place)
        return None if middle is None else self.rungs.normalised(self.rungs.order[0], middle)

    def score(self, accuracies: Accuracies) -> float:
        score = self.rungs.score(accuracies)
        assert score is not None
        return score.xscore


def reference_runs(designs: Designs) -> list[Run]:
    """Those of distinct references. Raises UserError where the study compares too few for the search's frame or datasets."""
    study, distinct = designs.study, designs.references
    if len(distinct) < 2:
        raise UserError("a search needs at least two architectures to compare: they span its frame", where=study.where)
    size = study.search.datasets
    if size and size < len(study.suite.datasets) and len(distinct) < size + SPARE:
        raise UserError(
            f"search: {len(distinct)} architectures to compare cannot validate a choice of {size} datasets: "
            f"{size + SPARE} are needed",
            where=study.where,
        )
    return [designs.run(design, dataset) for design in distinct for dataset in study.suite.datasets]


def datasets_met(study: Study, datasets: int, references: int) -> int:
    """How many of so many datasets the search looks at; all, unless told, where the references cannot validate a choice."""
    if study.search.datasets:
        return min(study.search.datasets, datasets)
    return FEW if datasets >= MANY and references >= FEW + SPARE else datasets


def basis(designs: Designs, store: Store, order: Sequence[str] | None = None) -> Basis:
    """The frame, order and subset of what is stored of the references. Raises UserError where it is too little.

    Args:
        order: Of the datasets, where the search has begun: seconds differ between machines.
    """
    import pandas as pd

    from archlab.scoring import make_frame

    study = designs.study
    stored = [(run, found) for run in reference_runs(designs) if (found := store.get(run.key))]
    rows = [(run.model, run.dataset, run.seed, found["metrics"][SPLIT]["accuracy"]) for run, found in stored]
    table = pd.DataFrame(rows, columns=["model", "dataset", "seed", "value"])
    frame = (
        None if table.empty else make_frame(table, list(table["model"].unique()), SPLIT, datasets=study.suite.datasets)
    )
    if frame is None:
        raise UserError(
            "the references span no frame: two complete ones and two datasets that tell them apart are needed"
        )
    means = table.pivot_table(index="model", columns="dataset", values="value", sort=False).loc[list(frame.models)]
    seconds = {
        str(name): statistics.mean(found["seconds"] for run, found in stored if run.dataset == name) for name in means
    }
    images = {str(name): sum(designs.prepared[str(name)].counts(SPLIT)) for name in means}
    frame, weak = without_weak(frame, means, images)
    frame, subset = reduced_frame(study, frame, means[list(frame.datasets)])
    references: dict[str, Accuracies] = {
        str(name): {str(dataset): float(value) for dataset, value in row.items()} for name, row in means.iterrows()
    }
    if order is None or set(order) != set(frame.datasets):
        order = ordered(frame, list(references.values()), seconds, images, study.weight_of_variance)
    one_objective = study.search.objective == "xscore"
    rungs = Rungs(frame, tuple(order), study.weight_of_variance, study.search.keep if one_objective else 1.0)
    first = [(run, found) for run, found in stored if run.dataset == order[0] and run.model in references]
    return Basis(rungs, references, halfway(first) if rungs.places else None, subset, weak)


def without_weak(frame: Any, means: Any, images: Mapping[str, int]) -> tuple[Any, tuple[str, ...]]:
    """The frame without the datasets that tell the references apart by less than twice the deviation that an accuracy of so
    few validation images has by chance alone, where two others remain; and their names."""
    weak = []
    for name, (low, high) in frame.datasets.items():
        chance = math.sqrt(float((means[name] * (1 - means[name])).mean()) / images[name])
        if high - low < WEAK * chance:
            weak.append(name)
    spans = {name: span for name, span in frame.datasets.items() if name not in weak}
    if len(spans) < FEWEST_DATASETS:
        return dataclasses.replace(frame, weak=tuple(weak)), ()
    return dataclasses.replace(frame, datasets=spans), tuple(weak)


def reduced_frame(study: Study, frame: Any, means: Any) -> tuple[Any, dict[str, float] | None]:
    """The frame of the datasets that the search looks at."""
    from archlab.scoring import subsets

    size = datasets_met(study, len(frame.datasets), len(means))
    if size == len(frame.datasets):
        return frame, None
    found = subsets(means, frame, size, study.weight_of_variance)
    spans = {name: span for name, span in frame.datasets.items() if name in found.chosen}
    judged = {"left_out_r2": float(found.rows["left_out_r2"].iloc[0]), "nested_r2": found.nested_r2}
    return dataclasses.replace(frame, datasets=spans), judged
