"""A winner's file holds all that is needed to use it elsewhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import archlab
from archlab.architecture import from_canonical
from archlab.architecture.own_blocks import own_blocks_alone
from archlab.architecture.parse import meant_width
from archlab.architecture.writing import at_width
from archlab.foundation import UserError
from archlab.runs import Run
from archlab.study.search.winner import save_winner
from tests.deploy.made import CLASSES, GATED


@pytest.fixture
def winner(place, tmp_path):
    """winner.yaml of the run with own blocks, in a folder by itself."""
    run = Run.from_document(place.store.read(place.keys["gated"])["run"])
    with own_blocks_alone({"my_blocks.py": GATED}):
        design = at_width(from_canonical(run.architecture, "gated"), 1.0, "gated")
        save_winner(tmp_path / "found", design, "a comment", [run], place.store)
    return tmp_path / "found" / "winner.yaml"


def test_it_loads_as_trained_wherever_its_folder_goes(place, winner, tmp_path):
    moved = tmp_path / "moved"
    shutil.move(winner.parent, moved)
    network = archlab.load({"file": str(moved / "winner.yaml")})
    images = torch.randint(0, 256, (3, 16, 16, 3), dtype=torch.uint8)
    trained = archlab.load(place.keys["gated"], store=place.home)
    assert torch.equal(network.probabilities(images), trained.probabilities(images))
    assert meant_width(str(moved / "winner.yaml")) == 1.0
    with pytest.raises(UserError, match="it was not trained on 'shape' - did you mean 'shapes'"):
        archlab.load(moved / "winner.yaml", dataset="shape")


def test_the_file_alone_is_the_architecture_with_its_own_blocks_and_says_what_its_images_are(winner, tmp_path):
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(winner, alone)
    code = (
        "import archlab; design = archlab.architecture('winner.yaml'); "
        "print(type(archlab.build_model(design, 3, resolution=16).layers[1]).__name__); "
        "from archlab.foundation import read_yaml; trained = read_yaml('winner.yaml')['trained']['shapes']; "
        "print(trained['class_names'], trained['preprocessing']['resolution'])"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], cwd=alone, capture_output=True, text=True, env=environment)
    assert done.stdout == f"GatedConv\n{sorted(CLASSES)} 16\n", done.stderr
    with pytest.raises(UserError, match=r"run \w{12} on shapes is neither in .*winner nor in a store here"):
        archlab.load(alone / "winner.yaml")


def test_several_datasets_are_chosen_from(place, winner, caplog):
    text = winner.read_text()
    winner.write_text(text.replace("trained:", "trained:\n  first: {runs: {'0': '" + place.keys["gated"] + "'}}"))
    assert archlab.load(winner, dataset="shapes").origin["dataset"] == "shapes"
    runs = {"shapes": {"0": place.keys["gated"]}, "others": {"0": place.keys["mobileone"]}}
    network = archlab.load({"model": "gated", "runs": runs, "store": str(place.home)})
    assert network.origin["key"] == place.keys["gated"]
    assert "it was trained on shapes, others: this is the network for shapes" in caplog.text
