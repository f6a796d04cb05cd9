"""How the weights of a whole architecture start, and a derived one's head."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from archlab.architecture import InputSpec, architecture, build_model, from_canonical
from archlab.architecture.writing import architecture_yaml, at_width
from archlab.foundation import UserError, read_yaml_text
from archlab.runs.code import named

NET = "name: net\nlayers: [{conv: {out: 64, stride: 2}}, {inverted_residual: {out: 64, expand: 4}}]\n"
INIT = "init: {normal: {std: 0.3}}\n"


def read(text: str):
    return architecture(read_yaml_text(text, "net.yaml"))


def weights(model) -> list[torch.Tensor]:
    return [each.weight for each in model.layers.modules() if isinstance(each, (nn.Conv2d, nn.Linear))]


def test_an_init_counts_instead_of_what_blocks_say_but_not_in_the_head():
    usual, other = (build_model(read(text), InputSpec(10)) for text in (NET, NET + INIT))
    assert all(0.25 < float(each.detach().std()) < 0.35 for each in weights(other))
    assert not all(0.25 < float(each.detach().std()) < 0.35 for each in weights(usual))
    assert float(other.head.classifier.weight.detach().std()) < 0.02


def test_it_is_part_of_the_network_only_where_it_is_said():
    plain, other = read(NET), read(NET + INIT)
    assert "init" not in plain.canonical() and plain.digest() != other.digest()
    assert from_canonical(other.canonical(), "net").init == other.init == {"normal": {"std": 0.3, "zero_bias": True}}
    assert named(other.canonical()) - named(plain.canonical()) == set()  # its head has a normal one already
    assert len(named(read(NET + "init: torch").canonical()) - named(plain.canonical())) == 1


def test_it_is_written_and_kept_at_another_width():
    other = at_width(read(NET + INIT), 0.5, "half")
    again = architecture(read_yaml_text(architecture_yaml(other), "half.yaml"))
    assert again.canonical() == other.canonical() and again.init["normal"]["std"] == 0.3
    assert again.layers[0].arguments["out"] == 32


def test_a_derived_architecture_may_change_init_and_head():
    derived = read("name: mine\nbase: fbnet\ninit: torch\nhead: {dropout: 0}")
    base = architecture("fbnet")
    assert derived.layers == base.layers and derived.init == {"torch": {}}
    assert derived.head == {**base.head, "dropout": 0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (NET + "init: touch", "net.yaml:3: an architecture: init"),
        ("base: fbnet\nhead: {dropuot: 0}", "net.yaml:2: head has no argument 'dropuot' - did you mean 'dropout'?"),
    ],
)
def test_says_what_is_wrong_and_where(text, message):
    with pytest.raises(UserError) as error:
        read(text)
    assert str(error.value).startswith(message)
