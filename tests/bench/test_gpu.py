import pytest
import torch

from archlab.bench import bench_gpu
from archlab.bench.gpu import SEVERAL


def test_says_that_nothing_was_measured_without_a_gpu(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    measured = bench_gpu(tmp_path, repeats=1, progress=lambda words: None)
    assert measured.settings == {"not measured": "no CUDA device"} and not measured.rates


@pytest.mark.gpu
@pytest.mark.slow
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_every_contender_trains(tmp_path):
    measured = bench_gpu(tmp_path, repeats=1, progress=lambda words: None)
    assert len(measured.rates) == 8 and measured.ratios[f"32 px: {SEVERAL} to one"].median > 0
