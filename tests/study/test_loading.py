"""Studies are checked as a whole before anything runs; every error is one line with its place."""

from pathlib import Path

import pytest

from archlab.architecture import references
from archlab.foundation import UserError
from archlab.study.combination import combinations
from archlab.study.loading import load_study
from archlab.study.shipped import studies
from tests.study.study_texts import ATTENTION, DEPTH, LATE_SE, LAYOUT, choices, study

NEITHER = "neither a reference nor a YAML file"
EXPAND = "{set: {expand: 3}, where: {block: inverted_residual}}"


def message(text):
    with pytest.raises(UserError) as caught:
        study(text)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_short_study_has_defaults():
    loaded = study("name: short")
    assert (loaded.suite.name, loaded.recipe.name, loaded.seeds) == ("samples", "quick", (0,))
    assert (loaded.budget.params, loaded.budget.fit, loaded.smallest_map) == (2_500_000, "width", 2)
    assert (loaded.explore, loaded.effects, loaded.weight_of_variance) == ("one_at_a_time", ("equal_budget",), 0.5)


def test_what_a_study_says_is_read():
    loaded = study(
        "name: full\nquestion: Why?\nbudget: {params: 1M, fit: none}\nwidth: 0.5\nseeds: [3, 5]\nsmallest_map: none\n"
        "compare: [mobilenetv2, convnext]\nsuite: [digits, textures]\nexplore: grid\nlambda: 0\nsearch: {trials: 7}"
    )
    assert (loaded.question, loaded.width, loaded.seeds, loaded.smallest_map) == ("Why?", 0.5, (3, 5), None)
    assert [architecture.name for architecture in loaded.compare] == ["mobilenetv2", "convnext"]
    assert (loaded.suite.datasets, loaded.explore, loaded.effects) == (("digits", "textures"), "grid", ("raw",))
    assert (loaded.weight_of_variance, loaded.search.trials) == (0.0, 7)


def test_all_references_are_compared_beside_others_and_numbers_are_names():
    loaded = study("compare:\n  - references\n  - {name: mine, layers: [{conv: {out: 8}}]}")
    assert [each.name for each in loaded.compare] == [*references(), "mine"]
    assert message("compare: [references,\n  convnext]") == "study.yaml:2: 'convnext' is compared twice"
    assert list(study("base: {choose: {0: mobilenetv2, 1: starnet}}").bases) == ["0", "1"]


def test_an_exemption_of_a_model_that_is_nearly_called_so_is_told(caplog):
    """Others are of a teacher, or of another study with the same recipe."""
    recipe = "recipe: {like: quick, exemptions: [{models: [%s], set: {lr: 1e-3}}]}"
    for fine in ("convnext, mobilenetv2", "mine", "big"):
        study("compare: [mobilenetv2, {name: mine, layers: [{conv: {out: 8}}]}]\n" + recipe % fine)
    assert not caplog.messages
    study("compare: [mobilenetv2, {name: mine, layers: [{conv: {out: 8}}]}]\n" + recipe % "convnet, mine2")
    first, second = caplog.messages
    assert "is of 'convnet', which is no model of the study - did you mean 'convnext'?" in first
    assert "is of 'mine2', which is no model of the study - did you mean 'mine'?" in second


@pytest.mark.parametrize("name", studies())
def test_shipped_studies_load(name, caplog):
    loaded = load_study(name)
    assert loaded.name == name.rpartition("/")[2] and loaded.question and not caplog.messages


def test_a_study_is_a_file_and_names_files_beside_it(tmp_path):
    (tmp_path / "net.yaml").write_text("name: net\nlayers: [{conv: {out: 8, stride: 2}}, {conv: {out: 16}}]\n")
    (tmp_path / "own.yaml").write_text("name: own\ndatasets: [digits]\n")
    (tmp_path / "idea.yaml").write_text(
        "base: net.yaml\ncompare: [net.yaml, mobilenetv2]\nsuite: own.yaml\n"
        "choices: {kernel: [{set: {kernel: {choose: [3, 5]}}}]}\n"
    )
    loaded = load_study(tmp_path / "idea.yaml")
    assert loaded.name == "idea" and loaded.suite.datasets == ("digits",)
    assert [each.name for each in combinations(loaded)] == ["net", "net+kernel=3", "net+kernel=5"]


def test_files_that_say_no_name_are_told_apart(tmp_path):
    for name, channels in (("small", 8), ("large", 16)):
        (tmp_path / f"{name}.yaml").write_text(f"layers: [{{conv: {{out: {channels}}}}}]\n")
    (tmp_path / "idea.yaml").write_text("compare: [small.yaml, large.yaml]\n")
    assert [each.name for each in load_study(tmp_path / "idea.yaml").compare] == ["small", "large"]


@pytest.mark.parametrize(("names", "wrong"), [(["mean"], "mean"), (["digits"], "digits"), (["own", "own"], "own")])
def test_a_score_that_is_called_as_another_column_is_refused_before_anything_is_trained(
    own_code_forgotten, tmp_path, names, wrong
):
    (tmp_path / "mine.py").write_text(f"def {wrong}(normalised):\n    return normalised.min(axis=1)\n")
    scores = ", ".join(f"mine.py:{name}" for name in names)
    (tmp_path / "idea.yaml").write_text(f"base: mobilenetv2\nsuite: [digits, textures]\nscore: [{scores}]\n")
    with pytest.raises(UserError, match=rf"mine\.py:{wrong}: another column of the table has this name"):
        load_study(tmp_path / "idea.yaml")


def test_inline_layers_are_a_base():
    loaded = study("base: {layers: [{conv: {out: 8}}]}\nchoices: {deep: {no: [], yes: [{set: {repeat: 3}}]}}")
    assert [each.name for each in combinations(loaded)] == ["base", "base+deep=yes"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bse: mobilenetv2\nbase: x", "1: a study has no key 'bse' - did you mean 'base'?"),
        ("base: mobilenet2", f"1: there is no architecture 'mobilenet2': {NEITHER} - did you mean 'mobilenetv2'?"),
        (
            "compare: [mobilenetv2,\n  mobilevitt]",
            f"2: there is no architecture 'mobilevitt': {NEITHER} - did you mean 'mobilevit'?",
        ),
        ("compare: [refrences]", f"1: there is no architecture 'refrences': {NEITHER} - did you mean 'references'?"),
        ("compare: [convnext, convnext]", "1: 'convnext' is compared twice"),
        ("base: [mobilenetv2]", "1: an architecture is a name, a file or inline layers, not ['mobilenetv2']"),
        ("base: {choose: []}", "1: choose takes a list of architectures, not []"),
        ("base: {choose: [mobilenetv2, mobilenetv2]}", "1: two bases are called 'mobilenetv2'"),
        ("name: ../mine", "1: name must be a word of letters, digits and _ . + -, at most 80, not '../mine'"),
        (f"name: {'x' * 300}", "1: name must be a word of letters, digits and _ . + -, at most 80"),
        ("name: mine\nbase: mine", "2: the study 'mine' names itself as its base"),
        ("name: x\nbase: {layers: []}", "2: an architecture needs a list of layers"),
        ("suite: sample\nname: x", "1: no suite is called 'sample' - did you mean 'samples'?"),
        ("suite: [digits, texture]", "1: no dataset is called 'texture' - did you mean 'textures'?"),
        ("suite: digits", "1: no suite is called 'digits': a suite of this dataset alone is [digits]"),
        (
            "compare: [{name: my net, layers: [{conv: {out: 8}}]}]",
            "1: an architecture's name has no spaces, `+`, `=` or `,` in it: 'my net'",
        ),
        ("recipe: quik", "1: there is no recipe 'quik': neither one of archlab's nor a YAML file - did you mean 'quick'?"),
        ("recipe: none.yaml", "1: there is no file 'none.yaml'"),
        ("recipe: {like: none.yaml, lr: 0.1}", "1: there is no file 'none.yaml'"),
        ("recipe: {like: quick, lr: fast}", "1: a recipe: lr must be a number of at least 0, not 'fast'"),
        ("seeds: 0", "1: seeds is how many, at least 1, a list of whole numbers, or {from: 2, to: 30}, not 0"),
        ("seeds: [1, 1]", "1: a seed stands in the list twice"),
        ("seeds: true", "1: seeds is how many, at least 1, a list of whole numbers, or {from: 2, to: 30}, not True"),
        ("explore: one_at_time", "1: explore must be one_at_a_time or grid, not 'one_at_time' - did you mean 'one_at_a_time'?"),
        ("budget: {param: 2M}", "1: a budget has no key 'param' - did you mean 'params'?"),
        ("width: 0", "1: width must be a number between 0 and 1000, not 0"),
        ("lambda: -1", "1: lambda must be a number of at least 0, not -1"),
        ("smallest_map: 0", "1: smallest_map must be a whole number of at least 1, not 0"),
        ("effects: [raww]", "1: effects are equal_budget or raw, not 'raww' - did you mean 'raw'?"),
        ("budget: none\neffects: equal_budget", "2: effects at equal budget need a budget with `fit: width`"),
        ("search: {trails: 3}", "1: search has no key 'trails' - did you mean 'trials'?"),
        ("blocks: missing.py", f"1: {Path('missing.py').absolute()} cannot be read"),
        ("question: [a]", "1: question must be text, not ['a']"),
        ("choices: [a]", "1: choices are given by name, not as ['a']"),
        ("choices: false", "1: choices are given by name, not as False"),
        ("choices: []", "1: choices are given by name, not as []"),
        ("choices: {base: {a: [], b: []}}", "1: a choice is called by a word of letters, digits, _ and -, not 'base'"),
        ("choices: {a b: {a: [], b: []}}", "1: a choice is called by a word of letters, digits, _ and -, not 'a b'"),
        ("choices: {a: word}", "1: the choice 'a' needs options, `{none: [], se: [...]}`, or a list of edits"),
        ("choices: {a: {x=y: []}}", "1: an option's name has no spaces, `+`, `=` or `,` in it: 'x=y'"),
        ("choices: {a: {x: [], y: {set: {kernel: 3}}}}", "1: a list of edits stands here, not {'set': {'kernel': 3}}"),
        ("choices: {a: {1: [], '1': []}}", "1: two options of 'a' are called '1'"),
        (f"choices: {{a: [{EXPAND}]}}", "1: the choice 'a' leaves nothing open: it needs options, or edits that hold a range"),
        ("choices: {a: {when: {b: c}}}", "1: the choice 'a' needs either `options` or `edits`"),
        ("choices: {a: {when: {b: c}, option: []}}", "1: the choice 'a' has no key 'option' - did you mean 'options'?"),
    ],
)  # fmt: skip
def test_wrong_studies_are_refused(text, expected):
    assert message(text).startswith(f"study.yaml:{expected}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{range: [4, 1]}", "inverted bounds: the lowest, 4, is above the highest, 1"),
        ("{range: 4}", "range takes two numbers, [lowest, highest], not 4"),
        ("{range: [1, true]}", "range takes two numbers, [lowest, highest], not [1, True]"),
        (
            "{range: [-1.0e+300, 1.0e+300], step: 1}",
            "range takes two numbers, [lowest, highest], not [-1e+300, 1e+300]",
        ),
        ("{range: [1, 20000]}", "depth ranges over more than 10,000 values: give a larger step"),
        ("{range: [0.0, 1], step: 5.0e-324}", "depth ranges over more than 10,000 values: give a larger step"),
        ("{range: [1, 4], stp: 2}", "a range has no key 'stp' - did you mean 'step'?"),
        ("{range: [1, 4], step: 0.5}", "step must be a whole number above 0, not 0.5"),
        ("{range: [0, 4], log: true}", "log is true or false, and true only without a step and above 0"),
        ("{choose: [1, 2], of: 3}", "a choice of values has no key 'of'"),
        ("{choose: []}", "choose needs at least one option"),
        ("{choose: 3}", "choose takes a list of options, not 3"),
        ("{choose: [3, 3]}", "two options are called '3': name them, `{choose: {NAME: ...}}`"),
        ("{choose: [{a: 1, b: 2}]}", "this option needs a name, `{choose: {NAME: ...}}`"),
    ],
)
def test_wrong_open_values_are_refused(text, expected):
    assert message(f"choices:\n  depth:\n    - set: {{repeat: {text}}}\n").startswith(f"study.yaml:3: {expected}")


def test_wrong_edits_are_refused():
    assert (
        message("choices:\n  a:\n    no: []\n    yes: [{sett: {kernel: 3}}]")
        == "study.yaml:4: an edit has no key 'sett' - did you mean 'set'?"
    )
    assert (
        message("choices:\n  a:\n    no: []\n    yes: [{set: {kernl: 3}}]")
        == "study.yaml:4: no block has an argument 'kernl' (in the combination mobilenetv2+a=yes) - did you mean 'kernel'?"
    )


def test_values_are_checked_wherever_a_choice_leads():
    found = message("choices:\n  a: [{set: {expand: {choose: [6, six]}}}]")
    expected = "inverted_residual: expand must be a number, not 'six' (in the combination mobilenetv2+a=six)"
    assert found == f"study.yaml:2: {expected}"


def test_an_edit_that_can_match_nothing_names_the_combination():
    se = "late: {none: [], se: [{set: {channel_attention: eca}, where: {block: inverted_residual}}]}"
    found = message(choices(LAYOUT, se))
    assert found == (
        "study.yaml:7: mobilenetv2 has no block 'inverted_residual' "
        "(in the combination mobilenetv2+layout=isotropic+layout.size=4+late=se)"
    )
    study(choices(LAYOUT, LATE_SE))  # the condition mends it


def test_an_edit_that_can_match_nothing_is_found_in_a_large_space():
    kernels = "kernel: [{set: {kernel: {choose: [3, 5, 7]}}, each: layer}]"
    last = "last: {no: [], yes: [{set: {kernel: 7}, where: {block: inverted_residual, stage: -1}}]}"
    cut = "cut: {no: [], yes: [{remove: {stage: -1}}, {set: {name: end}, where: {layer: last}}, {remove: {stage: [3, 4]}}]}"
    named = "named: {no: [], yes: [{set: {repeat: 2}, where: {stage: 3}}]}"
    found = message(choices(kernels, cut, last, named))
    assert "has no stage 3: it has 2 stages (in the combination mobilenetv2+" in found and "cut=yes" in found


def test_conditions_on_what_does_not_exist():
    assert message(choices(LAYOUT, LATE_SE.replace("pyramidal", "pyramid"))) == (
        "study.yaml:8: layout has no option 'pyramid' - did you mean 'pyramidal'?"
    )
    assert message(choices(LAYOUT, LATE_SE.replace("{layout:", "{layuot:"))) == (
        "study.yaml:8: no choice before this one is called 'layuot' - did you mean 'layout'?"
    )
    assert "no choice before this one is called 'layout'" in message(choices(LATE_SE, LAYOUT))
    assert message(choices(DEPTH, LATE_SE.replace("layout: pyramidal", "depth: 3"))) == (
        "study.yaml:4: the choice 'depth' has no options that a condition could name"
    )


def test_conditions_that_contradict_each_other():
    inner = "inner: {when: {attention: se}, options: {a: [], b: []}}"
    never = "never: {when: {inner: b, attention: eca}, options: {a: [], b: []}}"
    assert message(choices(ATTENTION, inner, never)) == (
        "study.yaml:4: the choice 'never' can never be made: it needs attention both ways"
    )


def test_a_continuous_range_is_an_error_in_ablate_alone():
    loaded = study("choices:\n  wide:\n    - {set: {expand: {range: [1.0, 6]}}}\n")
    with pytest.raises(UserError) as caught:
        list(combinations(loaded))
    assert str(caught.value) == (
        "study.yaml:3: wide ranges over every number from 1 to 6, which only a search can try: give whole bounds or a step"
    )
    stepped = study("choices:\n  wide:\n    - {set: {expand: {range: [1.0, 2], step: 0.1}}}\n")
    values = [each.values["wide"] for each in combinations(stepped) if each.values]
    assert values == [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 2.0]


def test_a_study_that_is_its_own_base_or_has_none(tmp_path):
    path = tmp_path / "loop.yaml"
    path.write_text("name: x\nbase: loop.yaml\n")
    with pytest.raises(UserError, match=r"loop\.yaml:2: the study 'x' names itself as its base"):
        load_study(path)
    path.write_text("name: x\n")
    with pytest.raises(UserError, match=r"loop\.yaml:1: a study needs a base, architectures to compare, or both"):
        load_study(path)


def test_unknown_studies_are_refused():
    with pytest.raises(UserError, match=r"there is no study 'quik'.*did you mean 'quick'"):
        load_study("quik")
    with pytest.raises(UserError, match=r"nowhere\.yaml: cannot be read: No such file"):
        load_study("nowhere.yaml")


def test_an_exemption_of_a_dataset_that_nobody_knows_is_refused():
    exempt = "{like: quick, exemptions: [{datasets: [digits, texture], set: {lr: 1e-3}}]}"
    option = f"choices: {{training: {{plain: [], other: [{{recipe: {exempt}}}]}}}}"
    for place in (f"recipe: {exempt}", f"search: {{recipe: {exempt}}}", option):
        assert message(f"name: typo\n{place}") == (
            "study.yaml:2: an exemption of the recipe quick: no dataset is called 'texture' - did you mean 'textures'?"
        )
