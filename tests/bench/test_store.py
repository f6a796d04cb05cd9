import pytest

from archlab.bench import bench_store


@pytest.mark.slow
def test_a_small_store_is_measured_and_removed(tmp_path):
    measured = bench_store(tmp_path, runs=1, repeats=1)
    assert measured.runs == 1600 and len(measured.seconds) == 4
    assert all(spread.min > 0 and spread.n == 1 for spread in measured.seconds.values())
    assert list(tmp_path.iterdir()) == []
