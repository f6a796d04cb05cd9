"""A block of one's own: one file beside the architecture, and no edit inside the package."""

from __future__ import annotations

import importlib
import re
import sys

import pytest
import torch

import archlab
import blocks
from archlab.architecture import InputSpec, architecture
from archlab.architecture.own_blocks import own_blocks_alone, own_blocks_of
from archlab.budget import count, measure
from archlab.foundation import UserError
from archlab.foundation.own_code import load_file

SCALED_CONV = '''
"""A convolution whose output is scaled."""

from __future__ import annotations

import torch
from torch import nn

from blocks import Activation, Block, make_activation, register


@register("scaled_conv")
class ScaledConv(Block):
    def __init__(self, *, in_channels: int, out_channels: int, stride: int = 1, start: float = 1.0, act: Activation = "relu"):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1)
        self.scales = nn.Parameter(torch.full((out_channels, 1, 1), start))
        self.act = make_activation(act)

    def forward(self, x):
        return self.act(self.conv(x) * self.scales)
'''
ARCHITECTURE = """
name: mine
blocks: my_blocks.py
layers:
  - scaled_conv: {out: 16, stride: 2, start: 0.5}
  - inverted_residual: {out: 24, stride: 2, repeat: 2}
"""


@pytest.fixture
def folder(own_code_forgotten, tmp_path):
    (tmp_path / "my_blocks.py").write_text(SCALED_CONV)
    (tmp_path / "mine.yaml").write_text(ARCHITECTURE)
    return tmp_path


def test_an_architecture_of_own_blocks(folder):
    mine = archlab.architecture(folder / "mine.yaml")
    model = archlab.build_model(mine, num_classes=7, resolution=32)
    assert model(torch.randn(2, 3, 32, 32)).shape == (2, 7)
    assert model.layers[0].scales.flatten().tolist() == [0.5] * 16
    assert count(mine, InputSpec(7, 32)) == measure(model, 32)


TALLY = """
    @classmethod
    def tally(cls, tally, layer):
        assert (layer.in_channels, layer.out_channels, layer.stride, layer.published_stride) == (3, 16, 2, 2)
        assert (layer.in_size, layer.start, layer.act) == (32, 0.5, {"relu": {}})
        tally.conv(layer.in_channels, layer.out_channels, 3, cls.output_size(layer), bias=True)
        tally.parameters(layer.out_channels)
"""


def test_its_closed_form_is_told_all_arguments(folder, monkeypatch):
    monkeypatch.setattr("archlab.budget.own_blocks.ENOUGH", 0)
    (folder / "my_blocks.py").write_text(SCALED_CONV + TALLY)
    mine = archlab.architecture(folder / "mine.yaml")
    model = archlab.build_model(mine, num_classes=7, resolution=32)
    blocks.BLOCKS["scaled_conv"].__init__ = None  # what is counted need not be built
    assert count(mine, InputSpec(7, 32)) == measure(model, 32)


WRONG = {
    "output_size": (
        "return layer.in_size",
        "a map of 1 x 16 x 32 x 32 must come out, as output_size says, and 1 x 16 x 16 x 16 does",
    ),
    "output_size(float)": (
        "return layer.in_size / layer.stride",
        "output_size gives a whole number of pixels, not 16.0",
    ),
    "output_size(None)": ("return None", "output_size gives a whole number of pixels, not None"),
    "tally": ("pass", "tally counts 0 params, and the block has 464"),
    "tally(more)": ("tally.parameters(500)", "tally counts 500 params, and the block has 464"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_closed_form_is_not_counted_with(folder, name):
    body, message = WRONG[name]
    method = name.partition("(")[0]
    told = "cls, layer" if method == "output_size" else "cls, tally, layer"
    (folder / "my_blocks.py").write_text(
        f"{SCALED_CONV}\n    @classmethod\n    def {method}({told}):\n        {body}\n"
    )
    with pytest.raises(UserError, match=rf"mine.yaml:5: scaled_conv: .*{re.escape(message)}"):
        count(archlab.architecture(folder / "mine.yaml"), InputSpec(7, 32))


@pytest.mark.parametrize("named", ["('nowhere',)", "('act',)", "'start'", "['start']", "('start',)"])
def test_channel_arguments_are_whole_numbers_of_the_constructor(folder, named):
    (folder / "my_blocks.py").write_text(f"{SCALED_CONV}\n    channel_arguments = {named}\n")
    with pytest.raises(UserError, match="channel_arguments is a tuple of names of the constructor's whole numbers"):
        archlab.architecture(folder / "mine.yaml")


def test_it_keeps_its_promises(folder):
    archlab.architecture(folder / "mine.yaml")
    archlab.check_block("scaled_conv")


def test_an_edited_file_takes_the_place_of_the_former(folder):
    archlab.architecture(folder / "mine.yaml")
    (folder / "my_blocks.py").write_text(SCALED_CONV.replace("self.conv(x) *", "self.conv(x) * 2 *"))
    model = archlab.build_model(archlab.architecture(folder / "mine.yaml"), num_classes=7)
    x = torch.randn(1, 3, 8, 8)
    torch.testing.assert_close(model.layers[0](x), torch.relu(model.layers[0].conv(x)))


def test_a_file_that_is_also_imported(folder, monkeypatch):
    monkeypatch.syspath_prepend(folder)
    importlib.import_module("my_blocks")
    archlab.check_block("scaled_conv", start=2.0)
    archlab.architecture(folder / "mine.yaml")
    del sys.modules["my_blocks"]


def test_a_file_that_does_not_exist(folder):
    (folder / "my_blocks.py").unlink()
    with pytest.raises(UserError, match=r"mine.yaml:3: .*my_blocks.py cannot be read: No such file"):
        archlab.architecture(folder / "mine.yaml")


def test_a_file_that_fails(folder):
    (folder / "my_blocks.py").write_text("import nothing_of_that_name")
    with pytest.raises(
        UserError, match=r"mine.yaml:3: .*my_blocks.py fails on import: ModuleNotFoundError: No module named"
    ):
        archlab.architecture(folder / "mine.yaml")


def test_a_name_that_is_taken(folder):
    (folder / "my_blocks.py").write_text(SCALED_CONV.replace('"scaled_conv"', '"conv"'))
    with pytest.raises(UserError, match=r"block 'conv' is already registered by .*blocks/conv\.py"):
        archlab.architecture(folder / "mine.yaml")


def test_an_architecture_rests_on_the_files_of_what_it_names_and_on_no_others(folder):
    (folder / "parts.py").write_text(
        "import blocks\nfrom torch import nn\n\nblocks.ACTIVATIONS.register('own_mish')(nn.Mish)\n"
    )
    load_file(folder / "parts.py")
    mine, parts = str(folder / "my_blocks.py"), str(folder / "parts.py")
    assert own_blocks_of(archlab.architecture(folder / "mine.yaml")) == (mine,)
    (folder / "mine.yaml").write_text(ARCHITECTURE.replace("start: 0.5", "act: own_mish"))
    assert own_blocks_of(archlab.architecture(folder / "mine.yaml")) == (mine, parts)
    assert own_blocks_of(archlab.architecture("mobilenetv2")) == ()
    layers = [{"inverted_residual": {"out": 8}}]
    assert own_blocks_of(archlab.architecture({"layers": layers, "defaults": {"act": "own_mish"}})) == (parts,)


def test_an_architecture_rests_on_the_file_of_its_own_initialization(folder):
    text = "import blocks\nfrom torch import nn\n\n\n@blocks.INITIALIZATIONS.register('own_ones')\n"
    (folder / "parts.py").write_text(text + "def own_ones(layer):\n    nn.init.ones_(layer.weight)\n")
    (folder / "net.yaml").write_text("blocks: parts.py\ninit: own_ones\nlayers: [{conv: {out: 8}}]\n")
    net = archlab.architecture(folder / "net.yaml")
    assert own_blocks_of(net) == (str(folder / "parts.py"),)
    assert bool((archlab.build_model(net, 4, resolution=16).layers[0].conv.weight == 1).all())


def test_a_block_of_a_program_cannot_be_part_of_a_run(folder):
    exec(SCALED_CONV, {"__name__": "__main__", "__file__": "program.py"})
    architecture = archlab.architecture({"layers": [{"scaled_conv": {"out": 8}}]})
    with pytest.raises(UserError, match="block 'scaled_conv' was registered by a program"):
        own_blocks_of(architecture)


@pytest.mark.parametrize("line", ["import helper", "from helper import scale", "from .helper import scale"])
def test_a_file_that_does_not_stand_alone(folder, line):
    (folder / "helper.py").write_text("scale = 2\n")
    (folder / "my_blocks.py").write_text(SCALED_CONV.replace("import torch\n", f"{line}\nimport torch\n"))
    with pytest.raises(
        UserError, match=r"mine.yaml:3: .*helper' lies beside it, and keys of runs would not cover that"
    ):
        archlab.architecture(folder / "mine.yaml")


def test_what_lies_beside_a_file_and_is_not_imported_does_not_matter(folder):
    for name in ("helper", "blocks", "archlab"):
        (folder / f"{name}.py").touch()
    archlab.architecture(folder / "mine.yaml")


def test_code_inside_a_document_is_run_only_of_a_winner_and_said(own_code_forgotten, tmp_path, caplog):
    (tmp_path / "net.yaml").write_text(f"blocks:\n  x.py: open('{tmp_path}/owned', 'w')\nlayers: [conv]\n")
    with pytest.raises(UserError, match="blocks is a file or a list of files"):
        architecture(tmp_path / "net.yaml")
    assert not (tmp_path / "owned").exists() and not caplog.records
    (tmp_path / "winner.yaml").write_text("blocks:\n  x.py: 'ran = 1'\nlayers: [{conv: {out: 8}}]\ntrained: {}\n")
    architecture(tmp_path / "winner.yaml")
    assert "brings code of its own, which is run: x.py" in caplog.records[-1].getMessage()


def test_a_network_s_own_block_goes_before_one_that_archlab_has_by_now():
    text = (
        "import blocks\nfrom torch import nn\n\n\n@blocks.register('mean')\nclass Mine(blocks.Block):\n"
        "    def __init__(self, *, in_channels: int, out_channels: int, stride: int = 1):\n        super().__init__()\n"
        "        self.conv = nn.Conv2d(in_channels, out_channels, 1, stride)\n\n"
        "    def forward(self, x):\n        return self.conv(x)\n"
    )
    shipped = blocks.BLOCKS["mean"]
    with own_blocks_alone({"mine.py": text}):
        assert blocks.BLOCKS["mean"].__name__ == "Mine"
    assert blocks.BLOCKS["mean"] is shipped
