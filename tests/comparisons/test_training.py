"""Both sides of a measurement of training train."""

from __future__ import annotations

import pytest

from archlab.bench import bench_workers
from archlab.bench.workers import ONE
from tests.comparisons.training import AGAINST_TIMM, bench_train


@pytest.mark.slow
def test_training_is_measured_against_timm_and_against_other_workers(tmp_path):
    measured = bench_train(tmp_path, repeats=1, progress=lambda words: None)
    assert measured.ratios[AGAINST_TIMM].median > 1
    workers = bench_workers(tmp_path, repeats=1, progress=lambda words: None)
    assert workers.ratios[ONE].n == 1
