"""The comparison finds a fault of every kind and names the layer that has it."""

from __future__ import annotations

import copy
import re

import pytest
import torch
from torch import nn

from archlab.architecture.pairing import DifferentNetworksError
from tests.architecture.comparison import compare, initialization_differences


class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(8, 1, 1))

    def forward(self, x):
        return self.gamma * x


class Small(nn.Module):
    """Two parallel branches, a scale of one's own, BatchNorm, dropout and a classifier."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.act = nn.ReLU6()
        self.wide = nn.Conv2d(8, 8, 3, padding=1)
        self.skip = nn.BatchNorm2d(8)
        self.scale = Scale()
        self.dropout = nn.Dropout(0.5)
        self.classifier = nn.Linear(8, 10)

    def forward(self, x):
        x = self.act(self.norm(self.stem(x)))
        x = self.scale(self.wide(x)) + self.skip(x)
        return self.classifier(self.dropout(x.mean((2, 3))))


class OtherOrder(Small):
    """The same network: branches in another order, a scale that the network holds itself, a 1x1 convolution as classifier."""

    def __init__(self):
        super().__init__()
        self.gamma = self.scale.gamma
        del self.scale
        self.classifier = nn.Conv2d(8, 10, 1)

    def forward(self, x):
        x = self.act(self.norm(self.stem(x)))
        x = self.skip(x) + self.gamma * self.wide(x)
        return self.classifier(self.dropout(x.mean((2, 3), keepdim=True))).flatten(1)


@pytest.mark.parametrize("theirs", [Small, OtherOrder])
def test_the_same_network_written_otherwise_does_not_differ(theirs):
    assert max(compare(Small(), theirs(), 33)) < 1e-14


def with_epsilon(model):
    model.skip.eps = 1e-3


def with_momentum(model):
    model.norm.momentum = 0.01


def with_another_activation(model):
    model.act = nn.ReLU()


def with_another_padding(model):
    model.stem = nn.Conv2d(3, 8, 3, 2, 0, bias=False)


def with_more_channels(model):
    model.wide = nn.Conv2d(8, 9, 3, padding=1)


def with_a_scaled_gradient(model):
    model.wide.register_forward_hook(lambda module, entered, left: 0.5 * left + 0.5 * left.detach())


def with_another_pooling(model):
    model.classifier.register_forward_pre_hook(lambda module, entered: entered[0] * 1.001)


def with_another_output(model):
    model.classifier.register_forward_hook(lambda module, entered, left: left * 1.001)


def with_one_layer_more(model):
    model.classifier = nn.Sequential(model.classifier, nn.Linear(10, 10))


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        (with_epsilon, "eps of ours is 0.001 in skip"),
        (with_momentum, "momentum of ours is 0.01 in norm"),
        (with_another_activation, "after norm: other values enter ours than theirs"),
        (with_another_padding, "after stem: other values enter ours than theirs: ours is norm"),
        (with_more_channels, "after norm: ours is wide (Conv2d (9, 8, 3, 3) (9,)), theirs wide"),
        (with_a_scaled_gradient, "gradients of wide"),
        (with_another_pooling, "after skip: other values enter ours than theirs: ours is classifier"),
        (with_another_output, "the same values enter every layer, but outputs differ by"),
        (with_one_layer_more, "theirs ends, ours also has classifier.1"),
    ],
)
def test_a_fault_is_found_and_named(fault, named):
    torch.manual_seed(0)
    theirs = Small()
    ours = copy.deepcopy(theirs)
    fault(ours)
    with pytest.raises((AssertionError, DifferentNetworksError), match=re.escape(named)):
        compare(ours, theirs, 33)


@pytest.mark.parametrize(
    ("start", "difference"),
    [
        (lambda weight: nn.init.normal_(weight, 0.0, 0.02), "standard deviation"),
        (lambda weight: nn.init.normal_(weight, 0.0, weight.std().item()), "mean deviation"),  # normal, not uniform
        (lambda weight: weight.data.add_(0.05), "mean"),
    ],
)
def test_another_initialization_is_found(start, difference):
    torch.manual_seed(0)
    ours, theirs = Small(), Small()
    for model in (ours, theirs):
        model.wide = nn.Conv2d(8, 8, 17, padding=8)
    assert not initialization_differences(copy.deepcopy(ours), copy.deepcopy(theirs), 33)
    start(ours.wide.weight)
    (found,) = initialization_differences(ours, theirs, 33)
    assert found.startswith(f"wide.weight: {difference} ")
