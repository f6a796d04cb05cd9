"""What is promised of studies that stop as soon as they are decided, held against simulations whose truth is known."""

import math

import numpy as np
import pytest
from scipy import stats

from archlab.scoring.sequential import information_fraction
from archlab.scoring.verdicts import Look, verdicts
from tests.repeated import repeated
from tests.scoring.simulated_stopping import stopping

pytestmark = pytest.mark.slow


def most_of(studies):
    """So many of the studies, or fewer, with a chance of 99 % where 5 % of all are false."""
    return int(stats.binom.ppf(0.99, studies, 0.05))


@pytest.mark.parametrize("image", [0.0, 0.3])
@pytest.mark.parametrize("options", [1, 3, 10])
def test_at_most_5_percent_of_studies_without_an_effect_report_one(options, image):
    studies = repeated(4000)
    found = stopping([0.0] * options, 30, studies=studies, seed=101, image=image, stop=False)
    false = int(found.differs.any(axis=1).sum())
    print(f"{options} contrasts, image noise {image}: {false} of {studies} with a false difference")
    assert false <= most_of(studies)


@pytest.mark.parametrize("image", [0.0, 0.3])
@pytest.mark.parametrize("options", [1, 3, 10])
def test_at_most_5_percent_of_studies_call_a_difference_that_just_matters_none(options, image):
    studies = repeated(4000)
    effects = np.resize([1.0, -1.0], options)
    found = stopping(effects, 30, studies=studies, seed=102, image=image, stop=False)
    false = int(found.same.any(axis=1).sum())
    print(f"{options} contrasts, image noise {image}: {false} of {studies} with a false equivalence")
    assert false <= most_of(studies)


def test_at_most_5_percent_of_studies_with_both_kinds_of_nulls_claim_anything_false():
    studies, effects = repeated(4000), np.array([0.0, 1.0, 0.0, -1.0, 0.0, 1.0])
    found = stopping(effects, 60, studies=studies, seed=103)
    false = int((np.where(effects == 0, found.differs, found.same)).any(axis=1).sum())
    print(f"6 contrasts of either kind: {false} of {studies} with a false claim")
    assert false <= most_of(studies)


@pytest.mark.parametrize(("options", "image"), [(1, 0.0), (1, 0.4), (3, 0.4)])
def test_verdicts_themselves_with_models_paired_by_seed_and_all_estimated_from_the_runs(options, image):
    """Also the fractions; the repeated intervals hold the truth at all looks together."""
    studies = repeated(400)
    false = missed = 0
    for study in range(studies):
        paths = paired_study(np.random.default_rng(study), options, image)
        false += any(found.differs for found in verdicts(paths))
        every = [verdicts([paths[0][:looks]])[0] for looks in range(1, len(paths[0]) + 1)]
        missed += not all(found.low <= 0 <= found.high for found in every)
    print(
        f"{options} contrasts, image noise {image}: {false} of {studies} false, {missed} with an interval that misses"
    )
    assert false <= most_of(studies)
    assert missed <= most_of(studies)


def paired_study(rng, options, image, deviation=1.3, most=20):
    runs = rng.normal(0, deviation, (options + 1, most)) + rng.normal(0, 3, most)  # what a seed does to all
    runs[1:] += rng.normal(0, 1, (options, 1)) * image
    paths = [[] for _ in range(options)]
    for seeds in range(2, most + 1):
        part = runs[:, :seeds]
        rest = part - part.mean(axis=1, keepdims=True) - part.mean(axis=0) + part.mean()
        freedom = options * (seeds - 1)
        one = math.sqrt(2 * (rest**2).sum() / freedom)
        error, fraction = math.hypot(image, one / math.sqrt(seeds)), information_fraction(image, one, seeds, most)
        for option, path in enumerate(paths):
            path.append(Look(part[option + 1].mean() - part[0].mean(), error, freedom, fraction))
    return paths


RECORDED = (4.8, 2.1, 1.6)  # deviations in points of `tests/study/recorded_seeds.csv`


@pytest.mark.parametrize("most", [12, 30])
@pytest.mark.parametrize("deviations", [RECORDED, (3.0, 3.0, 3.0), (2.0, 1.9), (6.0, 1.0, 0.3, 0.3, 2.0)])
@pytest.mark.parametrize("options", [1, 3])
def test_seeds_that_follow_the_noise_of_the_datasets_report_no_more_effects(options, deviations, most):
    studies = repeated(3000)
    given = {"studies": studies, "deviations": deviations, "stop": False, "paired": True}
    found = stopping([0.0] * options, most, seed=104, **given)
    false = int(found.differs.any(axis=1).sum())
    print(f"{options} contrasts, deviations {deviations}, {most} seeds: {false} of {studies} with a false difference")
    assert false <= most_of(studies)


STUDIES = {  # effects in points of which one matters; deviations; the fewest seeds with 80 % power for every contrast: of all
    # at once, at most with looks; the share of the runs
    "mixed: 0, 0.3, 2, 4": ([0.0, 0.3, 2.0, 4.0], (1.3,), 54, 62, 0.62),
    "harder: 0, 0.3, 1.5, 3": ([0.0, 0.3, 1.5, 3.0], (1.3,), 54, 62, 0.65),
    "hard: 0, 0, 1, 3": ([0.0, 0.0, 1.0, 3.0], (1.3,), 43, 47, 0.75),
    "mixed, three datasets": ([0.0, 0.3, 2.0, 4.0], (2.4, 1.05, 0.8), 27, 38, 0.55),
    "harder, three datasets": ([0.0, 0.3, 1.5, 3.0], (2.4, 1.05, 0.8), 27, 38, 0.58),
    "hard, three datasets": ([0.0, 0.0, 1.0, 3.0], (2.4, 1.05, 0.8), 21, 28, 0.66),
}


@pytest.mark.parametrize("name", STUDIES)
def test_runs_against_equal_seeds_at_the_same_power(name):
    effects, deviations, at_once, most, share = STUDIES[name]
    fixed = stopping(effects, at_once, studies=2000, seed=201, deviations=deviations, once=True)
    stopped = stopping(effects, most, studies=1000, seed=202, deviations=deviations)
    ratio = stopped.runs.mean() / fixed.runs.mean()
    powers = fixed.decided.mean(axis=0), stopped.decided.mean(axis=0)
    wrong = (stopped.same & (np.abs(effects) >= 1) | stopped.differs & (np.array(effects) == 0)).any(axis=1).mean()
    print(f"{name}: {ratio:.3f} of the runs; decided {powers[0].round(2)} and {powers[1].round(2)}; wrong {wrong:.3f}")
    assert powers[1].min() >= powers[0].min() - 0.03
    assert wrong <= 0.06
    assert ratio <= share
