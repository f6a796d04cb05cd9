"""What is said where workers cannot be measured."""

from __future__ import annotations

import pytest

from archlab.bench import bench_workers
from archlab.foundation import UserError


def test_a_dataset_that_is_not_installed_is_told_before_any_process_starts(monkeypatch, tmp_path):
    monkeypatch.setattr("archlab.data.readers.packages.find_spec", lambda package: None)
    monkeypatch.setattr("archlab.bench.workers.Contender", None)
    with pytest.raises(UserError, match=r"comes with the package skimage: pip install 'archlab\[samples\]'$"):
        bench_workers(tmp_path, repeats=1, progress=lambda words: None)
