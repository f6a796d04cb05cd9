"""Models are counted by fvcore before they are trained, in real workers."""

from __future__ import annotations

import dataclasses

import pytest
from standin import make_run

import archlab
from archlab.architecture.own_blocks import own_blocks_of
from archlab.executors import Settings
from archlab.forecast import check_counts, counting
from archlab.foundation import UserError
from archlab.foundation.machine import core_count
from archlab.runs import Run, Store, code_digest
from archlab.study import computing
from archlab.study.progress import Progress

pytestmark = pytest.mark.usefixtures("own_code_forgotten")
BLOCK = """
import torch
from torch import nn
import blocks


@blocks.register("{name}")
class Own(blocks.Block):
    def __init__(self, *, in_channels, out_channels, stride=1):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=True)

    def forward(self, x):
        return {forward}

    @classmethod
    def tally(cls, tally, layer):
        tally.conv(layer.in_channels, layer.out_channels, 3, cls.output_size(layer), bias={bias})
"""
SETTINGS = Settings(workers=2)


def run_of(name: str, folder, bias: bool = True, forward: str = "self.conv(x)", classes: int = 4) -> Run:
    own = folder / f"{name}.py"
    own.write_text(BLOCK.format(name=name, bias=bias, forward=forward))
    design = archlab.architecture({"name": name, "blocks": str(own), "layers": [{name: {"out": 8, "stride": 2}}]})
    files = own_blocks_of(design)
    canonical = design.canonical()
    code = code_digest(canonical, files)
    return Run(canonical, 1.0, classes, "digits", "any", 16, 2, {}, 0, code, name, files)


def test_counting_takes_every_core_also_where_runs_take_a_gpu(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(Settings, "gpus_here", property(lambda self: 1 if self.device != "cpu" else 0))
    monkeypatch.setattr(counting, "tries", lambda runs, store, settings, task: asked.append(settings.at_once) or [])
    check_counts([make_run()], Store(tmp_path), Settings())
    assert asked == [core_count()]


@pytest.mark.slow
def test_once_for_each_architecture_class_count_and_resolution(tmp_path, monkeypatch):
    run, store, said = run_of("right", tmp_path), Store(tmp_path), []
    others = [dataclasses.replace(run, **changed) for changed in ({"num_classes": 5}, {"resolution": 32}, {"seed": 7})]
    check_counts([run, *others], store, SETTINGS, said.append)
    assert said == ["counting 3 networks with fvcore, once"]
    check_counts([run, *others], store, SETTINGS, said.append)
    assert len(said) == 1
    monkeypatch.setattr(counting, "_counting", lambda: "a closed form has changed")
    check_counts([run], store, SETTINGS, said.append)
    assert said[1:] == ["counting 1 network with fvcore, once"]


@pytest.mark.slow
def test_a_difference_stops_a_study_before_it_trains_and_is_not_kept(tmp_path, monkeypatch):
    runs, store = [run_of("wrong", tmp_path, bias=False), run_of("good", tmp_path)], Store(tmp_path)
    monkeypatch.setattr(computing, "plan", lambda *_, **__: pytest.fail("training was planned"))
    for _ in range(2):
        with pytest.raises(UserError, match=r"wrong on digits: wrong: tally counts 216 params, and the block has 224"):
            computing.compute("it", runs, store, SETTINGS, Progress())


@pytest.mark.slow
def test_what_nobody_can_count_stops_it_and_what_does_not_run_is_left_to_its_training(tmp_path):
    erratic = run_of("erratic", tmp_path, forward="torch.linalg.matrix_exp(self.conv(x))")
    with pytest.raises(UserError, match="erratic on digits: nobody can count"):
        check_counts([erratic], Store(tmp_path), SETTINGS)
    check_counts([run_of("broken", tmp_path, forward="self.convolution(x)")], Store(tmp_path), SETTINGS)
