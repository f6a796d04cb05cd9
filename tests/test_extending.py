"""What `docs/extending.md` shows works: its files are written into a folder, and its commands called there."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from standin import make_run

from archlab.executors import TRAIN, Settings
from archlab.foundation.metric import METRICS

DOCUMENT = Path(__file__).parents[1] / "docs" / "extending.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def follow(command, own_code_forgotten, tmp_path, monkeypatch):
    """follow("A block") does in a new folder what the section says; gives what its commands print."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARCHLAB_HOME", str(tmp_path / "home"))

    def follow(title: str) -> str:
        (section,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
        printed = ""
        for language, text in BLOCK.findall(section):
            if language == "sh":
                for line in text.splitlines():
                    name, *words = shlex.split(line)
                    assert name == "archlab"
                    code, out, err = command(*words)
                    assert code == 0, err
                    printed += out
            else:
                name = text.splitlines()[0].removeprefix("# ")
                (tmp_path / name).write_text(text)
        return printed

    return follow


@pytest.mark.slow
def test_a_block_and_a_reference_of_it(follow):
    assert "gated_conv" in follow("A block")
    assert "my_network" in follow("A reference")


def test_a_dataset_reader(follow):
    labels = np.arange(80) % 2
    images = np.random.default_rng(0).integers(0, 256, (80, 16, 16, 3), np.uint8)
    np.savez("leaves.npz", images=images, labels=labels, plants=np.arange(80) // 2)
    printed = follow("A dataset reader")
    assert "2 classes" in printed and "groups with images in different parts: 0" in printed


@pytest.mark.slow
def test_an_augmentation(follow):
    assert "mobilenetv2" in follow("An augmentation")


@pytest.mark.slow
def test_an_optimiser(follow):
    assert "mobilenetv2" in follow("An optimiser")


@pytest.mark.slow
def test_a_metric(follow):
    for scores in json.loads(follow("A metric"))["metrics"].values():
        assert scores.keys() == {*METRICS, "macro_f2", "top"}
        assert scores["accuracy"] <= scores["top"] <= 1


def test_a_score(follow):
    printed = follow("A score")
    assert "worst_case" in printed and "tinynet" in printed


@pytest.mark.slow
def test_an_executor(follow):
    follow("A block")
    follow("A reference")
    assert "my_network" in follow("An executor")


def test_that_executor_waits_for_another_process_and_takes_no_warning_for_an_epoch(tmp_path):
    names, states = {}, ["busy", "finished"]
    exec(dict(BLOCK.findall(DOCUMENT.read_text().partition("## An executor\n")[2]))["python"], names)

    def perform(*_, report):
        report(warning="of something")
        report(epoch=1)
        return {"state": states.pop(0)}

    names["perform"] = perform
    store = SimpleNamespace(home=tmp_path, get=lambda key: {"seconds": 2.0})
    executor = names["InThisProcess"](store, Settings(), TRAIN)
    executor.submit(make_run())
    assert executor.events(0) == [] and executor.pending == 1
    told = [(event.kind, event.detail) for event in executor.events(0)]
    assert told == [("epoch", {"epoch": 1}), ("finished", {"seconds": 2.0})] and executor.pending == 0
