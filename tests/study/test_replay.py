"""Rounds of seeds replayed on recorded runs, with the results looked up instead of trained.

`recorded_seeds.csv`: test accuracies of 504 real runs, 24 seeds of each cell of this study, by `archlab ablate --seeds 24` (AMD
EPYC, torch 2.13, 1.5 seconds a run):

    base: {name: net, layers: [{conv: {out: 16, stride: 2}}, {inverted_residual: {out: 24, expand: 4, stride: 2}},
           {inverted_residual: {out: 24, expand: 4}}, {inverted_residual: {out: 48, expand: 4, stride: 2}}]}
    choices: {change: none, se (ratio 0.25), eca, kernel (5), narrow (expand 2), wide (expand 8), shallow (without layer 2)}
    budget: none
    suite: [digits, textures, mnist5k]
    recipe: {like: quick, steps: 60}
"""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from archlab.scoring import Matters, effects
from archlab.study.rounds import SeedRounds, unsettled
from tests.repeated import repeated

RECORDED = pd.read_csv(Path(__file__).parent / "recorded_seeds.csv").assign(split="test", metric="accuracy")
MODELS = list(dict.fromkeys(RECORDED["model"]))
DATASETS = RECORDED["dataset"].nunique()
SEEDS = RECORDED["seed"].nunique()

pytestmark = pytest.mark.slow


def options_of(models):
    return [{"model": model, "options": {"change": model}, "kind": "raw"} for model in models]


def drawn(rng, models, count):
    """So many seeds, each one of the recorded ones, the same for all models, as runs are paired by seed."""
    there = RECORDED[RECORDED["model"].isin(models)]
    return pd.concat(
        [there[there["seed"] == seed].assign(seed=at) for at, seed in enumerate(rng.integers(0, SEEDS, count))]
    )


def until_decided(table, models, most, matters):
    """What is found at the end, and the runs that it took."""
    rounds = SeedRounds([0, 1], most, models, list(table["dataset"].unique()))
    while True:
        cells = zip(table["model"], table["dataset"], table["seed"], strict=True)
        rows = table[[seed < rounds.has[model][dataset] for model, dataset, seed in cells]]
        found = effects(rows, options_of(models), models[0], None, "test", matters=matters, rounds=rounds.rounds)
        if not rounds.go_on(found):
            return found.rows, len(rows)


def with_equal_seeds(table, models, count, matters):
    return effects(table[table["seed"] < count], options_of(models), models[0], None, "test", matters=matters).rows


def settled(rows):
    about = rows[rows["about"]]
    return ~about.index.isin(unsettled(SimpleNamespace(rows=rows)).index)


def test_runs_against_equal_seeds_at_the_same_decisions():
    """Four options, 2 points matter. Equal seeds: the fewest with which every contrast is settled as often as in rounds."""
    models, studies, most, matters = MODELS[:5], repeated(16), 60, Matters(points=2)
    tables = [drawn(np.random.default_rng(study), models, most) for study in range(studies)]
    found = [until_decided(table, models, most, matters) for table in tables]
    decided = np.mean([settled(rows) for rows, _ in found], axis=0)
    runs = [count for _, count in found]
    for equal in range(30, most + 1, 2):
        as_often = np.mean([settled(with_equal_seeds(table, models, equal, matters)) for table in tables], axis=0)
        if (as_often >= decided - 0.03).all():
            break
    ratio = np.mean(runs) / (DATASETS * len(models) * equal)
    print(
        f"{studies} studies of recorded runs: {np.mean(runs):.0f} runs (deviation {np.std(runs):.0f}) settle what {equal} "
        f"equal seeds, {DATASETS * len(models) * equal} runs, do: {ratio:.2f}; settled {decided.round(2)} and "
        f"{as_often.round(2)}"
    )
    assert decided.min() >= 0.7
    assert ratio <= 0.65


def test_one_network_under_two_names_is_told_apart_in_at_most_5_percent():
    """The recorded seeds of a network in two halves, each as a model of its own, in rounds of up to 12 seeds."""
    splits, apart, same = repeated(300), 0, 0
    for split in range(splits):
        rng = np.random.default_rng(split)
        table = RECORDED[RECORDED["model"] == MODELS[split % len(MODELS)]]
        order = rng.permutation(SEEDS)[table["seed"]]
        table = table.assign(model=np.where(order < SEEDS // 2, "one", "other"), seed=order % (SEEDS // 2))
        rows, _ = until_decided(table, ["one", "other"], SEEDS // 2, Matters(points=3) if split % 2 else Matters())
        (verdict,) = rows.loc[rows["about"], "verdict"]
        apart += verdict in ("better", "worse")
        same += verdict == "same"
    most = int(stats.binom.ppf(0.99, splits, 0.05))
    print(
        f"A/A: {apart} of {splits} splits told apart, at most {most} where 5 % are; {same} no difference that matters"
    )
    assert apart <= most
