"""Both sides of a measurement of training train the same images."""

from __future__ import annotations

import pytest

from archlab.bench.laps import Contender, Contest
from archlab.bench.material import cut
from tests.comparisons.folders import write_folders
from tests.comparisons.training import ARCHLAB, BATCH, DATASET, RESOLUTION, STEPS, TIMM


@pytest.mark.slow
def test_archlab_and_timm_train_as_many_images_a_portion(tmp_path):
    write_folders(cut(tmp_path, DATASET, RESOLUTION, BATCH * STEPS), tmp_path / "images")
    timm = {"folder": str(tmp_path / "images"), "channels_last": True}
    contenders = {"archlab": [Contender(ARCHLAB, {"home": str(tmp_path)})], "timm": [Contender(TIMM, timm)]}
    with Contest(contenders) as contest:
        portions = contest.round()
    assert portions["archlab"].images == portions["timm"].images == BATCH * STEPS
    assert all(portion.cpu > 0 for portion in portions.values())
