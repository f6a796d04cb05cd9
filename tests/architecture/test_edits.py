"""Edits and selectors, mostly on MobileNetV2: stages 1 1 2 3 4 4 5 5, then the feature head."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archlab.architecture import InputSpec, apply_edits, architecture, place, stages
from archlab.foundation import UserError, read_yaml_text

BASE = architecture("mobilenetv2")
BLOCKS = [layer.block for layer in BASE.layers]


def edited(text, base=BASE):
    return apply_edits(base, read_yaml_text(text, source="edits.yaml")["edits"])


def changed(architecture, attribute=lambda layer: layer):
    """Indices of the layers that differ from the base's."""
    pairs = zip(BASE.layers, architecture.layers, strict=True)
    return [index for index, (old, new) in enumerate(pairs) if attribute(old) != attribute(new)]


def test_stages_are_runs_at_one_output_size_without_the_feature_head():
    assert stages(BASE) == [1, 1, 2, 3, 4, 4, 5, 5, None]


def test_set_changes_the_selected_layers_alone():
    result = edited(
        "edits: [{set: {channel_attention: {se: {ratio: 0.5}}}, where: {block: inverted_residual, stage: [-2, -1]}}]"
    )
    assert changed(result) == [4, 5, 6, 7]
    assert result.layers[4].arguments["channel_attention"]["se"]["ratio"] == 0.5
    assert result.layers[4].arguments["expand"] == 6


def test_set_without_a_block_means_the_layers_that_take_the_argument():
    assert changed(edited("edits: [{set: {expand: 3}}]")) == [1, 2, 3, 4, 5, 6, 7]
    assert changed(edited("edits: [{set: {kernel: 5}}]")) == list(range(9))


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("{layer: first}", [0]),
        ("{layer: [2, last]}", [1, 8]),
        ("{stage: 1}", [0, 1]),
        ("{stage: -1}", [6, 7]),
        ("{stage: [1, 2], block: inverted_residual}", [1, 2]),
        ("{}", list(range(9))),
    ],
)
def test_selectors_intersect(selector, expected):
    assert changed(edited(f"edits: [{{set: {{repeat: 9}}, where: {selector}}}]")) == expected


def test_layers_can_be_named_and_found_by_name():
    result = edited(
        "edits: [{set: {name: stem}, where: {layer: 1}}, {set: {out: 24, scale: false}, where: {name: stem}}]"
    )
    assert changed(result) == [0]
    assert (result.layers[0].arguments["out"], result.layers[0].scale) == (24, False)


def test_set_none_takes_a_component_away():
    with_se = edited("edits: [{set: {channel_attention: se}, where: {layer: 2}}]")
    assert changed(edited("edits: [{set: {channel_attention: none}, where: {layer: 2}}]", with_se)) == []


def test_insert_after_stages_inserts_at_their_ends():
    result = edited("edits: [{insert: {conv: {kernel: 3}}, after: {stage: [-2, -1]}}]")
    assert [layer.block for layer in result.layers] == [*BLOCKS[:6], "conv", *BLOCKS[6:8], "conv", BLOCKS[8]]
    placed = [each.arguments for each in place(result, InputSpec(10))[0] if each.index in (6, 9)]
    assert [(block.in_channels, block.out_channels) for block in placed] == [
        (96, 96),
        (320, 320),
    ]


@pytest.mark.parametrize(
    ("edit", "number"), [("insert: [conv, conv, pool], after: {}", 36), ("replace: {}, with: [conv, conv, conv]", 27)]
)
def test_how_many_layers_edits_can_make_is_bounded(monkeypatch, edit, number):
    """Forty of these would make more than fit into any memory."""
    once, forty = f"{{{edit}}}", ", ".join([f"{{{edit}}}"] * 40)
    assert len(edited(f"edits: [{once}]").layers) == number
    monkeypatch.setattr("archlab.architecture.edits.MOST_BLOCKS", 26)
    with pytest.raises(UserError, match=rf"^edits\.yaml:1: {number} layers, and at most 26 blocks are built$"):
        edited(f"edits: [{forty}]")


def test_insert_before_stages_inserts_at_their_starts():
    result = edited("edits: [{insert: [{conv: {kernel: 3}}, {conv: {kernel: 5}}], before: {stage: [1, -1]}}]")
    kernels = [layer.arguments["kernel"] for layer in result.layers]
    assert kernels == [3, 5, 3, *[3] * 5, 3, 5, 3, 3, 1]


def test_insert_with_a_finer_selector_inserts_at_every_match():
    result = edited("edits: [{insert: {conv: {kernel: 3}}, after: {stage: -1, block: inverted_residual}}]")
    assert [layer.block for layer in result.layers[6:]] == ["inverted_residual", "conv"] * 2 + ["conv"]


def test_inserted_blocks_inherit_the_defaults_of_the_architecture():
    result = edited("edits: [{insert: {conv: {kernel: 3}}, after: {layer: 1}}]")
    assert result.layers[1].arguments["act"] == {"relu6": {}}


def test_one_replacing_block_takes_over_what_it_does_not_give():
    result = edited(
        "edits: [{replace: {stage: 3}, with: {conv: {kernel: 5}}}, {replace: {stage: 2}, with: {conv: {out: 40}}}]"
    )
    assert changed(result) == [2, 3]
    old, new = BASE.layers[3], result.layers[3]
    assert new.block == "conv" and new.arguments["kernel"] == 5
    assert (new.arguments["out"], new.stride, new.repeat) == (old.arguments["out"], old.stride, old.repeat)
    assert result.layers[2].arguments["out"] == 40


def test_replacing_a_span_replaces_it_once():
    result = edited(
        "edits: [{replace: {from: first, to: last}, with: [{patch: {out: 512, size: 7}}, {conv: {kernel: 5, repeat: 8}}]}]"
    )
    assert [layer.block for layer in result.layers] == ["patch", "conv"]
    part = edited("edits: [{replace: {from: {stage: 4}, to: -2}, with: conv}]")
    assert [layer.block for layer in part.layers] == [*BLOCKS[:4], "conv", "conv"]


def test_remove():
    assert [layer.block for layer in edited("edits: [{remove: {layer: last}}]").layers] == BLOCKS[:-1]
    assert edited("edits: [{remove: {from: 2, to: -1}}]").layers == BASE.layers[:1]


def test_edits_see_the_result_of_the_last():
    result = edited("edits: [{set: {stride: 1}, where: {stage: 2}}, {set: {repeat: 7}, where: {stage: 1}}]")
    assert changed(result, lambda layer: layer.repeat) == [0, 1, 2]  # stage 2 has become a part of stage 1


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ("{set: {kernl: 5}}", "no block has an argument 'kernl' - did you mean 'kernel'?"),
        (
            "{set: {expnd: 5}, where: {block: inverted_residual}}",
            "inverted_residual has no argument 'expnd' - did you mean 'expand'?",
        ),
        ("{set: {expand: 5}, where: {block: [inverted_residual, conv]}}",
         "conv has no argument 'expand'; "
         "there are act, bias, free, groups, init, kernel, name, norm, out, padding, repeat, same, scale, stride"),
        ("{set: {expand: 5}, where: {layer: 1}}", "no selected layer of mobilenetv2 takes 'expand'"),
        ("{set: {repeat: 0}}", "repeat must be a whole number of at least 1, not 0"),
        ("{set: {expand: six}}", "inverted_residual: expand must be a number, not 'six'"),
        ("{set: {}}", "set takes values by name, `{set: {kernel: 5}}`"),
        ("{set: {kernel: 5}, where: {blok: conv}}", "a selector has no key 'blok' - did you mean 'block'?"),
        ("{set: {kernel: 5}, where: {block: convv}}", "there is no block 'convv' - did you mean 'conv'?"),
        ("{set: {repeat: 5}, where: {block: patch}}", "mobilenetv2 has no block 'patch'"),
        ("{set: {kernel: 5}, where: {stage: 6}}", "mobilenetv2 has no stage 6: it has 5 stages"),
        ("{set: {kernel: 5}, where: {layer: 0}}", "layer takes positions such as 1, -1, first or last, not 0"),
        (
            "{set: {kernel: 5}, where: {layer: frist}}",
            "layer takes positions such as 1, -1, first or last, not 'frist' - did you mean 'first'?",
        ),
        ("{set: {kernel: 5}, where: {stage: []}}", "stage: [] selects nothing"),
        ("{set: {kernel: 5}, where: {name: stem}}", "mobilenetv2 has no layer called 'stem'"),
        ("{set: {kernel: 5}, where: {block: conv, stage: 2}}", "{block: conv, stage: 2} matches no layer of mobilenetv2"),
        ("{set: {kernel: 5}, each: stages}", "each must be stage or layer, not 'stages' - did you mean 'stage'?"),
        (
            "{set: {kernel: 5}, where: {layer: last}, each: stage}",
            "each: stage finds only layers of the feature head, which belong to no stage",
        ),
        ("{insert: {conv: {kernel: 3}}}", "insert needs either `before` or `after`"),
        ("{insert: [], after: {stage: 1}}", "at least one block is needed here"),
        ("{insert: {conv: {krnel: 3}}, after: {stage: 1}}", "conv has no argument 'krnel' - did you mean 'kernel'?"),
        ("{replace: {layer: 1}}", "replace needs `with`"),
        ("{replace: {from: 3, to: 2}, with: conv}", "the span ends before it starts: layer 2 stands before layer 3"),
        ("{replace: {from: frist}, with: conv}", "mobilenetv2 has no layer called 'frist' - did you mean 'first'?"),
        ("{remove: {from: first}}", "nothing is left of mobilenetv2"),
        ("{remove: {layer: 1}, where: {layer: 1}}", "the edit 'remove' has no key 'where'"),
        ("{remov: {layer: 1}}", "an edit has no key 'remov' - did you mean 'remove'?"),
        ("{set: {kernel: 5}, remove: {layer: 1}}", "an edit is exactly one of set, insert, replace, remove, head"),
        ("word", "an edit is one of set, insert, replace, remove, head with its arguments, not 'word'"),
    ],
)  # fmt: skip
def test_wrong_edits_are_refused_with_their_line(edit, message):
    with pytest.raises(UserError) as caught:
        edited(f"edits:\n  - {edit}\n")
    assert str(caught.value) == f"edits.yaml:2: {message}"


def test_a_file_may_be_a_base_with_edits(tmp_path):
    (tmp_path / "wide.yaml").write_text("name: wide\nbase: mobilenetv2\nedits: [{set: {expand: 8}}]\n")
    (tmp_path / "wider.yaml").write_text("base: wide.yaml\nedits: [{set: {kernel: 5}, where: {layer: 1}}]\n")
    wider = architecture(tmp_path / "wider.yaml")
    assert wider.name == "wide"
    assert wider.canonical() == edited("edits: [{set: {expand: 8}}, {set: {kernel: 5}, where: {layer: 1}}]").canonical()


@pytest.mark.parametrize("name", ["", "name:\n"])
def test_a_file_that_says_no_name_is_called_as_it_is(tmp_path, name):
    (tmp_path / "my net (1).yaml").write_text(f"{name}layers: [{{conv: {{out: 8}}}}]\n")
    assert architecture(tmp_path / "my net (1).yaml").name == "my_net_1_"
    (tmp_path / "other.yaml").write_text(f"{name}base: my net (1).yaml\n")
    assert architecture(tmp_path / "other.yaml").name == "my_net_1_"
    assert architecture({"layers": [{"conv": {"out": 8}}]}).name == "unnamed"
    assert architecture({"name": 0, "layers": [{"conv": {"out": 8}}]}).name == "0"


def test_a_base_that_leads_back_to_its_own_file_is_refused(tmp_path):
    (tmp_path / "a.yaml").write_text("base: b.yaml\n")
    (tmp_path / "b.yaml").write_text("paper: x\nbase: a.yaml\n")
    with pytest.raises(UserError, match=r"b\.yaml:2: a\.yaml is its own base"):
        architecture(tmp_path / "a.yaml")


positions = st.integers(1, len(BASE.layers))


@given(positions, st.integers(0, 3), st.sampled_from(["before", "after"]))
@settings(max_examples=30, deadline=None)
def test_what_was_inserted_can_be_removed_again(layer, more, side):
    blocks = ", ".join(["{conv: {kernel: 7}}"] * (more + 1))
    grown = edited(f"edits: [{{insert: [{blocks}], {side}: {{layer: {layer}}}}}]")
    first = layer if side == "before" else layer + 1
    assert edited(f"edits: [{{remove: {{from: {first}, to: {first + more}}}}}]", grown).layers == BASE.layers


@given(positions)
@settings(max_examples=9, deadline=None)
def test_positions_count_from_either_end(layer):
    from_start = edited(f"edits: [{{set: {{repeat: 5}}, where: {{layer: {layer}}}}}]")
    from_end = edited(f"edits: [{{set: {{repeat: 5}}, where: {{layer: {layer - len(BASE.layers) - 1}}}}}]")
    assert from_start == from_end
