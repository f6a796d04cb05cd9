import pytest

from tests.comparisons.store import bench_store


@pytest.mark.slow
def test_a_small_store_is_measured_and_removed(tmp_path):
    measured = bench_store(tmp_path, runs=1, repeats=1, progress=lambda words: None)
    assert measured.settings == {"runs": 1600} and len(measured.seconds) == 4
    assert all(spreads["wall"].min > 0 and spreads["wall"].n == 1 for spreads in measured.seconds.values())
    assert list(tmp_path.iterdir()) == []
