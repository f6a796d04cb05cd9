"""Blocks that no architecture could use are refused when they are registered, with what the contract wants."""

from __future__ import annotations

import pytest

import archlab
import blocks
from archlab.architecture import InputSpec, architecture
from archlab.budget import count
from archlab.foundation import UserError

BLOCK = """
from typing import Annotated, Any, Literal
import blocks
from torch import nn

@blocks.register({name})
class Own({parent}):
    def __init__(self, {parameters}):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 1, stride)

    def forward(self, x):
        return self.conv(x)
{more}
"""
WHOLE = "*, in_channels: int, out_channels: int, stride: int = 1"


@pytest.fixture
def own(own_code_forgotten, tmp_path):
    """Loads an architecture of a block of one's own."""

    def load(parameters=WHOLE, name='"own_contract"', parent="blocks.Block", more=""):
        text = BLOCK.format(parameters=parameters, name=name, parent=parent, more=more)
        (tmp_path / "own.py").write_text(text)
        (tmp_path / "net.yaml").write_text("blocks: own.py\nlayers: [{own_contract: {out: 8, stride: 2}}]\n")
        return architecture(tmp_path / "net.yaml")

    return load


def test_a_sound_block_is_taken(own):
    assert count(own(), InputSpec(10, 32)).params > 0
    assert set(blocks.BLOCKS) >= {"conv", "own_contract"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"parameters": f"{WHOLE}, ratio=0.5"}, "Own: ratio has no annotation: int, blocks.Natural, float"),
        ({"parameters": f"{WHOLE}, sizes: list[int] = None"}, r"sizes is annotated with list\[int\], which is no kind"),
        ({"parameters": f"{WHOLE}, size: int | str = 3"}, r"size is annotated with int \| str, which is no kind"),
        ({"parameters": f"{WHOLE}, size: 'Nowhere' = 3"}, "an annotation of the constructor cannot be read"),
        ({"parameters": f"{WHOLE}, size: Annotated[Any, 3] = 3"}, "which is no kind of argument"),
        ({"parameters": "*, in_channels: int, out_channels: int"}, "must take .*, and lacks stride"),
        ({"parameters": "in_channels: int, out_channels: int, stride: int = 1"}, "by its own name"),
        ({"parameters": f"{WHOLE}, **rest"}, r"and \*\*rest is none such"),
        ({"parent": "nn.Module"}, "Own must be a subclass of blocks.Block"),
        ({"name": '"two words"'}, "a block's name is a word, not 'two words'"),
        ({"name": "7"}, "a block's name is a word, not 7"),
    ],
)
def test_what_the_contract_wants_is_said(own, change, message):
    with pytest.raises(UserError, match=message) as caught:
        own(**change)
    assert "fails on import: TypeError" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "more",
    [
        "    @classmethod\n    def tally(cls, tally, layer):\n        tally.conv(layer.nothing)\n",
        "    @classmethod\n    def output_size(cls, layer):\n        return layer.in_size / None\n",
    ],
)
def test_what_fails_in_a_block_of_ones_own_names_it(own, more):
    with pytest.raises(UserError, match=r"net\.yaml:2: own_contract: (output_size fails: )?(Attribute|Type)Error: "):
        count(own(more=more), InputSpec(10, 32))
    with pytest.raises(UserError, match="own_contract: RuntimeError: broken"):
        archlab.build_model(
            own(f"{WHOLE}, broken: bool = True", more="").with_layers(own(more=BROKEN).layers),
            num_classes=10,
            resolution=32,
        )


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("def own(*, slope=0.1):", "own: slope has no annotation: int, blocks.Natural, float"),
        ("def own(*, slopes: list[float] = None):", r"slopes is annotated with list\[float\], which is no kind"),
        ("def own(*, slope: 'Nowhere' = 3):", "an annotation of the constructor cannot be read"),
    ],
)
def test_what_parts_of_blocks_take_is_annotated_too(own_code_forgotten, tmp_path, part, message):
    text = f"import blocks\nfrom torch import nn\n\n@blocks.ACTIVATIONS.register('own')\n{part}\n    return nn.ReLU()\n"
    (tmp_path / "own.py").write_text(text)
    (tmp_path / "net.yaml").write_text("blocks: own.py\nlayers: [{conv: {out: 8, act: own}}]\n")
    with pytest.raises(UserError, match=rf"net\.yaml:1: .*own\.py fails on import: TypeError: .*{message}"):
        architecture(tmp_path / "net.yaml")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("published_stride(cls, layer):\n        return layer.pace", "published_stride fails: AttributeError: "),
        (
            "published_stride(cls, layer):\n        return None",
            "published_stride gives a whole number above 0, not None",
        ),
        (
            "channel_multiple(cls, argument, layer):\n        return layer.heads",
            "channel_multiple fails: AttributeError: ",
        ),
        (
            "channel_multiple(cls, argument, layer):\n        return 0",
            "channel_multiple gives a whole number above 0, not 0",
        ),
    ],
)
def test_what_a_block_of_ones_own_says_of_its_numbers_is_tried(own, more, message):
    with pytest.raises(UserError, match=rf"net\.yaml:2: own_contract: {message}"):
        own(more=f"    @classmethod\n    def {more}\n")


BROKEN = """
    def __new__(cls, **given):
        raise RuntimeError("broken")
"""
