"""A pick from a folder of images to a folder that ships, with two real candidates in a minute."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import archlab
from archlab.executors import Interrupted, Outcome, Settings
from archlab.foundation import UserError
from archlab.pick import picking, race, shipped
from archlab.pick.asked import default_output
from archlab.pick.decisions import Decisions
from archlab.pick.photographs import Source
from archlab.pick.trainer import Trainer
from archlab.runs import Store
from archlab.runs.index import list_runs

pytest.importorskip("onnxruntime")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.usefixtures("exported_once")]
RACED = ("mobilenetv2", "shufflenetv2", "starnet")
CLASSES = ("apple", "pear", "plum")
WITHIN = "45s"


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Three classes of discs that differ by colour, a little."""
    place = tmp_path_factory.mktemp("pick") / "photos"
    rng = np.random.default_rng(1)
    rows, columns = np.mgrid[:40, :40]
    for label, name in enumerate(CLASSES):
        (place / name).mkdir(parents=True)
        for number in range(60):
            pixels = rng.integers(0, 160, (40, 40, 3))
            inside = (rows - rng.integers(12, 28)) ** 2 + (columns - rng.integers(12, 28)) ** 2 < 80
            pixels[inside, label] += 60
            Image.fromarray(pixels.astype(np.uint8)).save(place / name / f"{number}.png")
    return place


@pytest.fixture(autouse=True)
def few(monkeypatch, request):
    """Real candidates, but few, and a race even where there is little time, less than picks have, unless the machine is very
    busy; two tests alone quantise, and time for long."""
    real = picking.candidates

    def some(store, **more):
        found, left_out = real(store, **more)
        return [each for each in found if each.name in RACED], left_out

    monkeypatch.setattr(picking, "candidates", some)
    monkeypatch.setattr(race, "FEWEST_IMAGES", 320)
    monkeypatch.setattr("archlab.pick.request.LEAST_TIME", 30.0)
    if request.function not in (
        test_a_folder_of_images_becomes_a_folder_that_ships,
        test_interrupted_it_leaves_the_best_so_far_and_goes_on,
    ):
        told = {"asked": False, "holds": False, "way": None, "moved": None, "judged_on": None, "why": "not tried"}
        monkeypatch.setattr(shipped, "_quantised", lambda *_, **__: (None, told))
        monkeypatch.setattr(shipped, "SECONDS", 0.01)


def picked(command, photos, place, *more):
    arguments = ["--within", WITHIN, "--params", "40k", "--store", place / "home", "--output", place / "out", "--json"]
    return command("pick", photos, *arguments, "--workers", "2", *more)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("picked")


def test_a_folder_of_images_becomes_a_folder_that_ships(command, photos, place):
    code, out, err = picked(command, photos, place)
    assert code == 0, err
    found = json.loads(out)
    assert found == json.loads((place / "out/pick.json").read_text())
    assert found["data"]["classes"] == list(CLASSES)
    assert {each["model"] for each in found["candidates"]} == set(RACED)
    assert found["ended"] == "finished"
    assert found["test"]["images"] == found["data"]["images"]["test"]
    *raced, long = found["rungs"]
    assert raced
    assert all(set(each["steps"]) <= set(RACED) for each in (*raced, long))
    assert all(
        0 < steps < long["steps"].get(model, steps + 1) for each in raced for model, steps in each["steps"].items()
    )

    rows = list_runs(Store(place / "home")).table.to_pylist()
    assert all(
        row["is_try"] and row["test_accuracy"] is None for row in rows
    )  # test images were read by the files alone
    chosen = next(row for row in rows if row["key"] == found["training"]["chosen"])
    assert chosen["validation_accuracy"] == found["training"]["value"]
    assert found["validation"]["accuracy"]["value"] == pytest.approx(found["training"]["value"])
    assert found["validation"]["images"] == found["data"]["images"]["validation"]
    assert "45 s is short: reading, measuring and files take much of it" in err

    image = next((photos / "pear").glob("*.png"))
    said = subprocess.run(
        [sys.executable, "-I", place / "out/predict.py", image], capture_output=True, text=True, check=True
    )
    assert said.stdout.split("\t")[1] in CLASSES


def test_the_same_command_trains_nothing_again_nor_does_the_call(command, photos, place):
    before = set(Store(place / "home").keys())
    kept = json.loads((place / "out/pick.json").read_text())
    code, out, _ = picked(command, photos, place)
    found = json.loads(out)
    assert code == 0
    called = archlab.pick(
        photos, within=WITHIN, budget="40k", store=place / "home", output=place / "called", settings=Settings(workers=2)
    )
    assert called.output == place / "called" and (called.output / "model.onnx").exists() and called.computed == 0
    assert called.document["training"] == kept["training"]
    assert set(Store(place / "home").keys()) == before
    for name in ("resolution", "rungs", "candidates", "runner_up", "training", "test"):
        assert found[name] == kept[name]


def test_the_commands_that_repeat_it_come_by_the_very_run(command, photos, place, monkeypatch):
    found = json.loads((place / "out/pick.json").read_text())
    monkeypatch.chdir(place)
    train, export = (line.split()[1:] for line in found["repeat"])
    code, out, err = command(*train, "--json")
    assert code == 0, err
    assert json.loads(out)["key"] == found["training"]["chosen"]
    assert "nothing was trained" in err
    code, _, err = command(*export)
    assert code == 0, err


def test_interrupted_it_leaves_the_best_so_far_and_goes_on(command, photos, tmp_path, monkeypatch):
    real = Trainer.train

    def interrupted(self, what, runs):
        found = real(self, what, runs)
        if what != "resolution":
            raise Interrupted(Outcome())
        return found

    monkeypatch.setattr(Trainer, "train", interrupted)
    code, out, err = picked(command, photos, tmp_path)
    assert code == 130
    found = json.loads(out)
    assert found["ended"] == "interrupted"
    (ships,) = [each for each in found["candidates"] if each["model"] == found["training"]["model"]]
    assert ships["out"] is None
    assert (tmp_path / "out/model.onnx").exists()
    assert (tmp_path / "out/card.html").exists()
    assert "the same command goes on" in err
    before = set(Store(tmp_path / "home").keys())

    monkeypatch.setattr(Trainer, "train", real)
    code, out, err = picked(command, photos, tmp_path)
    assert code == 0, err
    assert json.loads(out)["ended"] == "finished"
    assert json.loads(out)["resolution"] == found["resolution"]
    assert before <= set(Store(tmp_path / "home").keys())


def test_interrupted_while_pixels_are_chosen_it_leaves_what_was_trained(command, photos, tmp_path, monkeypatch):
    def interrupted(first_of, sides, trainer, decisions, seconds):
        candidate = first_of(sides[0])
        trainer.train("resolution", [(candidate, trainer.run(candidate, 20, 0))])
        raise Interrupted(Outcome())

    monkeypatch.setattr(picking, "choose_resolution", interrupted)
    code, out, err = picked(command, photos, tmp_path)
    assert code == 130, err
    found = json.loads(out)
    assert (found["resolution"]["pixels"], found["rungs"], found["runner_up"]) == (32, [], None)
    assert "32 pixels" in (tmp_path / "out/card.md").read_text()


def test_a_repeat_that_is_interrupted_early_leaves_the_better_folder_of_before(
    command, photos, place, tmp_path, monkeypatch
):
    for name in ("home", "out"):
        shutil.copytree(place / name, tmp_path / name)
    kept = (tmp_path / "out/pick.json").read_text()
    real = Trainer.train
    monkeypatch.setattr(Decisions, "trained", property(lambda self: 100))

    def interrupted(self, what, runs):
        found = real(self, what, runs)
        raise Interrupted(Outcome()) if what != "resolution" else found

    monkeypatch.setattr(Trainer, "train", interrupted)
    code, out, err = picked(command, photos, tmp_path)
    assert (code, out) == (130, "")
    assert "stays as it is" in err
    assert (tmp_path / "out/pick.json").read_text() == kept


def test_a_fault_is_told_and_the_best_so_far_ships_all_the_same(photos, tmp_path, monkeypatch):
    real = Trainer.train

    def faulty(self, what, runs):
        found = real(self, what, runs)
        if what != "resolution":
            raise KeyError("made up")
        return found

    monkeypatch.setattr(Trainer, "train", faulty)
    with pytest.raises(KeyError, match="made up"):
        archlab.pick(
            photos,
            within=WITHIN,
            budget="40k",
            store=tmp_path / "home",
            output=tmp_path / "out",
            settings=Settings(workers=2),
        )
    found = json.loads((tmp_path / "out/pick.json").read_text())
    assert found["ended"] == "failed" and "KeyError: 'made up'" in (tmp_path / "out/card.md").read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_while_nothing_trains_and_while_the_folder_is_written_it_leaves_a_folder(
    command, photos, place, tmp_path, monkeypatch, number
):
    """What this finds trained is that of the first test."""
    shutil.copytree(place / "home", tmp_path / "home")
    before = signal.getsignal(number)

    def after(name):
        real, done = getattr(picking, name), []

        def interrupted(*arguments, **more):
            found = real(*arguments, **more)
            if not done:
                done.append(name)
                os.kill(os.getpid(), number)
            return found

        return interrupted

    for name in ("race", "load"):
        with monkeypatch.context() as patch:
            patch.setattr(picking, name, after(name))
            code, out, err = picked(command, photos, tmp_path)
        assert code == 130, err
        assert json.loads(out)["ended"] == "interrupted"
        assert json.loads((tmp_path / "out/pick.json").read_text()) == json.loads(out)
        assert (tmp_path / "out/model.onnx").exists()
        assert signal.getsignal(number) == before
        shutil.rmtree(tmp_path / "out")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--within", "10s"], "within 10 s nothing can be trained"),
        (["--within", "soon"], "a time is `90s`"),
        (["--params", "many"], "many"),
        (["--params", "100"], "no model keeps the budget of 100 parameters"),
    ],
)
def test_mistakes_are_one_line(command, photos, tmp_path, arguments, message):
    code, out, err = command("pick", photos, "--store", tmp_path / "home", "--output", tmp_path / "out", *arguments)
    assert (code, out) == (2, "")
    (line,) = [each for each in err.splitlines() if each.startswith("error")]
    assert message in line
    assert not (tmp_path / "out").exists()


def test_the_folder_cannot_lie_among_the_images(command, photos, tmp_path, monkeypatch):
    code, _, err = command("pick", photos, "--store", tmp_path, "--output", photos / "out")
    assert code == 2
    assert "would lie among the images: say another --output" in err
    assert default_output(Source(photos)) == Path("photos-picked")
    monkeypatch.chdir(photos)
    assert default_output(Source(Path())) == photos.with_name("photos-picked")


def test_what_failed_is_told_and_the_best_so_far_ships(command, photos, tmp_path, monkeypatch):
    real = Trainer.train

    def failing(self, what, runs):
        found = real(self, what, runs)
        if what != "resolution":
            self.failed.append(("starnet", "DivergenceError: made up"))
            raise UserError("nothing could be trained: made up")
        return found

    monkeypatch.setattr(Trainer, "train", failing)
    code, out, err = picked(command, photos, tmp_path)
    assert code == 1
    assert json.loads(out)["ended"] == "failed"
    assert "failed: starnet: DivergenceError: made up" in err
    assert (tmp_path / "out/model.onnx").exists()


def test_without_images_the_command_says_what_it_needs(command):
    code, out, err = command("pick")
    assert (code, out, err) == (2, "", "error: say where the images are: in a folder, or by a table (--csv)\n")
