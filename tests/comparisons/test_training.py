"""Measurements of training: they end, with a figure for every contender, and both sides train the same images."""

from __future__ import annotations

import pytest

from archlab.bench import bench_workers
from archlab.bench.laps import Contender, Contest
from archlab.bench.material import cut
from archlab.bench.workers import ONE, TWO
from tests.comparisons.folders import write_folders
from tests.comparisons.training import (
    AGAINST_ALL,
    AGAINST_CHANNELS_LAST,
    AGAINST_TIMM,
    ARCHLAB,
    BATCH,
    DATASET,
    ONE_THREAD,
    RESOLUTION,
    STEPS,
    TIMM,
    bench_train,
)
from tests.repeated import only_whole

OTHERS = {AGAINST_TIMM, AGAINST_CHANNELS_LAST, ONE_THREAD, AGAINST_ALL}


@pytest.mark.slow
def test_archlab_and_timm_train_as_many_images_a_portion(tmp_path):
    write_folders(cut(tmp_path, DATASET, RESOLUTION, BATCH * STEPS), tmp_path / "images")
    timm = {"folder": str(tmp_path / "images"), "channels_last": True}
    contenders = {"archlab": [Contender(ARCHLAB, {"home": str(tmp_path)})], "timm": [Contender(TIMM, timm)]}
    with Contest(contenders) as contest:
        portions = contest.round()
    assert portions["archlab"].images == portions["timm"].images == BATCH * STEPS
    assert all(portion.cpu > 0 for portion in portions.values())


@pytest.mark.slow
@only_whole
def test_training_is_measured_against_timm_in_every_way(tmp_path):
    """How much faster it is depends on what else the machine does: `tests.comparisons` says it, and no test."""
    said = []
    measured = bench_train(tmp_path, repeats=1, progress=said.append)
    assert measured.ratios.keys() == OTHERS and measured.rates.keys() == {"archlab", *OTHERS}
    assert measured.least.keys() <= OTHERS and said == ["round 1 of 1"]
    assert measured.settings["images_a_portion"] == BATCH * STEPS
    for other, ratio in measured.ratios.items():
        assert ratio.n == 1 and ratio.median == pytest.approx(
            measured.rates["archlab"]["cpu"].median / measured.rates[other]["cpu"].median
        )


@pytest.mark.slow
@only_whole
def test_two_workers_are_measured_against_one(tmp_path):
    workers = bench_workers(tmp_path, repeats=1, progress=lambda words: None)
    assert workers.ratios.keys() == {ONE} and workers.rates.keys() == {ONE, TWO}
    assert workers.ratios[ONE].n == 1
    rates = (workers.rates[name]["wall"].median for name in (TWO, ONE))
    assert workers.ratios[ONE].median == pytest.approx(next(rates) / next(rates))
