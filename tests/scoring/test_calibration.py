"""What the intervals and tests promise, held against simulations in which the truth is known."""

import sys

import numpy as np
import pandas as pd
import pytest

from archlab.scoring import Frame, effects, make_frame, may_be_best, read_table, xscore
from archlab.scoring import intervals as intervals_module
from archlab.scoring import stability as stability_module
from archlab.scoring.intervals import score_intervals
from archlab.scoring.noise import seed_noise
from archlab.scoring.tidy import cells
from tests.repeated import repeated, slack
from tests.scoring.simulated import simulate, table_of

pytestmark = pytest.mark.slow


def published():
    """Eleven models on seven datasets, accuracies in percent, noise as between repeated trainings."""
    return read_table("zhang2025").pivot(index="model", columns="dataset", values="value"), 0.8, None


def quick_study():
    """Seven models on four datasets; four references, one of them weak, span the frame."""
    expected = np.random.default_rng(5).uniform(0.7, 0.8, (7, 4))
    expected[0] -= 0.25
    return table_of({f"m{index}": list(row) for index, row in enumerate(expected)}), [0.011, 0.016, 0.014, 0.012], 4


def close_models():
    """Four models within six points of each other on four datasets: the noise sets the frame as much as they do."""
    expected = np.random.default_rng(5).uniform(0.70, 0.76, (4, 4))
    return table_of({f"m{index}": list(row) for index, row in enumerate(expected)}), 0.013, None


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("world", [published, quick_study, close_models])
def test_95_percent_intervals_cover_the_score_of_expected_accuracies(world, seeds, monkeypatch):
    monkeypatch.setattr(intervals_module, "DRAWS", 1000)
    expected, deviation, references = world()
    spanning = expected.iloc[:references]
    spans = {name: (column.min(), column.max()) for name, column in spanning.items()}
    truth = xscore(expected, frame=Frame("cohort", tuple(spanning.index), None, spans))["xscore"]
    covered = pd.Series(0.0, expected.index)
    studies = repeated(300)
    for study in range(studies):
        table = simulate(expected, deviation, seeds, study)
        frame = make_frame(table, list(spanning.index))
        rows = cells(table)
        ends = score_intervals(rows, xscore(seed_noise(rows).means, frame=frame)["xscore"], frame, lam=0.5)
        covered += ((ends["xscore_low"] <= truth) & (truth <= ends["xscore_high"])) / studies
    print(f"{world.__name__}, {seeds} seeds: mean {covered.mean():.3f}, least {covered.min():.3f}")
    more = slack(0.05, studies)
    assert 0.92 - more <= covered.mean() <= 0.97 + more
    assert covered.min() >= 0.88 - more


def test_of_studies_without_an_effect_at_most_5_percent_report_one(monkeypatch):
    monkeypatch.setattr(sys.modules["archlab.scoring.effects"], "DRAWS", 2000)
    references, _, _ = quick_study()
    references = references.iloc[:4]
    options = ["se", "eca", "mobilevit"]
    variants = pd.DataFrame([references.iloc[1]] * 3, index=options)
    models = [{"model": "m1", "options": {"attention": "none"}}]
    models += [{"model": option, "options": {"attention": option}, "kind": "equal_budget"} for option in options]
    reported = 0
    studies = repeated(1000)
    for study in range(studies):
        table = simulate(pd.concat([references, variants]), 0.013, 3, study)
        found = effects(table, models, "m1", make_frame(table, list(references.index)))
        reported += bool(found.rows["decided"].any())
    print(f"{reported} of {studies} studies without an effect report one")
    assert reported / studies <= 0.067 + slack(0.05, studies)


def test_a_model_that_truly_is_the_best_is_left_out_in_at_most_5_percent(monkeypatch):
    """Six that are equally good, above four references."""
    monkeypatch.setattr(stability_module, "DRAWS", 1000)
    references = quick_study()[0].iloc[:4]
    best = pd.DataFrame([references.iloc[1] + 0.06] * 6, index=[f"best{at}" for at in range(6)])
    left_out, studies = 0.0, repeated(300)
    for study in range(studies):
        table = simulate(pd.concat([references, best]), 0.013, 3, study)
        rows, frame = cells(table), make_frame(table, list(references.index))
        found = may_be_best(rows, xscore(seed_noise(rows).means, frame=frame)["xscore"], frame)
        left_out += len(set(best.index) - set(found)) / len(best)
    print(f"of models that are the best {left_out / studies:.3f} are left out")
    assert left_out / studies <= 0.05 + slack(0.05, studies)
