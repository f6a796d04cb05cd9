"""A winner's file holds all that is needed to use it elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

import archlab
from archlab.architecture import from_canonical
from archlab.architecture.own_blocks import own_blocks_alone
from archlab.architecture.parse import meant_width
from archlab.architecture.writing import at_width
from archlab.deploy.winner import save_winner
from archlab.foundation import UserError, read_yaml
from archlab.foundation.own_code import load_file
from archlab.runs import Run, Store
from blocks.registry import BLOCKS, replacing
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


@pytest.mark.slow
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


def test_its_architecture_is_known_after_its_network_was_loaded(winner):
    archlab.load(winner)
    with own_blocks_alone({}):  # and gone afterwards
        assert "gated_conv" not in BLOCKS
        design = archlab.architecture(winner)
        assert type(archlab.build_model(design, 3, resolution=16).layers[1]).__name__ == "GatedConv"


def test_its_architecture_is_known_where_its_blocks_are_set_aside(winner, tmp_path):
    """Also those that this process has imported from files with the same text."""
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    with own_blocks_alone({}):
        for name in ("first.py", "second.py"):
            (real / name).write_text(GATED)
            with replacing():
                load_file(link / name)
        with own_blocks_alone({}):
            assert "gated_conv" not in BLOCKS
            archlab.architecture(winner)
            assert "gated_conv" in BLOCKS
        assert BLOCKS.file("gated_conv") == os.path.realpath(real / "second.py")


def gated(store):
    run = Run.from_document(store.read(next(iter(store.keys())))["run"])
    with own_blocks_alone({"my_blocks.py": GATED}):
        return run, at_width(from_canonical(run.architecture, "gated"), 1.0, "gated")


@pytest.fixture
def own_store(place, tmp_path):
    """A store with the run with own blocks alone, which may be changed."""
    store, key = Store(tmp_path / "home"), place.keys["gated"]
    shutil.copytree(place.store.directory(key), store.directory(key))
    return store


def test_processes_that_end_one_search_leave_a_whole_winner(own_store, tmp_path):
    run, design = gated(own_store)
    with own_blocks_alone({"my_blocks.py": GATED}), ThreadPoolExecutor(8) as pool:
        given = (tmp_path / "found", design, "a comment", [run], own_store)
        for done in [pool.submit(save_winner, *given) for _ in range(40)]:
            done.result()
    assert archlab.load(tmp_path / "found/winner.yaml").origin["key"] == run.key
    assert [path.name for path in (tmp_path / "found/winner").iterdir()] == [run.key]
    left = {path.name for path in (tmp_path / "found").iterdir()}
    assert left == {"winner.yaml", "winner", ".winner.lock"}


def test_its_own_blocks_are_those_of_its_runs(own_store, tmp_path):
    run, design = gated(own_store)
    with own_blocks_alone({"my_blocks.py": GATED + "# edited since\n"}):
        save_winner(tmp_path / "found", design, "a comment", [run], own_store)
    assert read_yaml(tmp_path / "found/winner.yaml")["blocks"] == {"my_blocks.py": GATED}


def test_a_damaged_run_is_a_winner_without_facts(own_store, tmp_path):
    run, design = gated(own_store)
    (own_store.directory(run.key) / "model.json").write_text("{}")
    with own_blocks_alone({"my_blocks.py": GATED}):
        save_winner(tmp_path / "found", design, "a comment", [run], own_store)
    trained = {"shapes": {"runs": {"0": run.key}, "recipe": run.recipe}}
    assert read_yaml(tmp_path / "found/winner.yaml")["trained"] == trained


def test_its_folder_may_be_called_as_a_key_begins(place, winner, tmp_path, monkeypatch):
    winner.parent.rename(tmp_path / "face")
    monkeypatch.chdir(tmp_path)
    assert archlab.load("face", store=place.home).origin["key"] == place.keys["gated"]


def test_its_run_is_found_in_the_default_store(place, winner, tmp_path, monkeypatch):
    (tmp_path / "alone").mkdir()
    shutil.copy(winner, tmp_path / "alone")
    monkeypatch.setenv("ARCHLAB_HOME", str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match=r"nor in a store here: copy the folder winner along with winner\.yaml"):
        archlab.load(tmp_path / "alone/winner.yaml")
    assert not (tmp_path / "nowhere").exists()
    monkeypatch.setenv("ARCHLAB_HOME", str(place.home))
    network = archlab.load(tmp_path / "alone/winner.yaml")
    assert network.origin["folder"] == str(place.store.directory(place.keys["gated"])) and network.test_data()


@pytest.mark.parametrize(
    "trained",
    [{"d": {"runs": "foo"}}, {"d": {"runs": {}}}, {"d": {"runs": {"0": 7}}}, {"d": {"runs": {"0": "../x"}}}, {"d": 1}],
)
def test_what_names_no_runs_is_refused_in_one_line(tmp_path, trained):
    (tmp_path / "winner.yaml").write_text(json.dumps({"name": "net", "trained": trained}))
    with pytest.raises(UserError, match=r"winner.yaml:1.*(expected {DATASET|is no run's key)") as raised:
        archlab.load(tmp_path / "winner.yaml")
    assert "\n" not in str(raised.value)
