import numpy as np
import pandas as pd
import pytest
from scipy import stats

from archlab.foundation import UserError
from archlab.scoring import compare_over_datasets, read_table
from archlab.scoring.significance import smallest_p

# Table 6 of Demšar 2006: area under the curve of four C4.5 variants on 14 datasets. The paper's ranks break one tie that
# rounding made (0.97501).
DEMSAR = pd.DataFrame(
    {
        "C4.5": [0.763, 0.599, 0.954, 0.628, 0.882, 0.936, 0.661, 0.583, 0.775, 1.0, 0.940, 0.619, 0.972, 0.957],
        "C4.5+m": [0.768, 0.591, 0.971, 0.661, 0.888, 0.931, 0.668, 0.583, 0.838, 1.0, 0.962, 0.666, 0.981, 0.978],
        "C4.5+cf": [0.771, 0.590, 0.968, 0.654, 0.886, 0.916, 0.609, 0.563, 0.866, 1.0, 0.965, 0.614, 0.97501, 0.946],
        "C4.5+m+cf": [0.798, 0.569, 0.967, 0.657, 0.898, 0.931, 0.685, 0.625, 0.875, 1.0, 0.962, 0.669, 0.975, 0.970],
    }
).T


def test_the_published_example():
    found = compare_over_datasets(DEMSAR)
    assert found.average_ranks.round(3).to_dict() == {
        "C4.5+m+cf": 1.964,
        "C4.5+m": 2.0,
        "C4.5+cf": 2.893,
        "C4.5": 3.143,
    }
    ranks = found.average_ranks
    uncorrected = 12 * 14 / (4 * 5) * ((ranks**2).sum() - 4 * 25 / 4)
    assert uncorrected == pytest.approx(9.28, abs=0.01)
    assert found.statistic == pytest.approx(stats.friedmanchisquare(*DEMSAR.to_numpy()).statistic)
    assert found.critical_difference == pytest.approx(1.25, abs=0.005)
    assert found.groups == (("C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5"),)  # the largest difference is 1.18


def test_pairwise_p_values_are_those_of_scikit_posthocs():
    posthocs = pytest.importorskip("scikit_posthocs")
    table = read_table("zhang2025").pivot(index="model", columns="dataset", values="value")
    found = compare_over_datasets(table)
    expected = posthocs.posthoc_nemenyi_friedman(table.T)
    pairs = found.pairwise.loc[expected.index, expected.columns]
    off_diagonal = ~np.eye(len(pairs), dtype=bool)
    assert np.allclose(pairs.to_numpy()[off_diagonal], expected.to_numpy()[off_diagonal], atol=2e-4)


def test_groups_are_those_within_the_critical_difference():
    table = read_table("zhang2025").pivot(index="model", columns="dataset", values="value")
    found = compare_over_datasets(table)
    for group in found.groups:
        assert found.average_ranks[group[-1]] - found.average_ranks[group[0]] < found.critical_difference
    told_apart = {frozenset(pair) for pair in zip(*np.where(found.pairwise.to_numpy() < 0.05), strict=True)}
    ranks = found.average_ranks.to_numpy()
    assert told_apart == {
        frozenset((a, b)) for a in range(11) for b in range(11) if abs(ranks[a] - ranks[b]) >= found.critical_difference
    }


def test_it_says_what_few_datasets_cannot_show():
    rng = np.random.default_rng(0)
    few = compare_over_datasets(pd.DataFrame(rng.random((11, 3)), index=list("abcdefghijk")))
    assert "can never be told apart" in few.statement
    assert smallest_p(7) == pytest.approx(stats.wilcoxon(range(1, 8)).pvalue)
    assert smallest_p(5) > 0.05 > smallest_p(6)


def test_ties_are_no_evidence_and_gaps_are_refused():
    table = pd.DataFrame(np.ones((3, 4)), index=list("abc"))
    assert compare_over_datasets(table).p == 1.0
    with pytest.raises(UserError, match="every accuracy"):
        compare_over_datasets(table.replace(1.0, np.nan))
    with pytest.raises(UserError, match="three models"):
        compare_over_datasets(table.iloc[:2])
    with pytest.raises(UserError, match="1,000 models make 499,500 pairs: at most 200"):
        compare_over_datasets(pd.DataFrame(np.eye(1000, 4)))
