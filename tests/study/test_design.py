"""The language as its design gives it, word for word."""

import pytest

from archlab.foundation import UserError
from archlab.study.combination import combinations
from archlab.study.design import Designer
from archlab.study.space import space_size
from tests.study.study_texts import study

ATTENTION = """
name: se_vs_attn
question: At equal parameters, does channel attention transfer better than token attention?
base: mobilenetv2                       # a name, a file, inline layers, or {choose: [mobilenetv2, convnext]}
choices:
  attention:
    none: []                            # the first option is the base as it stands
    se:  [{set: {channel_attention: {se: {ratio: 0.25}}}, where: {block: inverted_residual}}]
    eca: [{set: {channel_attention: eca}, where: {block: inverted_residual}}]
    mobilevit: [{insert: {mobilevit: {dim: 96, depth: 2, heads: 4}}, after: {stage: [-2, -1]}}]
budget: {params: 2.5M, fit: width}
compare: [mobilenetv2, efficientnet, convmixer, mobilevit]     # `references` = all eleven
suite: samples
recipe: quick
seeds: 1
explore: one_at_a_time                  # or grid
"""
MORE = """
base: mobilenetv2
choices:
  layout:
    pyramidal: []
    isotropic:
      - replace: {from: first, to: last}
        with: [{patch: {out: 512, size: {choose: [4, 7, 14]}}}, {isotropic: {out: 512, kernel: 5, repeat: 8}}]
  late_se:
    when: {layout: pyramidal}           # a condition on another choice
    options: {none: [], se: [{set: {channel_attention: {se: {ratio: 0.25}}}, where: {block: inverted_residual, stage: [-2, -1]}}]}
  depth: [{set: {repeat: {range: [1, 4]}}, each: stage}]      # no options: edits that hold ranges are a choice themselves
"""  # noqa: E501
SHUFFLE = "shuffle: {kept: [], dropped: [{set: {shuffle: false}, where: {block: shuffle_unit}}]}"


def test_channel_attention_against_token_attention():
    loaded = study(ATTENTION)
    assert [model.name for model in Designer(loaded).designs()] == [
        "mobilenetv2",
        "efficientnet",
        "convmixer",
        "mobilevit",
        "mobilenetv2+attention=se",
        "mobilenetv2+attention=eca",
        "mobilenetv2+attention=mobilevit",
    ]
    *_, mobilevit = combinations(loaded)
    inserted = [index for index, layer in enumerate(mobilevit.architecture.layers) if layer.block == "mobilevit"]
    assert inserted == [6, 9]  # after the layers of 96 and of 320 channels
    assert mobilevit.architecture.layers[9].arguments["out"] is None


def test_bases_are_a_choice():
    loaded = study(ATTENTION.replace("base: mobilenetv2 ", "base: {choose: [mobilenetv2, efficientnet]} "))
    assert [each.name for each in combinations(loaded)][:2] == ["mobilenetv2", "efficientnet"]


@pytest.mark.slow
def test_what_more_the_grammar_must_say():
    loaded = study(MORE)
    names = [each.name for each in combinations(loaded)]
    assert names[1:5] == [
        *(f"mobilenetv2+layout=isotropic+layout.size={size}" for size in (4, 7, 14)),
        "mobilenetv2+late_se=se",
    ]
    assert names[5:] == [f"mobilenetv2+depth.stage{stage}={repeat}" for stage in range(1, 6) for repeat in range(1, 5)]
    assert space_size(loaded) == 2 * 4**5 + 3 * 4


def test_the_shuffle_can_be_dropped():
    base, dropped = combinations(study(f"base: shufflenetv2\nchoices:\n  {SHUFFLE}"))
    assert {layer.arguments["shuffle"] for layer in base.architecture.layers if layer.block == "shuffle_unit"} == {True}
    assert {layer.arguments["shuffle"] for layer in dropped.architecture.layers if layer.block == "shuffle_unit"} == {
        False
    }


def test_the_errors_that_the_design_names():
    with pytest.raises(
        UserError, match=r"mobilenetv2 has no block 'shuffle_unit' \(in the combination mobilenetv2\+shuffle=dropped\)"
    ):
        study(f"base: mobilenetv2\nchoices:\n  {SHUFFLE}")
    with pytest.raises(UserError, match="layout has no option 'pyramid' - did you mean 'pyramidal'"):
        study(MORE.replace("{layout: pyramidal}", "{layout: pyramid}"))
    continuous = study("base: mobilenetv2\nchoices:\n  expand: [{set: {expand: {range: [1.0, 6.0]}}}]")
    with pytest.raises(UserError, match="expand ranges over every number from 1 to 6, which only a search can try"):
        Designer(continuous).designs()
