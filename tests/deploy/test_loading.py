"""Loading what runs have trained: the same network, here and elsewhere."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from hashlib import sha256

import numpy as np
import pytest
import torch

import archlab
import blocks
from archlab.architecture.own_blocks import own_blocks_alone
from archlab.executors import training
from archlab.foundation import UserError
from archlab.runs import network as stored_network
from archlab.runs.run import digest
from archlab.runs.stored import key_in
from tests.deploy.made import CLASSES, GATED, OWN, train


def accuracy(network, prepared):
    images = torch.from_numpy(prepared.images("test").copy())
    return (network.probabilities(images).argmax(1).numpy() == prepared.labels("test")).mean()


def rewrite(folder, **changed):
    """Changes files of a stored run so that its checksums are right again."""
    for name, content in changed.items():
        (folder / name.replace("__", ".")).write_bytes(content)
    result = json.loads((folder / "result.json").read_text())
    result.pop("checksum")
    result["files"] = {name: sha256((folder / name).read_bytes()).hexdigest() for name in result["files"]}
    (folder / "result.json").write_text(json.dumps({**result, "checksum": digest(result)}))


@pytest.mark.parametrize("model", ["gated", "mobileone"])
def test_a_network_is_that_of_its_run(place, model):
    key = place.keys[model]
    network = archlab.load(key[:10], store=place.home)
    stored = place.store.read(key)["metrics"]["test"]["accuracy"]
    assert 0.5 < stored == accuracy(network, network.test_data())
    assert not network.training and network.class_names == sorted(CLASSES)
    assert network.preprocessing.resolution == network.origin["resolution"] == 16
    assert network.origin["key"] == key and network.origin["dataset"] == "shapes"


def test_own_blocks_leave_no_trace_and_meet_no_others_of_their_name(place):
    before = {name: blocks.BLOCKS[name] for name in blocks.BLOCKS}
    first, second = (archlab.load(place.keys["gated"], store=place.home) for _ in range(2))
    assert type(first.layers[1]).__name__ == "GatedConv"
    assert {name: blocks.BLOCKS[name] for name in blocks.BLOCKS} == before
    images = torch.randint(0, 256, (3, 16, 16, 3), dtype=torch.uint8)
    assert torch.equal(first.probabilities(images), second.probabilities(images))


@pytest.mark.slow
def test_a_folder_alone_is_enough_on_another_machine(place, tmp_path):
    """In a fresh process, with nothing but the run's folder under another name."""
    shutil.copytree(place.store.directory(place.keys["gated"]), tmp_path / "sent")
    code = (
        "import archlab, torch; network = archlab.load('sent/'); "
        "print(network.class_names, network(torch.zeros(2, 3, 16, 16)).shape, network.test_data())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, env=_environment()
    )
    assert done.stdout == f"{sorted(CLASSES)} torch.Size([2, 3]) None\n", done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["sent"]


def _environment():
    import os
    from pathlib import Path

    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}


def test_a_run_from_before_asks_its_dataset(place, tmp_path):
    folder = tmp_path / "before"
    shutil.copytree(place.store.directory(place.keys["mobileone"]), folder)
    result = json.loads((folder / "result.json").read_text())
    del result["files"]["model.json"]
    (folder / "model.json").unlink()
    (folder / "result.json").write_text(json.dumps(result))
    rewrite(folder)
    network = archlab.load(folder, store=place.home)
    assert network.class_names == sorted(CLASSES)
    with pytest.raises(UserError, match="stored before runs carried class names and preprocessing") as raised:
        archlab.load(folder)
    assert "\n" not in str(raised.value)


def test_what_is_no_whole_run_is_refused_in_one_line(place, tmp_path):
    def damaged(name, content):
        folder = tmp_path / f"run{len(list(tmp_path.iterdir()))}"
        shutil.copytree(place.store.directory(place.keys["gated"]), folder)
        if content is None:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(content((folder / name).read_bytes()))
        with pytest.raises(UserError) as raised:
            archlab.load(folder)
        assert str(folder) in str(raised.value) and "\n" not in str(raised.value)
        return str(raised.value)

    assert "weights.safetensors is missing" in damaged("weights.safetensors", None)
    assert "weights.safetensors does not have its checksum" in damaged(
        "weights.safetensors", lambda content: content[:-9]
    )
    assert "model.json does not have its checksum" in damaged("model.json", lambda content: content[:-9])
    assert "not a JSON document" in damaged("result.json", lambda content: content[:40])
    assert "result.json is missing" in damaged("result.json", None)


def test_weights_of_another_form_are_refused_with_both_forms(place, tmp_path):
    folder = tmp_path / "mixed"
    shutil.copytree(place.store.directory(place.keys["mobileone"]), folder)
    other = place.store.weights(place.keys["gated"]).read_bytes()
    rewrite(folder, weights__safetensors=other)
    with pytest.raises(UserError, match=r"another form: .* mobileone at width 0.1"):
        archlab.load(folder)
    assert key_in(folder) == place.keys["mobileone"]


def test_a_run_keeps_what_it_says_of_validation_and_test_images(place):
    key = place.keys["gated"]
    network, metrics = archlab.load(key, store=place.home), place.store.get(key)["metrics"]
    for split, kept in place.store.class_scores(key).items():
        images, labels = network.test_data().images(split), network.test_data().labels(split)
        assert np.array_equal(kept.labels, labels)
        assert kept.probabilities() == pytest.approx(
            network.probabilities(torch.from_numpy(np.array(images))).numpy(), abs=2e-3
        )
        assert metrics[split]["accuracy"] == (kept.classes == labels).mean()
    assert set(metrics) == set(place.store.class_scores(key)) == {"validation", "test"}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{absent}00", "no stored run starts with '{absent}00'"),
        ("", r"\d runs start with ''"),
        ("mobileone", "no stored run starts with 'mobileone'"),
        ("no/such/folder", "there is no such folder"),
        ("photo-picked", "no stored run starts with 'photo-picked', and no folder here .* mean 'photos-picked'"),
        ("./photo-picked/", "there is no such folder - did you mean 'photos-picked'"),
        ("empty", "empty: this is no whole run: result.json is missing"),
        ("{absent}", "no stored run starts with '{absent}'"),
        ("no.yaml", "cannot be read"),
        ("model.onnx", "model.onnx: is a file: a run's folder, its key or a winner.yaml is needed"),
        ("here/model.onnx", "is a file"),
    ],
)
def test_what_is_no_run_is_refused_in_one_line(place, tmp_path, monkeypatch, source, message):
    monkeypatch.chdir(tmp_path)
    taken = {key[:3] for key in place.keys.values()}
    absent = next(prefix for prefix in map("{:03x}".format, range(16**3)) if prefix not in taken)
    for name in ("empty", "here", absent, "photos-picked"):
        (tmp_path / name).mkdir()
    for name in ("model.onnx", "here/model.onnx", "photos-picked/winner.yaml"):
        (tmp_path / name).touch()
    with pytest.raises(UserError, match=message.format(absent=absent)):
        archlab.load(source.format(absent=absent), store=place.home)


def test_looking_for_a_run_makes_no_store(tmp_path):
    with pytest.raises(UserError, match=r"no stored run starts with 'ab12': nothing is stored in .*none yet"):
        archlab.load("ab12", store=tmp_path / "none")
    assert not list(tmp_path.iterdir())


def test_an_architecture_alone_is_no_network(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text("name: net\nlayers: [conv: {out: 8}]\n")
    with pytest.raises(UserError, match="nobody has trained this"):
        archlab.load(path)


def test_strides_that_depend_on_the_resolution_are_spoken_of():
    design = archlab.architecture("mobilenetv2")
    with pytest.warns(UserWarning, match="mobilenetv2 has the strides of 224 pixels; on images of less than 33 they"):
        large = archlab.build_model(design, 5, width=0.1)
    small = archlab.build_model(design, 5, width=0.1, resolution=33)
    assert str(small) == str(large) != str(archlab.build_model(design, 5, width=0.1, resolution=32))


def test_a_run_carries_its_own_blocks_as_they_were_when_training_began(own_place, tmp_path, monkeypatch):
    file, text, real = tmp_path / "my_blocks.py", GATED + "# mine\n", training.train

    def train_and_edit(*given, **named):
        file.write_text("edited")
        return real(*given, **named)

    file.write_text(text)
    monkeypatch.setattr(training, "train", train_and_edit)
    with own_blocks_alone({}):
        key = train(own_place.home, OWN, folder=tmp_path, steps=2)
    carried = json.loads((own_place.store.directory(key) / "model.json").read_text())
    assert carried["own_blocks"] == {"my_blocks.py": text}
    assert archlab.load(key, store=own_place.home).origin["key"] == key


def test_own_blocks_that_are_edited_as_they_are_read_are_refused(own_place, tmp_path, monkeypatch):
    file, real = tmp_path / "my_blocks.py", training.carried_by

    def edit_and_read(*given):
        file.write_text(GATED + "# edited\n")
        return real(*given)

    file.write_text(GATED + "# first\n")
    monkeypatch.setattr(training, "carried_by", edit_and_read)
    with own_blocks_alone({}), pytest.raises(UserError, match="have changed since the study began"):
        train(own_place.home, OWN, folder=tmp_path, steps=2)


@pytest.fixture
def sent(place, tmp_path):
    """The folder of the run with own blocks, which may be changed."""
    return shutil.copytree(place.store.directory(place.keys["gated"]), tmp_path / "sent")


def change_model(folder, **changed):
    document = json.loads((folder / "model.json").read_text())
    rewrite(folder, model__json=json.dumps({**document, **changed}).encode())


def test_other_own_blocks_than_those_of_the_training_are_refused(sent):
    change_model(sent, own_blocks={"my_blocks.py": GATED.replace(".sigmoid()", ".tanh()")})
    with pytest.raises(UserError, match="was trained with other own blocks than it carries") as raised:
        archlab.load(sent)
    assert "\n" not in str(raised.value)


def test_a_network_of_other_code_of_archlab_loads_with_a_warning(place, monkeypatch, caplog):
    key = place.keys["gated"]
    archlab.load(key, store=place.home)
    assert caplog.text == ""
    monkeypatch.setattr(stored_network, "code_digest", lambda architecture, files: "other+other")
    assert archlab.load(key, store=place.home).class_names == sorted(CLASSES)
    assert "whose blocks or training differ from those of this archlab" in caplog.text and len(caplog.records) == 1


def test_code_that_comes_from_outside_of_the_store_is_told_of(place, sent, caplog):
    archlab.load(place.store.directory(place.keys["gated"]), store=place.home)
    assert not caplog.records
    archlab.load(sent, store=place.home)
    (told,) = [record.getMessage() for record in caplog.records]
    assert told == f"warning: {sent} brings code of its own, which is run: my_blocks.py"


def test_code_of_a_recipe_is_not_taken_for_own_blocks(own_place, tmp_path):
    """A run's key covers it, the run does not carry it."""
    (tmp_path / "my_metrics.py").write_text("def share(scores, labels):\n    return 0.5\n")
    (tmp_path / "my_blocks.py").write_text(GATED)
    with own_blocks_alone({}):
        recipe = {"metrics": [f"{tmp_path}/my_metrics.py:share"]}
        key = train(own_place.home, OWN, folder=tmp_path, steps=2, recipe=recipe)
    assert archlab.load(key, store=own_place.home).origin["key"] == key


@pytest.mark.parametrize(
    "changed",
    [
        {"preprocessing": {"resolution": 16, "colour": "oklab"}},
        {"preprocessing": None},
        {"own_blocks": {"my_blocks.py": 3}},
        {"own_blocks": []},
        {"class_names": 3},
    ],
)
def test_what_no_archlab_carries_is_refused_in_one_line(sent, changed):
    change_model(sent, **changed)
    with pytest.raises(UserError, match=r"sent: model\.json is not as this archlab writes it") as raised:
        archlab.load(sent)
    assert "\n" not in str(raised.value)


def test_where_no_model_has_a_score_on_validation_images_there_is_none_to_load():
    with pytest.raises(UserError, match="there is no best model: none has an xScore on validation images"):
        archlab.load(None)


def test_the_data_of_a_run_elsewhere_are_looked_for_in_the_default_store(place, sent, monkeypatch):
    assert archlab.load(sent).test_data() is None
    monkeypatch.setenv("ARCHLAB_HOME", str(place.home))
    assert len(archlab.load(sent).test_data().labels("test")) == 72


def test_the_data_of_a_run_behind_a_link_are_those_of_its_store(place, tmp_path):
    (tmp_path / "best").symlink_to(place.store.directory(place.keys["mobileone"]))
    assert len(archlab.load(tmp_path / "best").test_data().labels("test")) == 72
