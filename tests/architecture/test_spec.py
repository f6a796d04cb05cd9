"""Architectures as runs store them."""

from __future__ import annotations

import torch

import archlab
from archlab.architecture import InputSpec, build_model, from_canonical
from archlab.budget import count


def test_one_that_was_stored_before_a_block_had_an_argument_is_read_with_its_default():
    arch = archlab.architecture({"layers": [{"conv": {"out": 8, "stride": 2}}, {"residual": {"out": 8, "stride": 2}}]})
    stored = arch.canonical()
    for layer, new in zip(stored["layers"], ("padding", "shortcut"), strict=True):
        layer["arguments"] = {name: value for name, value in layer["arguments"].items() if name != new}
    again = from_canonical(stored, arch.name)
    assert again.canonical() == arch.canonical()
    assert count(again, InputSpec(10), 0.5) == count(arch, InputSpec(10), 0.5)
    assert build_model(again, InputSpec(10))(torch.zeros(2, 3, 16, 16)).shape == (2, 10)
