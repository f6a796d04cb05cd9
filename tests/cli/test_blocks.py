"""`archlab blocks`: what there is, and that what it says of arguments is what the parser takes."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

import blocks
from archlab.architecture.own_blocks import SHIPPED

pytestmark = pytest.mark.usefixtures("own_code_forgotten")
OWN = '''
import blocks
from torch import nn

@blocks.register("own_listed")
class Own(blocks.Block):
    """Does nothing."""

    def __init__(self, *, in_channels: int, out_channels: int, stride: int = 1, ratio: float = 0.5, mode: str | None = None):
        super().__init__()
'''


@pytest.fixture
def called(command):
    """Calls `archlab blocks`."""
    return partial(command, "blocks")


def test_every_block_and_part_is_listed_with_its_meaning(called):
    code, out, _ = called("--json")
    found = json.loads(out)["blocks"]
    registries = (
        blocks.BLOCKS,
        blocks.CHANNEL_ATTENTIONS,
        blocks.ACTIVATIONS,
        blocks.NORMALIZATIONS,
        blocks.INITIALIZATIONS,
    )
    named = {(registry.kind, name) for registry in registries for name in registry}
    assert code == 0 and named | {("head", "head")} == {(entry["kind"], entry["name"]) for entry in found}
    shipped = [entry for entry in found if entry["file"] and Path(entry["file"]).is_relative_to(SHIPPED)]
    assert len(shipped) > 30 and all(len(entry["description"]) > 5 and entry["source"] for entry in shipped)
    assert all(name in called()[1] for _, name in named)


def test_the_arguments_of_one_are_shown_as_one_writes_them(called):
    code, out, _ = called("inverted_residual")
    lines = {line.split()[0]: line.split() for line in out.splitlines() if line}
    assert code == 0 and "arXiv 1801.04381" in out
    assert lines["groups"][1] == "1" and lines["always_expand"][1:] == ["false", "true", "|", "false"]
    assert lines["act"][1] == "relu6" and "silu" in lines["act"] and "none" in lines["hidden"]
    assert "none" not in {
        argument["value"] for argument in json.loads(called("se", "--json")[1])["blocks"][0]["arguments"]
    }


def test_a_file_of_own_blocks_is_shown(called, tmp_path):
    (tmp_path / "mine.py").write_text(OWN)
    code, out, _ = called(tmp_path / "mine.py")
    assert code == 0 and "own_listed (block)" in out and "ratio" in out and "word | none" in out
    (tmp_path / "empty.py").write_text("")
    code, _, complaint = called(tmp_path / "empty.py")
    assert code == 2 and "registers no block" in complaint


@pytest.mark.parametrize(
    ("name", "meant"), [("swish", "silu"), ("inverted_residul", "inverted_residual"), ("squeeze_excitation", "se")]
)
def test_what_the_field_calls_otherwise_is_named(called, name, meant):
    code, _, complaint = called(name)
    assert code == 2 and f"there is no block '{name}' - did you mean '{meant}'?" in complaint
