import math

import numpy as np
import pytest
from scipy import stats

from archlab.scoring import effects
from archlab.scoring.sequential import critical_values
from archlab.scoring.verdicts import Look, adjusted, verdicts
from tests.scoring.simulated import simulate, table_of

MODELS = [{"model": "base", "options": {"attention": "none"}, "kind": None}] + [
    {"model": name, "options": {"attention": name}, "kind": "raw"} for name in ("se", "eca")
]


def holm(p):
    """By the definition: the j-th smallest p-value of n times n - j + 1, and none below an earlier one."""
    found, largest = np.full(len(p), np.nan), 0.0
    for step, index in enumerate(sorted(np.flatnonzero(np.isfinite(p)), key=lambda index: p[index])):
        largest = max(largest, p[index] * (np.isfinite(p).sum() - step))
        found[index] = min(largest, 1.0)
    return found


def one(*looks, matters=None):
    return verdicts([looks], matters)[0]


def test_one_look_gives_what_effects_gives():
    accuracies = {"base": [0.6, 0.7], "se": [0.62, 0.71], "eca": [0.6, 0.71]}
    table = simulate(table_of(accuracies), 0.01, 4, seed=1)
    rows = effects(table, MODELS, "base", None).rows
    looks = []
    for row in rows.to_dict("records"):
        half = (row["high"] - row["low"]) / 2
        freedom = 6 if isinstance(row["dataset"], str) else _satterthwaite(table)
        looks.append([Look(row["difference"], half / stats.t.ppf(0.975, freedom), freedom)])
    for row, found in zip(rows.to_dict("records"), verdicts(looks), strict=True):
        for name in ("difference", "low", "high", "p", "p_adjusted"):
            assert getattr(found, name) == pytest.approx(row[name], rel=1e-7), name
        assert found.differs == row["decided"]
        assert math.isnan(found.p_same)


def _satterthwaite(table):
    """Of two variances with six degrees of freedom each (three models of four seeds, paired)."""
    squares = []
    for _, part in table.groupby("dataset"):
        grid = part.pivot(index="seed", columns="model", values="value").to_numpy()
        rest = grid - grid.mean(axis=0) - grid.mean(axis=1, keepdims=True) + grid.mean()
        squares.append((rest**2).sum())
    return 6 * sum(squares) ** 2 / sum(square**2 for square in squares)


def test_the_equivalence_of_one_look_is_two_one_sided_t_tests():
    values = np.random.default_rng(2).normal(0.1, 0.6, 12)
    found = one(Look(values.mean(), values.std(ddof=1) / math.sqrt(12), 11), matters=0.5)
    above = stats.ttest_1samp(values, -0.5, alternative="greater").pvalue
    below = stats.ttest_1samp(values, 0.5, alternative="less").pvalue
    assert found.p_same == pytest.approx(max(above, below))


@pytest.mark.parametrize(
    ("difference", "error", "matters", "verdict", "differs"),
    [
        (3.0, 0.5, 1.0, "better", True),
        (-3.0, 0.5, 1.0, "worse", True),
        (0.1, 0.3, 1.0, "same", False),
        (0.4, 0.1, 1.0, "same", True),  # there is a difference, and it is too small to matter
        (1.2, 0.2, 1.0, "better", True),  # a difference; whether it matters stays open
        (0.5, 0.5, 1.0, "undecided", False),
        (0.1, 0.01, None, "better", True),  # without `matters` any difference counts
        (0.0, 0.01, None, "undecided", False),
        (0.0, 0.0, 1.0, "same", False),  # one network under two names
        (0.0, 0.0, None, "undecided", False),
        (2.0, 0.0, 1.0, "undecided", False),  # seeds that agree to the last digit say nothing about the noise
        (2.0, math.nan, 1.0, "undecided", False),
    ],
)
def test_the_four_verdicts(difference, error, matters, verdict, differs):
    found = one(Look(difference, error), matters=matters)
    assert (found.verdict, found.differs) == (verdict, differs)


def test_without_equivalences_the_adjustment_is_holms():
    worked = adjusted(np.array([0.01, 0.04, 0.03, 0.005, np.nan]), np.full(5, np.nan))[0]
    assert worked[:4] == pytest.approx([0.03, 0.06, 0.06, 0.02]) and math.isnan(worked[4])  # by hand
    p = np.array([0.02, np.nan, 0.001, 0.3, 0.02])
    assert adjusted(p, np.full(5, np.nan))[0] == pytest.approx(holm(p), nan_ok=True)


def test_the_adjustment_is_never_more_liberal_than_the_closed_test_nor_stricter_than_holms():
    """Bonferroni in every set of nulls that can all be true; a null is rejected where all sets with it are."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        p, p_same = rng.uniform(0, 0.2, (2, 3)) ** 2
        both = np.stack([p, p_same, np.full(3, np.nan)], axis=1)
        sets = [
            np.array(choice) for choice in np.ndindex(3, 3, 3)
        ]  # by contrast: no difference, a large one, or neither
        for contrast in range(3):
            for null, found in enumerate(adjusted(p, p_same)):
                of_sets = []
                for chosen in sets:
                    if chosen[contrast] == null:
                        values = both[np.arange(3), chosen]
                        of_sets.append(np.nanmin(values) * np.isfinite(values).sum())
                assert found[contrast] >= min(max(of_sets), 1) - 1e-12
        assert (
            np.sort(np.concatenate(adjusted(p, p_same))) <= np.sort(holm(np.concatenate([p, p_same]))) + 1e-12
        ).all()


def test_what_is_decided_stays_decided_and_may_only_turn_out_not_to_matter():
    clear = [Look(2.0, 0.4, fraction=0.3), Look(1.0, 0.3, fraction=0.6), Look(0.3, 0.23, fraction=1.0)]
    found = [one(*clear[: looks + 1], matters=1.0) for looks in range(3)]
    assert [each.verdict for each in found] == ["better", "better", "same"]
    assert found[0].p >= found[1].p >= found[2].p
    assert found[2].differs


def test_a_repeated_interval_is_the_boundary_in_points_and_wider_than_that_of_one_look():
    looks = [Look(0.5, 0.8, fraction=0.25), Look(0.4, 0.4, fraction=1.0)]
    for count, fractions in ((1, (0.25,)), (2, (0.25, 1.0))):
        found, last = one(*looks[:count]), looks[count - 1]
        half = critical_values(fractions, 0.025)[-1] * last.error
        assert (found.low, found.high) == pytest.approx((last.difference - half, last.difference + half))
        assert half > 1.96 * last.error
    wider = one(Look(0.5, 0.8, 3, 0.25))
    assert wider.low < one(looks[0]).low


def test_looks_before_the_noise_is_known_do_not_count():
    known = Look(1.0, 0.3, 4, 0.5)
    assert one(Look(2.0, math.nan, 0, 0.1), known, matters=1.0) == one(known, matters=1.0)
    assert math.isnan(one().p) and one().verdict == "undecided"


def test_each_contrast_may_have_its_own_limit():
    looks = [[Look(0.1, 0.3)], [Look(0.001, 0.003)], [Look(0.0, 0.3)]]
    assert [found.verdict for found in verdicts(looks, [1.0, 0.01, None])] == ["same", "same", "undecided"]
