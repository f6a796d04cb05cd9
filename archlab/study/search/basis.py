"""What a search rests on before its first trial: the references at its fidelity, their frame, the datasets in order.

Designs meet the datasets one after the other and are compared on the way, at rungs (`archlab.study.search.rungs`).
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from archlab.foundation import UserError
from archlab.runs import Run, Store
from archlab.study.measuring import value_of
from archlab.study.search.designs import Designs
from archlab.study.study import Study

if TYPE_CHECKING:
    import pandas as pd

    from archlab.scoring import Frame

Accuracies: TypeAlias = Mapping[str, float]
"""Validation accuracies of one design by dataset, or what else is the metric of its study."""

SPLIT = "validation"
MANY, FEW = (
    7,
    4,
)  # a suite of so many datasets is searched on so few: nested R2 on zhang2025 .45 with 3, .66 with 4, .79 with 5
FEWEST_DATASETS = 2  # a variance needs them
WEAK = 2.0  # deviations
SPARE = 3  # references beyond the number of datasets that validating their choice takes
FEW_OF_FIRST_RUNG = (
    3  # replayed on the landscape `first`: 33.4 epochs on average, with 2 37.6 (standard error 1.8, n = 100)
)
BINOMIAL = ("accuracy", "balanced_accuracy")  # metrics whose noise is that of a share of images
MIDDLE = 0.6  # of the steps of the first run, at most: later it would save too little


@dataclass(frozen=True)
class Score:
    """As `archlab.scoring.xscore`, of one design."""

    mean: float
    variance: float
    xscore: float


@dataclass(frozen=True)
class Middle:
    """The last epoch before the middle of the training on the first dataset, and the references' validation accuracies there
    by name. Designs of the same dataset and schedule are compared with them."""

    dataset: str
    epoch: int
    recipe: Mapping[str, Any]
    references: Mapping[str, float]

    def concerns(self, run: Run) -> bool:
        return run.dataset == self.dataset and run.recipe == self.recipe


@dataclass(frozen=True)
class Basis:
    """What scores of a search refer to.

    Attributes:
        order: The datasets of the frame in the order in which designs meet them.
        keep: Share of the designs that goes on at a rung; 1 where they are not compared.
        few: At the first rung designs wait until that share of them is so many.
        references: Accuracies of the references that are complete, by name.
        middle: None where designs cannot be compared in the middle of their first run.
        subset: Where the search looks at some datasets only, how well they stand for all: `left_out_r2`, `nested_r2`.
        weak: Datasets that the search leaves out, since they tell the references apart no better than chance.
    """

    frame: Frame
    order: tuple[str, ...]
    weight_of_variance: float
    keep: float
    references: dict[str, Accuracies]
    middle: Middle | None = None
    few: int = FEW_OF_FIRST_RUNG
    subset: dict[str, float] | None = None
    weak: tuple[str, ...] = ()

    @property
    def reference_scores(self) -> dict[str, float]:
        """The xScores of the references, by name."""
        return dict(zip(self.references, self.reference_scores_at(len(self.order)), strict=True))

    @property
    def best(self) -> tuple[str, float]:
        """The best reference and its xScore."""
        return max(self.reference_scores.items(), key=lambda each: each[1])

    @property
    def rungs(self) -> list[int]:
        """After how many datasets designs are compared: one, two, four, ... up to half of them; 0 is the middle of the first
        run. None where all go on."""
        middle = [0] if self.middle else []
        return [*middle, *rungs_of(len(self.order))] if self.keep < 1 else []

    def score(self, accuracies: Accuracies) -> Score | None:
        """None where a dataset is missing."""
        if any(name not in accuracies for name in self.order):
            return None
        normalised = [self.normalised(name, accuracies[name]) for name in self.order]
        mean, variance = statistics.fmean(normalised), statistics.variance(normalised)
        return Score(mean, variance, mean - self.weight_of_variance * variance)

    def score_at(self, rung: int, accuracies: Accuracies, middle: float | None) -> float | None:
        """After so many datasets: the mean of the normalised accuracies on them, after all the xScore; at rung 0, the
        normalised accuracy in the middle of the first run. None where one is missing."""
        if rung == len(self.order):
            score = self.score(accuracies)
            return None if score is None else score.xscore
        if rung == 0:
            return None if middle is None else self.normalised(self.order[0], middle)
        names = self.order[:rung]
        if any(name not in accuracies for name in names):
            return None
        return statistics.fmean(self.normalised(name, accuracies[name]) for name in names)

    def reference_scores_at(self, rung: int) -> list[float]:
        middles = self.middle.references if self.middle else {}
        found = [self.score_at(rung, each, middles.get(name)) for name, each in self.references.items()]
        return [score for score in found if score is not None]

    def normalised(self, dataset: str, accuracy: float) -> float:
        """An accuracy as a share of the frame's span of a dataset."""
        worst, best = self.frame.datasets[dataset]
        return (accuracy - worst) / (best - worst)


def rungs_of(datasets: int) -> list[int]:
    """One, two, four, ... up to half of the datasets."""
    return [2**power for power in range(datasets) if 2 * 2**power <= datasets]


def reference_runs(designs: Designs) -> list[Run]:
    """Those of distinct references. Raises UserError where the study compares too few for the search's frame or datasets, or
    has one dataset."""
    study, distinct = designs.study, designs.references
    if len(distinct) < 2:
        raise UserError("a search needs at least two architectures to compare: they span its frame", where=study.where)
    if len(study.suite.datasets) < FEWEST_DATASETS:
        raise UserError("a search needs at least two datasets: its xScore has a variance over them", where=study.where)
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

    study, search = designs.study, designs.study.search
    stored = [(run, found) for run in reference_runs(designs) if (found := store.get(run.key))]
    values = [(run, value_of(found, study.metric, SPLIT, store)) for run, found in stored]
    rows = [(run.model, run.dataset, run.seed, value) for run, value in values if value is not None]
    table = pd.DataFrame(rows, columns=["model", "dataset", "seed", "value"])
    undefined = {run.dataset for run, value in values if value is None}
    datasets = [name for name in study.suite.datasets if name not in undefined]
    frame = (
        None
        if table.empty
        else make_frame(table, list(table["model"].unique()), SPLIT, datasets=datasets, metric=study.metric)
    )
    if frame is None:
        raise UserError(
            "the references span no frame: two complete ones and two datasets that tell them apart are needed",
            where=study.where,
        )
    means = table.pivot_table(index="model", columns="dataset", values="value", sort=False).loc[list(frame.models)]
    images = {str(name): sum(designs.prepared[str(name)].counts(SPLIT)) for name in means}
    is_share = study.metric.name in BINOMIAL  # else nothing is known of its noise
    frame, weak = without_weak(frame, means, images) if is_share else (frame, ())
    frame, subset = reduced_frame(study, frame, means[list(frame.datasets)])
    references: dict[str, Accuracies] = {
        str(name): {str(dataset): float(value) for dataset, value in row.items()} for name, row in means.iterrows()
    }
    if order is None or set(order) != set(frame.datasets):
        seconds = {
            name: statistics.mean(found["seconds"] for run, found in stored if run.dataset == name) for name in images
        }
        met = means[list(frame.datasets)]
        order = ordered(met, seconds, images) if is_share else sorted(map(str, met), key=seconds.__getitem__)
    first = [(run, found) for run, found in stored if run.dataset == order[0] and run.model in references]
    keep = 1.0 if search.second_objective else search.keep
    return Basis(
        frame,
        tuple(order),
        study.weight_of_variance,
        keep,
        references,
        middle_of(first) if keep < 1 and study.metric.name == "accuracy" else None,
        subset=subset,
        weak=weak,
    )


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


def middle_of(runs: Sequence[tuple[Run, dict[str, Any]]]) -> Middle | None:
    """Of the references' stored runs on the first dataset; None where they differ in schedule or have no middle."""
    first, document = runs[0]
    if len(document["history"]) < 2 or any(run.recipe != first.recipe for run, _ in runs):
        return None
    steps = [entry["steps"] for entry in document["history"]]
    epoch = sum(each <= MIDDLE * steps[-1] for each in steps)
    if epoch == 0:
        return None
    accuracies = {run.model: found["history"][epoch - 1]["validation_accuracy"] for run, found in runs}
    return Middle(first.dataset, epoch, first.recipe, accuracies)


def ordered(means: pd.DataFrame, seconds: Mapping[str, float], images: Mapping[str, int]) -> list[str]:
    """Informative and cheap datasets first: those that tell most designs apart in a second of training.

    Args:
        means: Accuracies, references x datasets.
        seconds: Of a run, by dataset.
        images: That accuracies are of, by dataset.
    """
    low, high = means.min(), means.max()

    def tells_a_second(name: str) -> float:
        return steps_apart(low[name], high[name], images[name]) ** 2 / seconds[name]

    return sorted(map(str, means), key=lambda name: (-tells_a_second(name), name))


def steps_apart(low: float, high: float, images: int) -> float:
    """By how many deviations that an accuracy on so many images has by chance alone designs can differ: over what lies between
    the lowest and the highest accuracy of the references, or above it where that is less."""
    bottom, top, perfect = (2 * math.sqrt(images) * math.asin(math.sqrt(each)) for each in (low, high, 1.0))
    return min(top - bottom, perfect - top)
