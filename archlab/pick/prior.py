"""How good models were on other datasets: the order in which they are tried on a new one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archlab.data import entry, kin
from archlab.foundation import UserError
from archlab.foundation.checksums import changed_files
from archlab.runs import Store

if TYPE_CHECKING:
    import pandas as pd

LONG = "zhang2025"  # the published accuracies after 100 epochs, at the published widths
SHORT = Path(__file__).with_name("steps_800.csv")  # after 800 steps, at 2.5 million parameters
METRIC, SPLIT = "accuracy", "test"  # as the shipped tables have them
WEAK = 2.0  # deviations


@dataclass(frozen=True)
class Prior:
    """How good a model was on datasets other than the one that is picked for.

    Attributes:
        score: The higher, the earlier it is tried: a mean of xScores where only the shipped tables know the model.
        shipped: How many datasets of these tables it rests on.
        own: The datasets of the user's studies that it rests on.
    """

    score: float
    shipped: int = 0
    own: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """`0.71 on 9 shipped datasets and elpv, glyphs`"""
        shipped = [f"{self.shipped} shipped datasets"] if self.shipped else []
        return f"{self.score:.2f} on {' and '.join([*shipped, *([', '.join(self.own)] if self.own else [])])}"


def prior(store: Store, beside: str | None) -> dict[str, Prior]:
    """The scores of models on datasets other than `beside`, by name: references, and all that finished studies have tested.

    Of the references the mean of two xScores: that of long trainings, which Zhang, Ding and Liu published (arXiv 2511.00335;
    Algorithms 2026, 19(1), 14), and that of short ones, by `thorough`; who is best after minutes need not be after hours. Of
    the studies in the store the test accuracies, seed means, each dataset on their scale: the worst and the best reference
    there have the lowest and the highest such mean that any reference there has. A score is the mean over datasets, of which
    that of the shipped tables counts for as many as these have. It orders who is tried and proves nothing: budgets, pixels
    and recipes were others.

    Nothing is read of `beside`, of what counts as it (`archlab.data.kin`, either way), and of what has its source. A dataset
    says nothing where fewer than two references were tested, or where these lie no farther apart than twice the deviation
    that the accuracy on so few test images has by chance alone; nor does a study whose files are damaged.
    """
    import pandas as pd

    is_beside = is_beside_of(beside, store.home)
    shipped, datasets = _shipped(is_beside)
    columns: dict[str, list[pd.Series]] = {}
    for means, images in _tested(store.home, is_beside):
        for dataset in means:
            scaled = _on_scale(means[dataset].dropna(), shipped, images.get(str(dataset)))
            if scaled is not None:
                columns.setdefault(str(dataset), []).append(scaled)
    own = pd.DataFrame({dataset: pd.concat(found).groupby(level=0).mean() for dataset, found in columns.items()})
    return {str(name): _score(str(name), shipped, datasets, own) for name in shipped.index.union(own.index)}


def _score(name: str, shipped: pd.Series, datasets: int, own: pd.DataFrame) -> Prior:
    there = own.reindex([name]).loc[name].dropna()
    weight = datasets if name in shipped else 0
    total = weight * shipped.get(name, 0.0) + there.sum()
    return Prior(float(total / (weight + len(there))), weight, tuple(map(str, there.index)))


def _shipped(is_beside: Callable[[str], bool]) -> tuple[pd.Series, int]:
    """The mean xScores of the references, and of how many datasets they are."""
    import pandas as pd

    from archlab.report.held_against import CATALOGUE_NAMES
    from archlab.scoring import cells, read_table, seed_means, xscore

    scores, datasets = [], set[str]()
    for table in (LONG, SHORT):
        means = seed_means(cells(read_table(table))).rename(columns=CATALOGUE_NAMES)
        others = [str(name) for name in means if not is_beside(str(name))]
        scores.append(xscore(means[others])["xscore"])
        datasets.update(others)
    return pd.concat(scores, axis=1).mean(axis=1), len(datasets)


def _tested(home: Path, is_beside: Callable[[str], bool]) -> Iterator[tuple[pd.DataFrame, dict[str, int]]]:
    """Of each finished study the seed means, models x datasets, and how many images it tested with where it says so."""
    from archlab.report.study_files import finished_studies, read_files

    for study in finished_studies(home):
        folder = home / "studies" / study
        if not changed_files(folder):
            try:
                yield _means(*read_files(folder), is_beside)
            except (UserError, AttributeError, KeyError, TypeError, ValueError):  # damaged: `archlab report` says how
                continue


def _means(
    study: dict[str, Any], found: dict[str, Any], table: pd.DataFrame, is_beside: Callable[[str], bool]
) -> tuple[pd.DataFrame, dict[str, int]]:
    from archlab.scoring import seed_means

    names = _names(study["models"], fitted=study["budget"]["fit"] == "width")
    others = [name for name in table["dataset"].unique() if not is_beside(name)]
    rows = table[(table["split"] == SPLIT) & (table["metric"] == METRIC)]
    rows = rows[rows["dataset"].isin(others) & rows["model"].isin(names)]
    images = {name: sum(counts["images"]) for name, counts in found.get("test_images", {}).items() if name in others}
    return seed_means(rows.assign(model=rows["model"].map(names))), images


def _names(models: Iterable[dict[str, Any]], *, fitted: bool) -> dict[str, str]:
    """What the models of a study are called here: a reference by its own name, whatever it is called there.

    What is not fitted to the study's budget is left out, and what has the name of a reference and is another network.
    """
    from archlab.architecture import from_canonical

    known = reference_names()
    names = {}
    for model in models:
        reference = known.get(from_canonical(model["architecture"], model["name"]).digest())
        is_raw = model["kind"] == "raw" and fitted
        if not is_raw and (reference or model["name"] not in known.values()):
            names[model["name"]] = reference or model["name"]
    return names


@cache
def reference_names() -> dict[str, str]:
    """Their names by digest."""
    from archlab.architecture import architecture, references

    return {architecture(name).digest(): name for name in references()}


def _on_scale(accuracies: pd.Series, shipped: pd.Series, images: int | None) -> pd.Series | None:
    """The accuracies of models on one dataset, on the scale of the shipped scores; None where they say nothing."""
    there = accuracies.index.intersection(shipped.index)
    if len(there) < 2:
        return None
    reached, expected = accuracies[there], shipped[there]
    low, span = reached.min(), reached.max() - reached.min()
    chance = math.sqrt((reached * (1 - reached)).mean() / images) if images else 0.0
    if span <= WEAK * chance:
        return None
    return expected.min() + (accuracies - low) / span * (expected.max() - expected.min())


def is_beside_of(beside: str | None, home: Path) -> Callable[[str], bool]:
    """Whether a dataset is the one that is picked for, or may hold images of it."""
    if beside is None:
        return lambda name: False
    own, source = _counts_as(beside, home), _source(beside, home)

    @cache
    def is_beside(name: str) -> bool:
        return not own.isdisjoint(_counts_as(name, home)) or (source is not None and source == _source(name, home))

    return is_beside


def _counts_as(dataset: str, home: Path) -> set[str]:
    try:
        return set(kin(dataset, home))
    except UserError:  # it is no longer in the catalogue
        return {dataset, dataset.partition("@")[0]}


def _source(dataset: str, home: Path) -> object:
    """Where its images are, whatever else is said of them, such as columns of a table or series; None where nobody knows."""
    try:
        described = entry(dataset, home)
    except UserError:
        return None
    return described.options.get("path") or (described.source, described.options)
