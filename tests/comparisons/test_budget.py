import pytest

from archlab.architecture import references
from archlab.foundation import UserError
from tests.comparisons import budget
from tests.comparisons.budget import bench_budget


@pytest.mark.slow
def test_the_closed_form_is_measured_against_fvcore(tmp_path):
    measured = bench_budget(tmp_path, repeats=1, progress=lambda words: None)
    assert len(measured.seconds) == 3 * len(references()) == 33
    assert measured.ratios[budget.ALL].median > 50


def test_a_count_that_fvcore_does_not_confirm_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr("archlab.budget.measure", lambda model, resolution: "something else")
    with pytest.raises(UserError, match=r"convmixer: the closed form counts .* fvcore something else"):
        bench_budget(tmp_path, repeats=1, progress=lambda words: None)
