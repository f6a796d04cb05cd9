"""Predicting: files as preparation reads them, and what the command prints."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import archlab
from archlab.cli.predict import _print_csv
from archlab.data import open_prepared
from archlab.data.preprocessing import Preprocessing
from archlab.deploy import predicting
from archlab.deploy.agreement import batches
from archlab.deploy.predicting import Prediction
from archlab.foundation import UserError
from tests.deploy.made import CLASSES


@pytest.mark.parametrize("model", ["gated", "mobileone"])
def test_predictions_over_prepared_files_are_the_runs_own_image_for_image(place, command, model):
    key = place.keys[model]
    code, out, err = command("predict", key[:8], place.photos / "test", "--store", place.home, "--json")
    assert (code, err) == (0, "")
    found = {row["file"]: row for row in json.loads(out)}
    prepared = open_prepared("shapes", place.home)
    names = [str(place.photos / name) for name in prepared.names("test")]
    assert sorted(found) == list(found) == sorted(names), "walked at every depth, in order"
    labels = [prepared.class_names[label] for label in prepared.labels("test")]
    right = [found[name]["class"] == label for name, label in zip(names, labels, strict=True)]
    assert np.mean(right) == place.store.read(key)["metrics"]["test"]["accuracy"]
    network = archlab.load(key, store=place.home)
    for name, pixels in zip(names, prepared.images("test"), strict=True):
        assert np.array_equal(network.preprocessing.read(name), pixels)
        assert list(found[name]) == ["file", "class", "probabilities"]
        probabilities = found[name]["probabilities"]
        assert list(probabilities) == prepared.class_names and sum(probabilities.values()) == pytest.approx(1)
        assert max(probabilities, key=probabilities.__getitem__) == found[name]["class"]


def test_csv_has_a_column_a_class_and_takes_any_name(place, command, tmp_path):
    name = 'a "b",\nc.png'
    Image.new("RGB", (20, 16), (200, 60, 60)).save(tmp_path / name)
    code, out, _ = command("predict", place.keys["gated"], name, "--store", place.home, "--csv")
    ((title, *rest), row) = csv.reader(io.StringIO(out))
    assert code == 0 and [title, *rest] == ["file", "class", *sorted(CLASSES)]
    assert row[0] == name and row[1] == rest[1:][int(np.argmax([float(value) for value in row[2:]]))]
    code, out, _ = command("predict", place.keys["gated"], name, "--store", place.home)
    assert code == 0 and out.splitlines()[0].split() == ["file", "class", "probability"] and len(out.splitlines()) == 2


def test_unreadable_files_are_listed_and_the_others_go_on(place, command, tmp_path):
    (tmp_path / "photos").mkdir()
    Image.new("L", (5, 5)).save(tmp_path / "photos/good.png")
    (tmp_path / "photos/bad.png").write_bytes((tmp_path / "photos/good.png").read_bytes()[:40])
    (tmp_path / "photos/notes.txt").write_text("no image")
    code, out, err = command("predict", place.keys["gated"], "photos", "--store", place.home, "--json")
    assert code == 1 and [row["file"] for row in json.loads(out)] == ["photos/good.png"]
    assert err.startswith("failed: photos/bad.png cannot be read: ") and err.count("\n") == 1
    code, out, err = command("predict", place.keys["gated"], "photos/notes.txt", "--store", place.home, "--json")
    assert code == 1 and json.loads(out) == [] and "photos/notes.txt cannot be read" in err


def test_a_folder_that_cannot_be_looked_into_is_listed_too(place, command, tmp_path, monkeypatch):
    real = os.scandir
    for name in ("closed", "open"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        Image.new("L", (5, 5)).save(tmp_path / "photos" / name / "a.png")

    def scandir(path="."):
        if path == "photos/closed":
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    code, out, err = command("predict", place.keys["gated"], "photos", "--store", place.home, "--json")
    assert code == 1 and [row["file"] for row in json.loads(out)] == ["photos/open/a.png"]
    assert err.startswith("failed: photos/closed cannot be read: ") and err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.png"], "nowhere.png: there is no such file or folder"),
        (["empty"], "empty: holds no images"),
        (["empty", "--json", "--csv"], "exclude each other"),
        (["image.png", "--dataset", "shape"], "this run is on shapes, not on shape"),
    ],
)
def test_says_what_is_wrong_in_one_line(place, command, tmp_path, arguments, message):
    (tmp_path / "empty").mkdir()
    Image.new("L", (5, 5)).save(tmp_path / "image.png")
    code, out, err = command("predict", place.keys["gated"], *arguments, "--store", place.home)
    assert code == 2 and out == "" and err.startswith("error: ") and err.count("\n") == 1 and message in err


def test_pipes_are_not_waited_for(place, command, tmp_path):
    (tmp_path / "photos").mkdir()
    os.mkfifo(tmp_path / "photos/pipe.png")
    Image.new("L", (5, 5)).save(tmp_path / "photos/good.png")
    for given in (["photos"], ["photos/pipe.png", "photos/good.png"]):
        code, out, err = command("predict", place.keys["gated"], *given, "--store", place.home, "--json")
        assert code == 1 and [row["file"] for row in json.loads(out)] == ["photos/good.png"]
        assert err == "failed: photos/pipe.png cannot be read: is a pipe or a device, not a file\n"


def test_csv_holds_no_formula_and_on_a_terminal_no_control_characters(capfdbinary, monkeypatch):
    names = ['=HYPERLINK("x")', "@b\x1b[2J", "file"]
    found = [Prediction(name, names[0], np.float32([0.5, 0.25, 0.25])) for name in ("-x.png", "\udcff\x1b[2J.png")]
    _print_csv(found, names)
    out = capfdbinary.readouterr().out
    title, first, second = csv.reader(io.StringIO(out.decode(errors="surrogateescape")))
    assert title == ["file", "class", '\'=HYPERLINK("x")', "'@b\x1b[2J", "file"]
    assert first == ["'-x.png", '\'=HYPERLINK("x")', "0.5", "0.25", "0.25"] and second[0] == "\udcff\x1b[2J.png"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    _print_csv(found, names)
    shown = capfdbinary.readouterr().out
    assert b"\x1b" not in shown and shown.count(b"\n") == 3


def test_a_network_that_takes_no_files_is_refused_and_not_the_files(tmp_path):
    Image.new("RGB", (5, 5)).save(tmp_path / "good.png")
    preprocessing = Preprocessing(16, "whole", 255, (0.5,) * 3, (0.5,) * 3)
    with pytest.raises(UserError, match="sees images in their own shape"):
        list(predicting.predict(SimpleNamespace(preprocessing=preprocessing), [str(tmp_path / "good.png")]))


def test_as_many_images_at_once_as_the_pixels_that_the_network_sees_allow(monkeypatch):
    assert list(batches(np.zeros((9, 32, 32, 3), np.uint8), 224)) == [slice(0, 5), slice(5, 10)]
    asked = []
    monkeypatch.setattr(predicting, "evaluation_batch_size", lambda side: asked.append(side) or 1)
    network = SimpleNamespace(preprocessing=SimpleNamespace(resolution=32, pixels=224))
    assert list(predicting.predict(network, [])) == [] and asked == [224]
