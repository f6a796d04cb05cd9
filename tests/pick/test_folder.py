"""The folder that a pick leaves: what is in it, that its numbers are right, and what it never replaces."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import re
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("onnxruntime")

import torch
from sklearn.metrics import balanced_accuracy_score, confusion_matrix

import archlab
from archlab.deploy import agreement, exporting, extras, mending
from archlab.foundation import UserError, read_yaml
from archlab.foundation.machine import host_of_processes
from archlab.foundation.metric import METRICS
from archlab.pick import shipped
from archlab.pick.folder import WRITTEN, _write_winner, check_folder, write_folder
from archlab.pick.photographs import Source
from tests.pick.made import document

pytestmark = pytest.mark.usefixtures("exported_once")


@pytest.fixture(scope="module")
def network(place):
    return archlab.load(place.keys["mobileone"], store=place.home)


@pytest.fixture(scope="module")
def written(network, tmp_path_factory):
    """A folder, and the document that was given."""
    folder = tmp_path_factory.mktemp("written") / "picks/photos"
    return folder, write_folder(network, document(network, metric="balanced_accuracy"), folder, int8=True)


@pytest.fixture(scope="module")
def small(place):
    """One of few layers, which is quantised quickly."""
    return archlab.load(place.keys["gated"], store=place.home)


@pytest.fixture
def quickly(monkeypatch):
    """Nothing but MODEL is made, and it is timed in a moment."""
    monkeypatch.setattr(shipped, "SECONDS", 0.01)
    told = {"asked": False, "holds": False, "way": None, "moved": None, "judged_on": None, "why": "not tried"}
    monkeypatch.setattr(shipped, "_quantised", lambda *_, **__: (None, told))


def test_it_is_whole_and_nothing_stands_beside_it(written):
    folder, found = written
    assert {each.name for each in folder.iterdir()} == WRITTEN
    assert [each.name for each in folder.parent.iterdir()] == ["photos"]
    assert json.loads((folder / "pick.json").read_text()) == found
    assert [each["file"] for each in found["files"]] == ["model.onnx", "model-int8.onnx"]
    for each in found["files"]:
        assert each["bytes"] == (folder / each["file"]).stat().st_size
        assert 0 < each["latency_low_ms"] <= each["latency_ms"] <= each["latency_high_ms"] < 1000
        assert each["hardware"] and each["low"] < each["accuracy"] < each["high"]
    assert found["files"][0]["drop"] is None and found["files"][1]["drop"]["low"] <= found["files"][1]["drop"]["value"]
    assert found["int8"]["asked"] and found["int8"]["judged_on"] == "validation"
    assert found["cost"]["flash"] == found["cost"]["params_deployed"] < found["cost"]["params"]
    assert 0 < found["cost"]["macs_deployed"] < found["cost"]["macs"]
    assert found["cost"]["peak_memory"] > 16 * 16 * 3


def test_its_numbers_are_those_of_the_network_on_all_test_images(written, network):
    _, found = written
    prepared = network.test_data()
    labels = prepared.labels("test")
    said = network.probabilities(torch.from_numpy(prepared.images("test").copy())).argmax(1).numpy()
    test = found["test"]
    assert test["images"] == len(labels) == 72
    assert test["confusion"] == confusion_matrix(labels, said).tolist()
    accuracy = test["metrics"]["accuracy"]
    assert accuracy["value"] == (said == labels).mean() == found["files"][0]["accuracy"]
    p, n, z = accuracy["value"], 72, 1.959964
    middle, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    ends = [(middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)]
    assert [accuracy["low"], accuracy["high"]] == pytest.approx(ends), "Wilson's"
    balanced = test["metrics"]["balanced_accuracy"]
    assert balanced["value"] == pytest.approx(balanced_accuracy_score(labels, said))
    assert balanced["low"] <= balanced["value"] <= balanced["high"]
    for row, each in enumerate(test["recall"]):
        assert each["class"] == network.class_names[row] and each["images"] == 24
        assert each["recall"] == (said[labels == row] == row).mean()
    assert test["guess"]["accuracy"] == pytest.approx(1 / 3)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["mobileone", "gated"])
def test_what_it_holds_trains_the_very_run_again_and_loads(place, written, command, quickly, tmp_path, model):
    folder = tmp_path / "picked"
    network = archlab.load(place.keys[model], store=place.home)
    write_folder(network, document(network), folder, int8=False)
    assert archlab.load(folder).run == archlab.load(folder / "winner.yaml").run
    loaded = archlab.load(folder / "winner.yaml")
    images = torch.randint(0, 256, (3, 16, 16, 3), dtype=torch.uint8)
    assert torch.equal(loaded.probabilities(images), network.probabilities(images))
    assert read_yaml(folder / "winner.yaml")["width"] == network.run.width
    given = ("--dataset", "shapes", "--recipe", folder / "recipe.yaml", "--seed", 0, "--store", place.home, "--json")
    code, out, err = command("train", folder / "winner.yaml", *given)
    assert code == 0 and "stored already: nothing was trained" in err, err
    assert json.loads(out)["key"] == place.keys[model]


@pytest.mark.slow
def test_one_of_its_own_is_replaced(written, network, quickly, tmp_path):
    folder = tmp_path / "picked"
    write_folder(network, document(network), folder, int8=False)
    (folder / "model-int8.onnx").write_text("of before")
    (tmp_path / f".{host_of_processes()}.999999999.abcdef01.picked.part/winner").mkdir(parents=True)  # of one killed
    found = write_folder(network, document(network, command="archlab pick again"), folder, int8=False)
    assert {each.name for each in folder.iterdir()} == WRITTEN - {"model-int8.onnx"}
    assert json.loads((folder / "pick.json").read_text())["command"] == found["command"] == "archlab pick again"
    assert [each.name for each in tmp_path.iterdir()] == ["picked"]


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ({"photo.jpg": "x"}, "has not written: name another"),
        ({"pick.json": "{}"}, "has not written: name another"),
        ({"pick.json": "no JSON"}, "has not written: name another"),
        ("file", "is a file: name a folder"),
        ("below a file", "no folder can be made here"),
    ],
)
def test_what_a_pick_has_not_written_is_refused_before_anything_is_computed(
    network, tmp_path, monkeypatch, made, message
):
    folder = tmp_path / "photos"
    if isinstance(made, dict):
        folder.mkdir()
        for name, text in made.items():
            (folder / name).write_text(text)
    else:
        folder.write_text("x")
        folder = folder / "below" if made == "below a file" else folder
    monkeypatch.setattr("archlab.pick.folder.ship", lambda *_, **__: pytest.fail("it was computed"))
    for refused in (lambda: check_folder(folder), lambda: write_folder(network, document(network), folder, int8=False)):
        with pytest.raises(UserError, match=message):
            refused()
    if isinstance(made, dict):
        assert {each.name: each.read_text() for each in folder.iterdir()} == made


def test_files_of_others_in_a_picks_folder_are_not_thrown_away(written):
    folder, _ = written
    check_folder(folder)
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match=r"holds 'notes.txt', which is none of a pick's files"):
        check_folder(folder)
    (folder / "notes.txt").unlink()
    check_folder(folder)


def test_what_desktops_put_into_folders_is_nobodys_file(written, tmp_path):
    folder, _ = written
    for place in (folder, tmp_path):
        (place / ".DS_Store").write_bytes(b"any")
        check_folder(place)
    (folder / ".DS_Store").unlink()


def test_the_pick_of_other_images_that_are_still_there_is_not_replaced(tmp_path, monkeypatch):
    cats, dogs, folder = tmp_path / "cats/images", tmp_path / "dogs/images", tmp_path / "images-picked"
    for each in (cats, dogs, folder):
        each.mkdir(parents=True)
    left = dict.fromkeys(("version", "archlab", "command", "training", "files")) | {"data": {"source": str(cats)}}
    (folder / "pick.json").write_text(json.dumps(left))
    (tmp_path / "link").symlink_to(cats)
    monkeypatch.chdir(cats.parent)
    for same in (Source(cats), Source(Path("images")), Source(tmp_path / "link"), Source(dogs, csv=cats), None):
        check_folder(folder, same)
    for other in (Source(dogs), Source(csv=dogs)):
        with pytest.raises(UserError, match=f"is the pick of {re.escape(str(cats))}: name another --output"):
            check_folder(folder, other)
    check_folder(folder, Source(tmp_path / "nowhere"))
    check_folder(tmp_path / "dogs-picked", Source(dogs))
    moved = cats.rename(tmp_path / "moved")
    check_folder(folder, Source(moved))


def test_a_name_that_is_too_long_while_it_is_written_is_refused_before(tmp_path):
    check_folder(tmp_path / ("x" * 100))
    with pytest.raises(UserError, match="its name is too long: name another --output"):
        check_folder(tmp_path / ("x" * 240))


def test_a_mount_point_is_refused_before_anything_is_computed(tmp_path, monkeypatch):
    monkeypatch.setattr(os.path, "ismount", lambda path: Path(path) == tmp_path)
    with pytest.raises(UserError, match="is a mount point, which nothing can take the place of: say"):
        check_folder(tmp_path)
    check_folder(tmp_path / "picked")


@pytest.mark.slow
@pytest.mark.parametrize("within_rounding", [True, False])
def test_another_class_by_a_tie_is_no_reason_to_write_nothing(small, quickly, tmp_path, monkeypatch, within_rounding):
    def tied(*given):
        found = agreement.agreement(*given)
        return dataclasses.replace(found, same_class=found.images - 1, within_rounding=within_rounding)

    monkeypatch.setattr(exporting, "agreement", tied)
    with nullcontext() if within_rounding else pytest.raises(UserError, match="gives another class on 1 of"):
        write_folder(small, document(small), tmp_path / "picked", int8=False)


@pytest.mark.slow
@pytest.mark.parametrize("asked", [True, False])
def test_a_runtime_that_breaks_while_it_quantises_leaves_the_float_file(network, tmp_path, monkeypatch, asked):
    def broken(*_):
        raise RuntimeError("made up")

    monkeypatch.setattr(shipped, "SECONDS", 0.01)
    monkeypatch.setattr("archlab.deploy.quantising.Quantiser.quantised", broken)
    found = write_folder(network, document(network), tmp_path / "picked", int8=asked)
    assert [each["file"] for each in found["files"]] == ["model.onnx"]
    assert "quantising failed (RuntimeError: made up)" in (tmp_path / "picked/card.md").read_text()


@pytest.mark.slow
def test_new_empty_and_linked_folders_are_taken(network, quickly, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    for name in ("new/deeper", "empty", "link"):
        check_folder(tmp_path / name)
    write_folder(network, document(network), tmp_path / "link", int8=False)
    assert (tmp_path / "link").is_symlink() and (tmp_path / "empty/pick.json").exists()
    monkeypatch.chdir(tmp_path)
    check_folder(Path("empty"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_place_that_must_not_be_written_is_said(tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(UserError, match="no folder can be made here"):
        check_folder(tmp_path / "closed/picked")


@pytest.mark.slow
def test_interrupted_it_leaves_the_folder_of_before_and_nothing_else(network, quickly, tmp_path, monkeypatch):
    folder = tmp_path / "picked"
    write_folder(network, document(network), folder, int8=False)
    before = {each.name: each.stat().st_mtime_ns for each in folder.iterdir()}

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("archlab.pick.folder.card_html", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_folder(network, document(network), folder, int8=False)
    assert {each.name: each.stat().st_mtime_ns for each in folder.iterdir()} == before
    assert [each.name for each in tmp_path.iterdir()] == ["picked"]


@pytest.mark.slow
def test_test_images_are_looked_at_once_and_after_the_files_are_made(small, tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "SECONDS", 0.01)
    looked, held = [], []

    def noted(network, split="test", most=None):
        looked.append((split, sorted(each.name for part in tmp_path.iterdir() for each in part.glob("*.onnx"))))
        return agreement.images_of(network, split, most)

    for module in (shipped, exporting):
        monkeypatch.setattr(module, "images_of", noted)
    monkeypatch.setattr(exporting, "agreement", lambda *given: held.append(1) or agreement.agreement(*given))
    write_folder(small, document(small), tmp_path / "picked", int8=True)
    assert looked[0] == ("validation", [])
    assert len(held) == 1, "the network in torch is computed for the float file alone"
    assert [each for each in looked if each[0] == "test"] == [("test", ["model-int8.onnx", "model.onnx"])]


@pytest.mark.slow
@pytest.mark.parametrize("asked", [True, False])
def test_int8_that_does_not_hold_ships_where_it_is_asked_for(small, tmp_path, monkeypatch, asked):
    monkeypatch.setattr(shipped, "SECONDS", 0.01)
    monkeypatch.setattr(mending, "ENOUGH", -1.0)
    found = write_folder(small, document(small), tmp_path / "picked", int8=asked)
    assert not found["int8"]["holds"] and found["int8"]["moved"] >= 0
    assert (tmp_path / "picked/model-int8.onnx").exists() == asked == (len(found["files"]) == 2)
    card = (tmp_path / "picked/card.md").read_text()
    assert ("int8 was asked for and does not hold" in card) == asked
    assert ("There is no int8 file: the best way" in card) != asked


def test_what_exporting_takes_and_tests_need_is_no_time_for_other_ways_of_quantising(tmp_path, monkeypatch):
    now, left = [100.0], []

    class Exporting:
        def __init__(self, *_):
            self.exporter = SimpleNamespace(in_float=b"")

        def write(self, *_, **__):
            now[0] += 7

    def quantised(exporting, **_):
        left.append(exporting.exporter.seconds)
        raise UserError("far enough")

    monkeypatch.setattr(shipped, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(shipped, "judging_images", lambda network: ("validation", None))
    monkeypatch.setattr(shipped, "Exporting", Exporting)
    monkeypatch.setattr(shipped, "_quantised", quantised)
    with pytest.raises(UserError, match="far enough"):
        shipped.ship(None, tmp_path, METRICS["accuracy"], "cat", int8=False, seconds=15.0, note=str)
    assert left == [15 - 7 - shipped.FOR_TESTS]


def test_a_full_disk_is_told_with_the_folder_and_leaves_nothing(network, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("archlab.pick.folder.ship", full)
    with pytest.raises(OSError, match="No space left") as raised:
        write_folder(network, document(network), tmp_path / "picked", int8=False)
    assert raised.value.filename == str(tmp_path.resolve() / "picked") and not list(tmp_path.iterdir())


def test_classes_that_were_renamed_since_the_training_have_their_new_names_everywhere(place, tmp_path):
    network = archlab.load(place.keys["mobileone"], store=place.home)
    network.class_names = ["first", "second", "no"]
    _write_winner(network, tmp_path)
    (trained,) = read_yaml(tmp_path / "winner.yaml")["trained"].values()
    assert trained["class_names"] == archlab.load(tmp_path).class_names == network.class_names


def test_images_that_had_another_name_when_it_was_trained_have_that_of_the_command(place, tmp_path):
    network = archlab.load(place.keys["mobileone"], store=place.home)
    network.run = dataclasses.replace(network.run, dataset="again")
    _write_winner(network, tmp_path)
    assert "--dataset again " in (tmp_path / "winner.yaml").read_text()
    assert archlab.load(tmp_path).run.key == network.run.key


class Untested:
    """A prepared dataset without test images."""

    def __init__(self, prepared):
        self.prepared = prepared

    def __getattr__(self, name):
        return getattr(self.prepared, name)

    def labels(self, split):
        return self.prepared.labels(split)[: 0 if split == "test" else None]


@pytest.mark.slow
def test_without_test_images_the_folder_says_so(network, quickly, tmp_path, monkeypatch):
    prepared = network.test_data()
    monkeypatch.setattr(network, "test_data", lambda: Untested(prepared))
    found = write_folder(network, document(network), tmp_path / "picked", int8=False)
    assert found["test"]["images"] == 0 and found["files"][0]["accuracy"] is None
    for name in ("card.md", "card.html"):
        text = (tmp_path / "picked" / name).read_text()
        assert "There was nothing to test on" in text and "test image" not in text


def test_without_the_extra_one_line_says_what_to_install(network, tmp_path, monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'archlab\[onnx\]'"):
        write_folder(network, document(network), tmp_path / "picked", int8=False)
    assert not list(tmp_path.iterdir())
