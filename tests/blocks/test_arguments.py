"""Arguments are checked before anything is built."""

from __future__ import annotations

import pytest

import archlab
import blocks
from archlab.architecture import InputSpec
from archlab.budget import count, measure
from archlab.foundation import UserError
from blocks.arguments import arguments

NUMBERS = (-1, 0, 1, 2, 3, 4, 5, 24)
CASES = [
    (name, argument.name)
    for name in blocks.BLOCKS
    for argument in arguments(blocks.BLOCKS[name]).values()
    if argument.kind in (int, float)
]


@pytest.mark.parametrize(("name", "argument"), CASES)
def test_what_is_counted_can_be_built_and_what_is_refused_cannot(name, argument):
    """A wrong number is found by counting, in a line that names the block, not in the middle of a study."""
    accepted = 0
    for number in NUMBERS:
        layer = {**blocks.BLOCKS[name].examples[0], argument: number}
        document = {"layers": [{"conv": {"out": 24, "kernel": 1}}]}
        if name == "classifier":
            document["head"] = ["mean", {name: layer}]
        else:
            document["layers"].append({name: layer})
        try:
            arch = archlab.architecture(document)
            cost = count(arch, InputSpec(2, 24, smallest_map=None))
        except UserError as error:
            assert str(error).startswith(f"{name}: ")
            if "must be" not in str(error):
                with pytest.raises(UserError):
                    archlab.build_model(arch, num_classes=2)
            continue
        assert cost == measure(archlab.build_model(arch, num_classes=2), 24)
        accepted += 1
    assert accepted


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ({"conv": {"kernel": 0}}, "conv: kernel must be at least 1, not 0"),
        ({"conv": {"kernel": 3.0}}, "conv: kernel must be a whole number, not 3.0"),
        ({"conv": {"kernel": True}}, "conv: kernel must be a whole number, not True"),
        ({"conv": {"bias": 1}}, "conv: bias must be true or false, not 1"),
        ({"pool": {"padding": -1}}, "pool: padding must be at least 0, not -1"),
        ({"ghost_bottleneck": {"branches": -1}}, "ghost_bottleneck: branches must be at least 0, not -1"),
        ({"convnext": {"expand": -0.5}}, "convnext: expand must be at least 0, not -0.5"),
        ({"conv": {"act": "relo"}}, "conv: act: there is no activation 'relo' - did you mean 'relu'?"),
        (
            {"conv": {"norm": {"batch_norm": {"epsilon": 1}}}},
            "conv: norm: batch_norm has no argument 'epsilon' - did you mean 'eps'?",
        ),
        ({"se": {}}, "there is no block 'se'"),
        ({"patch": {}}, "patch needs the argument 'size'"),
    ],
)
def test_messages(layer, message):
    with pytest.raises(UserError) as caught:
        archlab.architecture({"layers": [layer]})
    assert str(caught.value).startswith(message)
