"""`archlab bench`."""

from __future__ import annotations

import json
import sys

import pytest

from archlab.cli.main import main


@pytest.mark.slow
def test_the_data_path_is_measured_against_imagefolder(monkeypatch, capsys, tmp_path):
    pytest.importorskip("elpv_dataset")
    monkeypatch.setattr(sys, "argv", ["archlab", "bench", "data", "--repeats", "1", "--store", str(tmp_path), "--json"])
    with pytest.raises(SystemExit) as stopped:
        main()
    captured = capsys.readouterr()
    assert stopped.value.code == 0, captured.err
    document = json.loads(captured.out)
    assert document["machine"]["cpu"] and document["machine"]["versions"]["torch"]
    assert set(document["ratios"]) == set(document["least"]) == {f"{side} px: ImageFolder" for side in (32, 64, 224)}
    for name, ratio in document["ratios"].items():
        assert ratio["median"] > document["least"][name] / 2, name  # a shared machine may halve it
