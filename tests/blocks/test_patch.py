"""Patches as published, and on inputs that are smaller than published."""

from __future__ import annotations

import pytest
import torch

import archlab
from archlab.architecture import InputSpec, place
from blocks.patch import Patch


def network(size: int, **layer):
    return {"resolution": 64, "layers": [{"patch": {"out": 8, "size": size, **layer}}]}


@pytest.mark.parametrize("size", [2, 3, 4, 7])
def test_patches_do_not_overlap(size):
    block = Patch(in_channels=3, out_channels=8, stride=size, size=size, norm=None)
    x = torch.randn(1, 3, 21, 21, requires_grad=True)
    y = block(x)
    assert y.shape[-2:] == (21 // size, 21 // size)
    y[0, :, 1, 1].sum().backward()
    rows, columns = x.grad.abs().sum((0, 1)).nonzero(as_tuple=True)
    assert {*rows.tolist()} == {*columns.tolist()} == {*range(size, 2 * size)}


def test_stride_is_the_size_unless_given():
    strides = [archlab.architecture(network(8, **layer)) for layer in ({}, {"stride": 4})]
    placed = [place(each, InputSpec(5))[0][0] for each in strides]
    assert [each.arguments.stride for each in placed] == [8, 4]


def test_small_inputs_make_patches_overlap_and_keep_parameters():
    architecture = archlab.architecture(network(16))
    published, small = (archlab.build_model(architecture, 5, resolution=size, smallest_map=4) for size in (64, 16))
    assert [model.layers[0].conv.stride for model in (published, small)] == [(16, 16), (4, 4)]
    assert small.layers(torch.randn(1, 3, 16, 16)).shape == (1, 8, 4, 4)
    small.load_state_dict(published.state_dict())


def test_a_stride_above_the_size():
    with pytest.raises(archlab.foundation.UserError, match="a stride of 4 skips pixels between patches of size 2"):
        archlab.build_model(archlab.architecture(network(2, stride=4)), 5)
