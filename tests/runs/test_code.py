"""What the key of a run says about the code: what decides the run, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import blocks
from archlab.architecture import InputSpec, architecture, build_model, references
from archlab.runs import code, code_digest
from archlab.training.loop import train
from archlab.training.reading import load_recipe
from archlab.training.starting import GivenWeights
from tests.runs.record_code import differences, digests, recorded
from tests.training.stub import TINY, Made

ROOT = Path(__file__).parents[2]
SMALL = {
    "name": "small",
    "layers": [{"conv": {"out": 8}}, {"inverted_residual": {"out": 8, "channel_attention": "se"}}],
}


def forget():
    for cached in (code.sources, code._digest_of, code._referred_by):
        cached.cache_clear()


@pytest.fixture(autouse=True)
def forgotten():
    yield
    forget()


class Tree:
    """A copy of the sources to edit."""

    def __init__(self, root: Path):
        self.root = root
        for folder in ("blocks", "archlab/architecture", "archlab/training", "archlab/data"):
            shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("*.yaml", "__pycache__"))
        shutil.copy(ROOT / "archlab/__init__.py", root / "archlab")

    def edit(self, file: str, old: str, new: str):
        text = (self.root / file).read_text()
        assert old in text, (file, old)
        (self.root / file).write_text(text.replace(old, new, 1))

    def digest(self, source=SMALL, own_files=()) -> str:
        forget()
        return code_digest(architecture(source).canonical(), own_files)


@pytest.fixture
def tree(tmp_path, monkeypatch):
    tree = Tree(tmp_path)
    monkeypatch.setattr(code, "_folders", lambda: {name: tmp_path / name for name in ("archlab", "blocks")})
    return tree


ACTIVATION = """import ACTIVATIONS


@ACTIVATIONS.register("twice")
def twice() -> nn.Module:
    return nn.ReLU6(inplace=False)
"""
BLOCK = """
from blocks.block import Block
from blocks.registry import register

@register("new")
class New(Block):
    pass
"""


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("blocks/inverted_residual.py", "            same_padding(each)\n", "            same_padding(each)  # odd\n\n"),
        ("blocks/inverted_residual.py", "The expansion is", "A word more. The expansion is"),
        ("blocks/inverted_residual.py", "(in_channels * expand, groups)", "(\n in_channels * expand, groups\n)"),
        ("blocks/inverted_residual.py", "def expanded(", "def unused() -> int:\n    return 3\n\n\ndef expanded("),
        ("blocks/conv.py", 'Pixels along one axis after', 'Pixels after'),
        ("blocks/star.py", "INIT_STD = 0.02", "INIT_STD = 0.03"),
        ("blocks/eca.py", "gamma: float = 2.0", "gamma: float = 3.0"),
        ("blocks/activations.py", "import ACTIVATIONS\n", ACTIVATION),
        ("blocks/activations.py", "negative_slope=0.01", "negative_slope=0.02"),
        ("blocks/initialization.py", "limit = 1.0", "limit = 2.0"),
        ("archlab/architecture/parse.py", "an architecture needs a list of layers", "give layers"),
        ("archlab/training/loop.py", "Trains the architecture", "Trains an architecture"),
        ("archlab/training/loop.py", "        progress = Progress()\n", "        # none yet\n        progress = Progress()\n"),
        ("archlab/data/readers/digits.py", "\n\n\n", "\n\n\nprint()\n\n\n"),
    ],
)  # fmt: skip
def test_what_a_run_does_not_use_changes_no_digest(tree, file, old, new):
    before = tree.digest()
    tree.edit(file, old, new)
    assert tree.digest() == before


def test_a_new_block_and_what_blocks_cost_change_no_digest(tree):
    before = tree.digest()
    (tree.root / "blocks/new.py").write_text(BLOCK)
    tree.edit("blocks/__init__.py", "    normalizations,\n", "    new,\n    normalizations,\n")
    for file in ("inverted_residual", "conv", "squeeze_excitation", "block"):
        path = tree.root / f"blocks/{file}.py"
        head, tally, rest = path.read_text().partition("    def tally(")
        path.write_text(f"{head}{tally}\n{rest}".replace("tally.conv(", "tally.conv(1 * "))
    assert tree.digest() == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("blocks/inverted_residual.py", "hidden != in_channels or", "hidden >= in_channels or"),
        ("blocks/inverted_residual.py", "(in_channels * expand, groups)", "(in_channels * 2, groups)"),
        ("blocks/rounding.py", "rounded >= 0.9 * count", "rounded >= 0.8 * count"),
        ("blocks/activations.py", "nn.ReLU6(inplace=True)", "nn.ReLU6()"),
        ("blocks/normalizations.py", "momentum: float = 0.1", "momentum: float = 0.2"),
        ("blocks/activations.py", "nn.Sigmoid()", "nn.Hardsigmoid()"),
        ("blocks/initialization.py", "math.sqrt(2.0 / fan_out)", "math.sqrt(1.0 / fan_out)"),
        ("blocks/components.py", "return nn.Identity()", "return nn.Dropout(0)"),
        ("blocks/head.py", "x.mean((2, 3), keepdim=True)", "x.amax((2, 3), keepdim=True)"),
        ("blocks/block.py", "return -(-layer.in_size // layer.stride)", "return layer.in_size // layer.stride"),
        ("blocks/squeeze_excitation.py", "\n\n@CHANNEL", '\nnn.Sigmoid.extra = 1\n\n@CHANNEL'),
        ("archlab/architecture/input_spec.py", "SMALLEST_MAP = 2", "SMALLEST_MAP = 3"),
        ("archlab/architecture/spec.py", "stride: int = 1", "stride: int = 2"),
        ("archlab/training/evaluation.py", "PIXELS_AT_ONCE = 2**18", "PIXELS_AT_ONCE = 2**17"),
        ("archlab/training/optimizer.py", "weight_decay\": 0.0", "weight_decay\": 0.1"),
        ("archlab/training/recipe.py", "return -(-steps // batches), steps", "return steps // batches, steps"),
        ("archlab/data/augment.py", "TRIES = 10", "TRIES = 11"),
        ("archlab/data/transforms.py", "GREY = (0.2989", "GREY = (0.2988"),
    ],
)  # fmt: skip
def test_what_a_run_uses_changes_its_digest(tree, file, old, new):
    before = tree.digest()
    tree.edit(file, old, new)
    assert tree.digest() != before


def test_a_component_counts_where_it_is_named(tree):
    plain = {**SMALL, "layers": [{"conv": {"out": 8}}]}
    before = tree.digest(plain), tree.digest()
    tree.edit("blocks/squeeze_excitation.py", "ratio <= 4", "ratio <= 5")
    assert tree.digest(plain) == before[0] and tree.digest() != before[1]


def test_what_moves_to_another_file_counts_where_it_was(tree):
    before = tree.digest()
    text = (tree.root / "blocks/inverted_residual.py").read_text()
    rest, moved = text.split("\n\ndef expanded(")
    (tree.root / "blocks/widths.py").write_text(f"from blocks.rounding import round_channels\n\n\ndef expanded({moved}")
    rest = rest.replace("from blocks.rounding import round_channels", "from blocks.widths import expanded")
    (tree.root / "blocks/inverted_residual.py").write_text(rest)
    assert tree.digest() == before
    tree.edit("blocks/widths.py", "in_channels * expand", "in_channels * 3")
    assert tree.digest() != before


OWN = """
import blocks

@blocks.register("own_for_code")
class Own(blocks.BLOCKS["star"]):
    pass

def helper(act="tanh"):
    return blocks.make_activation(act)
"""


@pytest.mark.slow
def test_own_files_count_with_their_text_and_what_they_use(tree, tmp_path):
    own = tmp_path / "mine.py"
    own.write_text("x = 1\n")
    with_own = tree.digest(own_files=[own])
    assert with_own.startswith(tree.digest() + "+")
    own.write_text("x = 2\n")
    changed = tree.digest(own_files=[own])
    assert changed != with_own
    assert tree.digest(own_files=[own.rename(tmp_path / "elsewhere.py")]) == changed

    own.write_text(OWN)
    before = tree.digest(own_files=[own])
    tree.edit("blocks/eca.py", "gamma: float = 2.0", "gamma: float = 3.0")
    assert tree.digest(own_files=[own]) == before
    tree.edit("blocks/star.py", "INIT_STD = 0.02", "INIT_STD = 0.03")
    after = tree.digest(own_files=[own])
    assert after != before and after.partition("+")[0] == before.partition("+")[0]
    tree.edit("blocks/activations.py", "nn.Tanh()", "nn.Hardtanh()")
    assert tree.digest(own_files=[own]) != after


def test_the_digest_needs_no_torch():
    text = (
        "import sys, archlab.runs as r; print(len(r.code_digest({'layers': [], 'head': {}})), "
        "'torch' in sys.modules, 'pandas' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True).stdout
    assert out.split() == ["32", "False", "False"]


class Trace:
    """Collects the definitions at the top of archlab's and the blocks' modules that run in this thread."""

    def __init__(self):
        self.ran: set[tuple[str, str]] = set()

    def __enter__(self):
        sys.setprofile(self.note)
        return self

    def __exit__(self, *_):
        sys.setprofile(None)

    def note(self, frame, event, _):
        called, name = frame.f_code, frame.f_globals.get("__name__", "")
        written = (
            called.co_filename != "<string>" and called.co_name != "<module>"
        )  # neither dataclasses' nor an import
        if event == "call" and written and name.split(".")[0] in ("archlab", "blocks"):
            self.ran.add((name, called.co_qualname.split(".")[0]))

    def outside(self, design) -> set[tuple[str, str]]:
        counted = code.sources().made_of({*code.LOOP, *code.named(design.canonical())})
        return {place for place in self.ran - counted if not place[0].startswith("archlab.foundation")}


def test_all_that_runs_in_a_training_counts():
    """Every function of archlab that a training calls, whatever its recipe has."""
    recipe = load_recipe(
        {"resolution": 16, "batch_size": 16, "steps": 4, "lr": 1e-3, "zero_residual": True, "augment": {
            "shift": 2, "crop": {}, "flip": True, "jitter": {"hue": 0.1, "contrast": 0.1}, "cutmix": 1.0, "mixup": 0.2,
            "erasing": 0.2, "randaugment": {}}, "balance": True, "clip": 1.0, "ema": 0.9, "progressive": 0.5,
            "distill": {"teacher": "1a"}, "init": {"run": "1a", "body": 0.1}}
    )  # fmt: skip
    made = Made(flip=True, side=32)
    teacher = build_model(TINY, InputSpec(4, 32)).eval().requires_grad_(False)
    with Trace() as trace:
        train(TINY, made, recipe, 0, teacher=teacher, given=GivenWeights(dict(teacher.state_dict())))
    assert ("archlab.data.transforms", "erased") in trace.ran and ("blocks.conv", "padding_of") in trace.ran
    assert not trace.outside(TINY)


@pytest.mark.parametrize("name", references())
def test_all_that_runs_in_a_network_counts(name):
    design = architecture(name)
    with Trace() as trace:
        model = build_model(design, InputSpec(10, 32), 0.25)
        model(torch.zeros(2, 3, 32, 32)).sum().backward()
    assert ("blocks.head", "Head") in trace.ran and len(trace.ran) > 10
    assert not trace.outside(design)


def test_what_stands_beside_training_is_not_used_by_what_trains():
    """Else leaving it out of the digest would hide a change."""
    found = code.sources()
    places = found.made_of(
        {*code.LOOP, *(place for entries in found.registered.values() for place in entries.values())}
    )
    used = {name.rpartition(".")[2] for place in places for name in found.definition(place).names if "." in name}
    assert not used & {"examples", "tally", "fuse"}


def test_every_shipped_block_and_component_is_found():
    registered = code.sources().registered
    for name in ("BLOCKS", "ACTIVATIONS", "NORMALIZATIONS", "CHANNEL_ATTENTIONS", "INITIALIZATIONS"):
        there = getattr(blocks, name)
        assert set(registered[name]) == {entry for entry in there if there[entry].__module__.startswith("blocks.")}


def test_a_digest_changes_on_purpose():
    changed = differences(recorded(), digests())
    assert not changed, (
        f"the code of {', '.join(changed)} is another than recorded: stored runs of it will be trained again. "
        "If that is meant, say so in CHANGELOG.md and record anew: python -m tests.runs.record_code"
    )
