"""Batches are measured against torchvision's ImageFolder."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from tests.comparisons.__main__ import main
from tests.repeated import only_whole


@pytest.mark.slow
@only_whole
def test_the_data_path_is_measured_against_imagefolder(tmp_path):
    pytest.importorskip("elpv_dataset")
    ended = CliRunner().invoke(main, ["data", "--repeats", "1", "--store", str(tmp_path), "--json"])
    assert ended.exit_code == 0, ended.output
    document = json.loads(ended.stdout)
    assert document["machine"]["cpu"] and document["machine"]["versions"]["torch"]
    assert set(document["ratios"]) == set(document["least"]) == {f"{side} px: ImageFolder" for side in (32, 64, 224)}
    for name, ratio in document["ratios"].items():
        assert ratio["median"] > document["least"][name] / 2, name  # a shared machine may halve it
