"""Heads that are lists of layers."""

from __future__ import annotations

import json
import pickle

import pytest
import torch
from torch import nn

import archlab
from archlab.architecture import InputSpec, apply_edits, freedoms, from_canonical, stages
from archlab.architecture.own_blocks import own_blocks_of
from archlab.architecture.writing import architecture_yaml, at_width
from archlab.budget import count, count_layers, measure
from archlab.foundation import UserError, read_yaml_text
from archlab.runs.code import named
from blocks import BLOCKS
from tests.architecture.comparison import compare

BODY = """
name: net
defaults: {norm: {batch_norm: {momentum: 0.2}}, act: silu}
layers:
  - conv: {out: 24, stride: 2}
  - inverted_residual: {out: 40, stride: 2}
"""
HEADS = {
    "hidden": "[mean, {conv: {out: 64, kernel: 1}}, dropout, {classifier: {bias: false}}]",
    "before": "[{classifier: {init: he}}, {act: {act: relu}}, mean]",
    "averaged": "[mean, {classifier: {averaged: 2, norm: batch_norm}}]",
    "normalised": "[{norm: {norm: layer_norm}}, {conv: {out: 48, kernel: 1, scale: false}}, classifier]",
}


def read(head: str, body: str = BODY) -> archlab.architecture:
    return archlab.architecture(read_yaml_text(f"{body}head: {head}\n", "net.yaml"))


def independent(head: str) -> nn.Module:
    """The same network of torch's own modules."""
    body = archlab.build_model(read("{}"), num_classes=11).layers

    class Averaged(nn.Module):
        def __init__(self):
            super().__init__()
            self.heads = nn.ModuleList(nn.Sequential(nn.BatchNorm2d(40), nn.Conv2d(40, 11, 1)) for _ in range(2))

        def forward(self, x):
            return (self.heads[0](x) + self.heads[1](x)) / 2

    class ChannelNorm(nn.LayerNorm):
        def forward(self, x):
            return super().forward(x.movedim(1, -1)).movedim(-1, 1)

    pool, flat = nn.AdaptiveAvgPool2d(1), nn.Flatten()
    hidden = [nn.Conv2d(40, 64, 1, bias=False), nn.BatchNorm2d(64, momentum=0.2), nn.SiLU()]
    last = [nn.Conv2d(40, 48, 1, bias=False), nn.BatchNorm2d(48, momentum=0.2), nn.SiLU()]
    return nn.Sequential(
        body,
        *{
            "hidden": [pool, *hidden, flat, nn.Dropout(0.2), nn.Linear(64, 11, bias=False)],
            "before": [nn.Conv2d(40, 11, 1), nn.ReLU(), pool, flat],
            "averaged": [pool, Averaged(), flat],
            "normalised": [ChannelNorm(40, 1e-6), *last, nn.Conv2d(48, 11, 1), pool, flat],
        }[head],
    )


@pytest.mark.parametrize("head", HEADS)
def test_it_is_the_network_that_torch_makes(head):
    torch.manual_seed(0)
    ours = archlab.build_model(read(HEADS[head]), num_classes=11)
    compare(ours, independent(head), 24, batch=8)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize(("width", "resolution"), [(1.0, 224), (0.4, 20)])
def test_it_is_counted_written_and_stored(head, width, resolution):
    net, spec = read(HEADS[head]), InputSpec(11, resolution)
    cost = count(net, spec, width)
    model = archlab.build_model(net, num_classes=11, resolution=resolution, width=width)
    assert cost == measure(model, resolution)
    assert sum(layer.params for layer in count_layers(net, spec, width)) == cost.params
    of_classifier = next(module for module in model.modules() if isinstance(module, BLOCKS["classifier"]))
    assert cost.params_without_classifier == cost.params - sum(p.numel() for p in of_classifier.parameters())
    written = archlab.architecture(read_yaml_text(architecture_yaml(at_width(net, width, "net")), "net.yaml"))
    assert count(written, spec) == cost
    stored = from_canonical(net.canonical(), "net")
    assert stored.canonical() == net.canonical() and count(stored, spec, width) == cost
    assert not own_blocks_of(net) and "features" not in freedoms(net)
    assert stages(net) == [1, 2], "layers of the head are in no stage"


@pytest.mark.parametrize("head", HEADS)
def test_it_is_part_of_the_network_and_of_the_code(head):
    plain, net = read("{}"), read(HEADS[head])
    assert net.digest() != plain.digest()
    assert {name for _, name in named(net.canonical()) - named(plain.canonical())} >= {"Classifier"}


def test_averaged_classifiers_are_deployed_as_one():
    torch.manual_seed(0)
    net = read(HEADS["averaged"])
    model = archlab.build_model(net, num_classes=11).double()
    images = torch.randn(4, 3, 24, 24, dtype=torch.float64)
    model.train()(images)
    fused = model.fuse()
    assert torch.allclose(fused(images), model.eval()(images), atol=1e-12)
    assert sum(p.numel() for p in fused.head.parameters()) == 41 * 11
    cost = count(net, InputSpec(11))
    assert cost.params - cost.params_deployed == 41 * 11 + 2 * 2 * 40


def test_strides_follow_the_last_map_before_the_head():
    net = archlab.architecture("mobilenetv2")
    listed = archlab.architecture({"base": "mobilenetv2", "head": ["mean", "classifier"]})
    for resolution in (32, 48, 64):
        ours, usual = (count(each, InputSpec(10, resolution)) for each in (listed, net))
        assert (ours.params, ours.macs) == (usual.params, usual.macs)


def test_an_edit_gives_another_head():
    base = archlab.architecture("mobilenetv2")
    edited = archlab.architecture(
        {"base": "mobilenetv2", "edits": [{"head": ["mean", {"conv": {"out": 640, "kernel": 1}}, "classifier"]}]}
    )
    assert edited.layers == base.layers
    assert [layer.block for layer in edited.head_layers()] == ["mean", "conv", "classifier"]
    assert edited.head_layers()[1].arguments["act"] == {"relu6": {}}, "defaults hold in the head too"


def test_it_can_be_fitted():
    net = read(HEADS["hidden"])
    width = archlab.fit_width(net, params=500_000, num_classes=20)
    assert 475_000 < count(net, InputSpec(20), width).params <= 500_000


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("[mean]", "net.yaml:7: a head of layers has one classifier, and this one 0"),
        ("[mean, classifier, classifier]", "net.yaml:7: a head of layers has one classifier, and this one 2"),
        (
            "[classifier, {conv: {out: 9}}]",
            "net.yaml:7: conv: from the classifier on, there are as many channels as classes",
        ),
        ("[{classifier: {out: 9}}]", "net.yaml:7: classifier: from the classifier on"),
        ("[mean, clasifier]", "net.yaml:7: there is no block 'clasifier' - did you mean 'classifier'?"),
        ("7", "net.yaml:7: head takes arguments by name, or is a list of layers, not 7"),
        ("{bias: false}", "net.yaml:7: head has no argument 'bias'"),
    ],
)
def test_says_what_is_wrong_and_where(head, message):
    with pytest.raises(UserError) as caught:
        read(head)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("layers:\n  - conv:\n      out: 8\n      act: relus", "net.yaml:5: conv: act: there is no activation 'relus'"),
        (
            "defaults:\n  act: relus\nlayers:\n  - conv: {out: 8}",
            "net.yaml:3: conv: act: there is no activation 'relus'",
        ),
        (
            "layers: [{conv: {out: 8}}]\nhead:\n  features: 8\n  act: relus",
            "net.yaml:5: head: act: there is no activation",
        ),
        ("defaults:\n  act: relus\nlayers: [{mean: }]", "net.yaml:3: head: act: there is no activation 'relus'"),
    ],
)
def test_a_wrong_part_is_told_where_it_is_written(text, message):
    with pytest.raises(UserError) as caught:
        archlab.architecture(read_yaml_text(f"name: net\n{text}\n", "net.yaml"))
    assert str(caught.value).startswith(message)


def test_a_classifier_stands_in_the_head_alone():
    with pytest.raises(
        UserError, match=r"^net.yaml:6: classifier: it stands in the head, `head: \[mean, classifier\]`"
    ):
        read("{}", BODY.replace("inverted_residual: {out: 40, stride: 2}", "classifier:"))


def test_arguments_do_not_change_a_head_of_layers():
    with pytest.raises(UserError, match="the head is a list of layers, of which arguments change nothing"):
        apply_edits(read(HEADS["hidden"]), [{"head": {"dropout": 0.1}}])


def test_errors_of_a_layer_name_its_own_line():
    text = f"{BODY}head:\n  - mean\n  - conv: {{out: 10, groups: 3}}\n  - classifier\n"
    net = archlab.architecture(read_yaml_text(text, "net.yaml"))
    with pytest.raises(UserError, match=r"net.yaml:9: conv: 3 groups do not divide"):
        count(net, InputSpec(7))
    assert pickle.loads(pickle.dumps(net)) == net and json.loads(json.dumps(net.canonical())) == net.canonical()


@pytest.mark.parametrize(
    "head",
    [
        "[mean, {choose: [dropout]}, classifier]",
        "[{conv: {out: {range: [8, 16]}}}, classifier]",
        "{features: {choose: [1, 2]}}",
    ],
)
def test_a_head_leaves_nothing_open(head):
    with pytest.raises(UserError, match=r"net.yaml:7: `(choose|range)` leaves a value open, and only an edit"):
        read(head)
