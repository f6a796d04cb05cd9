"""What a search rests on before its first trial: the references at its fidelity, their frame, the datasets in order."""

from __future__ import annotations

import dataclasses
import statistics
from dataclasses import dataclass
from typing import Any

from archlab.foundation import UserError
from archlab.runs import Run, Store
from archlab.study.search.designs import Designs
from archlab.study.search.rungs import Accuracies, Rungs, ordered
from archlab.study.study import Study

SPLIT = "validation"
MANY, FEW = 7, 4  # a suite of so many datasets is searched on so few
SPARE = 3  # references beyond the number of datasets that validating their choice takes


@dataclass(frozen=True)
class Basis:
    """What scores of a search refer to.

    Attributes:
        references: Accuracies of the references that are complete, by name.
        subset: Where the search looks at some datasets only, how well they stand for all: `left_out_r2`, `nested_r2`.
    """

    rungs: Rungs
    references: dict[str, Accuracies]
    subset: dict[str, float] | None = None

    @property
    def best(self) -> tuple[str, float]:
        """The best reference and its xScore."""
        scores = {name: self.score(accuracies) for name, accuracies in self.references.items()}
        name = max(scores, key=lambda each: scores[each])
        return name, scores[name]

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


def basis(designs: Designs, store: Store) -> Basis:
    """The frame, order and subset of what is stored of the references. Raises UserError where it is too little."""
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
    frame, subset = reduced_frame(study, frame, means)
    references: dict[str, Accuracies] = {
        str(name): {str(dataset): float(value) for dataset, value in row.items()} for name, row in means.iterrows()
    }
    order = ordered(frame, list(references.values()), seconds, study.weight_of_variance)
    one_objective = study.search.objective == "xscore"
    rungs = Rungs(frame, order, study.weight_of_variance, study.search.keep if one_objective else 1.0)
    return Basis(rungs, references, subset)


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
