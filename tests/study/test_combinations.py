"""Combinations: which there are, what they are called, what they do."""

import itertools
import math
import random

import pytest

from archlab.foundation import UserError
from archlab.study.combination import apply, combinations, sample
from archlab.study.space import space_size
from archlab.study.variables import all_walks
from tests.study.study_texts import ATTENTION, DEPTH, ECA, LATE_SE, LAYOUT, SE, choices, study

WIDER = "wide: {no: [], yes: [{set: {expand: 8}, where: {stage: -1}}]}"
EVERYTHING = choices(ATTENTION, LAYOUT, LATE_SE, DEPTH.replace("4", "2"))


def names(text):
    return [combination.name for combination in combinations(study(text))]


def test_every_option_stands_alone_beside_the_base():
    assert names(choices(ATTENTION, WIDER)) == [
        "mobilenetv2",
        "mobilenetv2+attention=se",
        "mobilenetv2+attention=eca",
        "mobilenetv2+wide=yes",
    ]


def test_the_grid_is_every_option_with_every_other():
    grid = names(choices(ATTENTION, WIDER) + "explore: grid")
    expected = [
        "mobilenetv2" + first + second
        for first, second in itertools.product(("", "+attention=se", "+attention=eca"), ("", "+wide=yes"))
    ]
    assert grid == expected


def test_options_change_what_their_edits_say_and_nothing_else():
    base, se, eca, *_ = combinations(study(choices(ATTENTION)))
    for layer, with_se, with_eca in zip(
        base.architecture.layers, se.architecture.layers, eca.architecture.layers, strict=True
    ):
        if layer.block == "inverted_residual":
            assert with_se.arguments == layer.arguments | {"channel_attention": with_se.arguments["channel_attention"]}
            assert list(with_se.arguments["channel_attention"]) == ["se"]
            assert list(with_eca.arguments["channel_attention"]) == ["eca"]
        else:
            assert layer == with_se == with_eca


def test_values_inside_an_option_are_tried_with_it():
    assert names(choices(LAYOUT)) == [
        "mobilenetv2",
        *(f"mobilenetv2+layout=isotropic+layout.size={size}" for size in (4, 7, 14)),
    ]
    _, *isotropic = combinations(study(choices(LAYOUT)))
    assert [combination.architecture.layers[0].arguments["size"] for combination in isotropic] == [4, 7, 14]


def test_values_inside_a_first_option_are_tried_too():
    kernel = "[{set: {kernel: {choose: [3, 5]}}, where: {block: inverted_residual}}]"
    assert names(choices(f"late: {{some: {kernel}, none: []}}", WIDER)) == [
        "mobilenetv2+late.kernel=3",
        "mobilenetv2+late.kernel=5",
        "mobilenetv2+late=none",
        "mobilenetv2+late.kernel=3+wide=yes",
    ]


def test_a_choice_with_a_condition_is_made_together_with_it():
    deep = "deep: {when: {layout: isotropic}, options: {no: [], yes: [{set: {repeat: 12}, where: {block: isotropic}}]}}"
    assert names(choices(LAYOUT, deep))[4:] == ["mobilenetv2+layout=isotropic+layout.size=4+deep=yes"]
    assert names(choices(LAYOUT, LATE_SE))[4:] == ["mobilenetv2+late_se=se"]


def test_inactive_choices_are_absent():
    loaded = study(choices(LAYOUT, LATE_SE))
    assert apply(loaded, {"layout": "isotropic"}).values == {"layout": "isotropic", "layout.isotropic.size": "4"}
    assert apply(loaded, {}).values == {"layout": "pyramidal", "late_se": "none"}


def test_conditions_may_name_several_options_and_the_base():
    text = (
        choices(
            ATTENTION,
            "again: {when: {attention: [none, eca], base: convnext}, options: {no: [], yes: [{set: {repeat: 1}}]}}",
        )
        .replace(SE, "{set: {repeat: 2}}")
        .replace(ECA, "{set: {repeat: 3}}")
    )
    grid = names(text + "base: {choose: [mobilenetv2, convnext]}\nexplore: grid")
    assert [name for name in grid if "again" in name] == ["convnext+again=yes", "convnext+attention=eca+again=yes"]


def test_a_range_is_one_variable_for_all_it_matches():
    assert names(choices("depth: [{set: {repeat: {range: [1, 2]}}}]")) == [
        "mobilenetv2",
        "mobilenetv2+depth=1",
        "mobilenetv2+depth=2",
    ]
    layers = apply(study(choices("depth: [{set: {repeat: {range: [1, 4]}}}]")), {"depth": 3}).architecture.layers
    assert {layer.repeat for layer in layers} == {3}


@pytest.mark.slow
def test_each_stage_makes_a_variable_of_every_stage():
    loaded = study(choices(DEPTH))
    assert len(list(combinations(loaded))) == 1 + 5 * 4
    one = apply(loaded, {"depth.stage4": 2})
    assert one.name == "mobilenetv2+depth.stage4=2"
    assert [layer.repeat for layer in one.architecture.layers] == [1, 1, 2, 3, 2, 2, 3, 1, 1]  # the head stays as it is


def test_each_layer_makes_a_variable_of_every_layer():
    text = choices("kernel: [{set: {kernel: {choose: [3, 5]}}, where: {block: inverted_residual}, each: layer}]")
    assert "mobilenetv2+kernel.layer8=5" in names(text)
    assert len(names(text)) == 1 + 7 * 2


def test_options_may_be_components_blocks_numbers_and_words():
    text = choices(
        "gate: [{set: {channel_attention: {choose: [none, {se: {ratio: {range: [0.25, 0.5], step: 0.25}}}, eca]}}}]",
        "more: {no: [], yes: [{insert: {choose: [{conv: {kernel: 3}}, {isotropic: }]}, after: {stage: {choose: [1, last]}}}]}",
    )
    found = names(text)
    assert "mobilenetv2+gate=se+gate.se.ratio=0.25" in found and "mobilenetv2+gate=se+gate.se.ratio=0.5" in found
    assert "mobilenetv2+gate=eca" in found
    assert "mobilenetv2+more=yes+more.insert=conv+more.stage=1" in found
    assert "mobilenetv2+more=yes+more.insert=isotropic+more.stage=1" in found
    assert "mobilenetv2+more=yes+more.insert=conv+more.stage=last" in found
    inserted = apply(study(text), {"more": "yes", "more.yes.insert": "isotropic", "more.yes.stage": "last"})
    assert [layer.block for layer in inserted.architecture.layers[-2:]] == ["isotropic", "conv"]


def test_named_options_of_a_value():
    text = choices(
        "gate: [{set: {channel_attention: {choose: {thin: {se: {ratio: 0.1}}, thick: {se: {ratio: 0.5}}}}}}]"
    )
    assert names(text)[1:] == ["mobilenetv2+gate=thin", "mobilenetv2+gate=thick"]


def test_equal_keys_inside_an_option_are_numbered():
    text = choices(
        "x: {no: [], yes: [{set: {repeat: {range: [1, 2]}}, where: {stage: 1}}, {set: {repeat: {range: [3, 4]}}}]}"
    )
    assert names(text)[1] == "mobilenetv2+x=yes+x.repeat=1+x.repeat2=3"


def test_several_bases():
    text = choices("depth: {same: [], one: [{set: {repeat: 1}}]}") + "base: {choose: [mobilenetv2, convnext]}"
    assert names(text) == ["mobilenetv2", "convnext", "mobilenetv2+depth=one"]
    assert names(text + "\nexplore: grid")[-1] == "convnext+depth=one"


def test_choices_apply_in_file_order():
    first = "first: {no: [], yes: [{replace: {stage: 1, block: inverted_residual}, with: {conv: {kernel: 3}}}]}"
    second = "second: {no: [], yes: [{set: {kernel: 7}, where: {block: conv}}]}"
    both = apply(study(choices(first, second)), {"first": "yes", "second": "yes"})
    assert [layer.arguments["kernel"] for layer in both.architecture.layers][:2] == [7, 7]
    other = apply(study(choices(second, first)), {"first": "yes", "second": "yes"})
    assert [layer.arguments["kernel"] for layer in other.architecture.layers][:2] == [7, 3]


@pytest.mark.slow
@pytest.mark.parametrize("text", [choices(ATTENTION, WIDER), choices(LAYOUT, LATE_SE), choices(DEPTH), EVERYTHING])
def test_the_size_of_a_space_is_the_number_of_its_combinations(text):
    loaded = study(text)
    walked = all_walks(lambda ask: sample(loaded, ask).name, lambda variable: variable.values())
    found = list(itertools.islice(walked, 8000))
    assert len(found) == len(set(found)) == space_size(loaded)


@pytest.mark.slow
def test_a_large_space_is_counted_without_enumeration():
    kernels = "kernel: [{set: {kernel: {choose: [3, 5, 7]}}, where: {block: inverted_residual}, each: layer}]"
    acts = "act: [{set: {act: {choose: [relu, silu, gelu]}}, each: layer}]"
    assert space_size(study(choices(kernels, acts, DEPTH))) == 3**7 * 3**9 * 4**5


@pytest.mark.slow
def test_edits_that_change_the_shape_change_what_follows():
    text = choices("strides: [{set: {stride: {choose: [1, 2]}}, where: {stage: 2}}]", DEPTH)
    assert space_size(study(text)) == 4**4 + 4**5  # stride 1 melts stage 2 into stage 1


def test_a_continuous_range_makes_a_space_infinite():
    assert math.isinf(space_size(study(choices("width: [{set: {expand: {range: [1.0, 6.0]}}}]"))))


def test_samples_are_combinations_and_can_be_applied_again():
    loaded = study(EVERYTHING)
    generator = random.Random(1)
    for _ in range(50):
        sampled = sample(loaded, lambda variable: generator.choice(variable.values()))
        again = apply(loaded, sampled.values)
        assert again == sampled and again.architecture.digest() == sampled.architecture.digest()
        assert again.name == sampled.name


def test_applying_unknown_values_is_refused():
    loaded = study(choices(ATTENTION))
    with pytest.raises(UserError, match="attention cannot be 'see' - did you mean 'se'"):
        apply(loaded, {"attention": "see"})
    with pytest.raises(UserError, match="nothing open is called 'atention' here - did you mean 'attention'"):
        apply(loaded, {"atention": "se"})


@pytest.mark.slow
def test_a_grid_too_large_to_ablate_is_refused():
    with pytest.raises(UserError, match=r"study\.yaml:1: the grid of study has 262,144 combinations"):
        list(combinations(study(choices(DEPTH.replace("stage", "layer")) + "explore: grid")))
