"""How likely a study that goes on until it is decided is decided in time, before anything has run."""

from __future__ import annotations

import dataclasses
import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archlab.executors import Outcome
from archlab.forecast import Plan, plan
from archlab.foundation.words import counted, duration
from archlab.runs import Run, Store
from archlab.study.ablating import planned_runs
from archlab.study.ablation import assess
from archlab.study.matters import in_words
from archlab.study.resolved import ResolvedStudy
from archlab.study.rounds import counts, seeds_in_order
from archlab.study.scored import SPLIT

if TYPE_CHECKING:
    from archlab.scoring.contrasts import Contrast
    from archlab.scoring.estimates import Estimate

GUESSED_NOISE = {
    "points": 1.3,
    "xscore": 0.06,
}  # between seeds: of a run on a dataset (1.1 to 1.6 seen), of a model's score
SPREAD = {"points": 2.0, "xscore": 0.1}  # of true differences between options, normal around none
MOST_LOOKED_AT = 30  # seeds of which stored runs are looked for
UNITS = {"points": "points", "xscore": "of xScore"}


@dataclass(frozen=True)
class Family:
    """The contrasts of one choice in one measure.

    Args:
        contrasts: How many.
        chance: That one of them is decided, on average.
        seed_error, image_error: Standard errors of a contrast that one seed of each model leaves, and that the test images do.
        source: Where these come from: stored runs of the study, or alike (of its recipe and datasets), or a guess.
    """

    choice: str
    kind: str
    measure: str
    contrasts: int
    chance: float
    seed_error: float
    image_error: float
    source: str


@dataclass(frozen=True)
class Expected:
    """What can be said beforehand.

    Args:
        within: Seconds; None: as long as it takes.
        seeds: That every model has by then, if all contrasts stay open; 0: not even the first round is over.
    """

    families: list[Family]
    matters: dict[str, float]
    within: float | None
    seeds: int

    def document(self) -> dict[str, Any]:
        found = dataclasses.asdict(self)
        return {**found, "matters": self.matters or None, "spread_of_true_differences": SPREAD}

    def lines(self) -> list[str]:
        time = f"within {duration(self.within)}" if self.within else "at the most seeds"
        said = f"until decided, {time}: {counted(self.seeds, 'seed')} of each model, if everything stays open"
        if self.matters:
            said += f"; what matters is {in_words(self.matters)}"
        found = [said]
        for each in self.families:
            unit = UNITS[each.measure]
            many = counted(each.contrasts, "contrast")
            images = f", {each.image_error:.2g} the test images" if each.image_error else ", test images left out"
            found.append(
                f"{each.choice}, {many} in {'xScore' if each.measure == 'xscore' else unit}: a chance of {each.chance:.0%} "
                f"that one is decided, if differences spread by {SPREAD[each.measure]:g} {unit}; a seed leaves an error of "
                f"{each.seed_error:.2g} {unit}{images} ({each.source})"
            )
        return found


def expect(study: ResolvedStudy, planned: Plan, store: Store, within: float | None) -> Expected:
    """Of a study from `archlab.study.until.in_rounds`, and the plan of its first round."""
    from archlab.scoring import chance_decided
    from archlab.scoring.contrasts import asked, contrasts

    assert study.most_seeds is not None
    found = asked(contrasts(study.contrasted, str(study.base)))
    has_frame = len(study.frame) > 1 and len(study.datasets) > 1
    measures = list(study.matters) or ["xscore" if has_frame else "points"]
    first, more = len(study.seeds), _seconds_a_seed(study, planned, store)
    looks = [
        count
        for count in counts(first, study.most_seeds)
        if within is None or planned.wall + (count - first) * more <= within
    ]
    noise, level = _Noise(study, store, found), 0.05 / (len(found) * len(measures))
    families = []
    for measure in measures:
        if measure == "points" and not study.metric.is_share:
            continue  # nothing is known of the noise and the differences of other units
        for choice in dict.fromkeys(each.choice for each in found):
            members = [each for each in found if each.choice == choice]
            seeds, images, sources = zip(*[noise.of(each, measure) for each in members], strict=True)
            seed, image = statistics.mean(seeds), statistics.mean(images)
            errors = [math.hypot(image, seed / math.sqrt(count)) for count in looks]
            limit, spread = study.matters.get(measure), SPREAD[measure]
            chance = chance_decided(errors, limit, level, spread=spread) if errors else 0.0
            source = " and ".join(dict.fromkeys(sources))
            families.append(Family(choice, members[0].kind, measure, len(members), chance, seed, image, source))
    return Expected(families, study.matters, within, looks[-1] if looks else 0)


def _seconds_a_seed(study: ResolvedStudy, planned: Plan, store: Store) -> float:
    """What one more seed of every model takes, as the last would: the next ones may be stored."""
    assert study.most_seeds is not None
    last = seeds_in_order(study.seeds, study.most_seeds)[-1:]
    one = plan(planned_runs(dataclasses.replace(study, seeds=last), store.home), store, measure=False)
    return one.work / planned.workers


class _Noise:
    """The standard errors of contrasts, of what is stored, else guessed."""

    def __init__(self, study: ResolvedStudy, store: Store, found: list[Contrast]):
        self.datasets = len(study.datasets)
        order = seeds_in_order(study.seeds, min(study.most_seeds or MOST_LOOKED_AT, MOST_LOOKED_AT))
        runs = planned_runs(dataclasses.replace(study, seeds=order), store.home)
        self.own = _own_estimates(study, [run for run in runs if run.key in store], store, found)
        self.of_a_run = _noise_of_alike(study, runs, store)

    def of(self, contrast: Contrast, measure: str) -> tuple[float, float, str]:
        """What one seed of each model leaves, what the test images do, and where that comes from."""
        for each in self.own:
            if (each.contrast, each.measure, each.dataset) == (contrast, measure, None):
                return each.seed_error, each.image_error, "from stored runs of the study"
        weight = math.sqrt(sum(weight**2 for weight in contrast.weights.values()))
        if measure == "xscore":
            return weight * GUESSED_NOISE[measure], 0.0, "a guess"
        if self.of_a_run is not None:
            return weight * self.of_a_run, 0.0, "from stored runs alike"
        return weight * GUESSED_NOISE[measure] / math.sqrt(self.datasets), 0.0, "a guess"


def _own_estimates(study: ResolvedStudy, stored: list[Run], store: Store, found: list[Contrast]) -> list[Estimate]:
    """Of the contrasts whose models have stored runs, where the noise of these is known."""
    from archlab.scoring import cells, percent_factor
    from archlab.scoring.estimates import estimates

    if not stored:
        return []
    outcome = Outcome({run.key: document for run in stored if (document := store.get(run.key))})
    assessed = assess(study, stored, outcome, store)
    rows, scored = cells(assessed.table, SPLIT, study.metric), assessed.scored
    made = estimates(
        rows,
        found,
        scored.frame if scored else None,
        study.weight_of_variance,
        points=percent_factor(rows["value"], study.metric),
        seeds=study.seeds,
        images=assessed.images,
    )
    return [each for each in made if each.seed_error > 0]


def _noise_of_alike(study: ResolvedStudy, runs: list[Run], store: Store) -> float | None:
    """In points, the deviation between seeds of a model's mean over the datasets, of all stored runs of whatever models with
    the study's recipes and data."""
    import pandas as pd

    from archlab.runs.index import list_runs
    from archlab.runs.run import digest
    from archlab.scoring import percent_factor, seed_noise

    listed, metric = list_runs(store).table, f"test_{study.metric.name}"
    if metric not in listed.column_names:
        return None
    names = ["architecture", "width", "code", "dataset_digest", "recipe", "seed", metric]
    rows = pd.DataFrame(listed.select(names).to_pydict())
    digests = {dataset: {run.dataset_digest for run in runs if run.dataset == dataset} for dataset in study.datasets}
    alike = rows[rows["recipe"].isin({digest(run.recipe) for run in runs})].dropna(subset=metric)
    parts = [alike[alike["dataset_digest"].isin(found)].assign(dataset=name) for name, found in digests.items()]
    alike = pd.concat(parts)
    if set(alike["dataset"]) != set(study.datasets):
        return None
    model = alike[["architecture", "width", "code", "recipe"]].astype(str).agg(" ".join, axis=1)
    alike = pd.DataFrame({"model": model, "dataset": alike["dataset"], "seed": alike["seed"], "value": alike[metric]})
    alike = alike.drop_duplicates(["model", "dataset", "seed"])
    noise = seed_noise(alike)
    return (
        math.sqrt(noise.variance.sum()) / len(study.datasets) * percent_factor(alike["value"], study.metric)
        if noise.known
        else None
    )
