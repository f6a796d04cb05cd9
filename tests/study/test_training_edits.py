"""Choices of how models are trained, beside those of what they are."""

from __future__ import annotations

import pytest
from study_texts import ATTENTION, choices, study
from torchvision.models import get_model

from archlab.data.entries import Normalisation
from archlab.foundation import UserError
from archlab.runs.published import _converted
from archlab.scoring.contrasts import contrasts
from archlab.study.combination import combinations
from archlab.study.design import Designer
from archlab.study.resolving import resolve
from archlab.study.search.designs import Designs
from archlab.study.settling import settle

TRAINING = "training: {plain: [], mixed: [{recipe: {augment: {mixup: 0.2}}}], long: [{recipe: thorough}]}"
SHORT = "recipe: {like: quick, steps: 30}\n"


def settled(text, home):
    designer = Designer(study(text), home)
    return settle(designer, designer.designs(), None)


def recipes_of(resolved):
    dataset = next(iter(resolved.datasets))
    return {model.name: resolved.recipes[model.recipes[dataset]] for model in resolved.models}


def test_an_option_trains_with_its_values_and_the_others_of_the_studys(home):
    resolved = settled(choices(TRAINING) + SHORT, home)
    recipes = recipes_of(resolved)
    plain, mixed = recipes["mobilenetv2"], recipes["mobilenetv2+training=mixed"]
    assert mixed == plain | {"augment": plain["augment"] | {"mixup": 0.2}} != plain
    assert plain["steps"] == 30
    assert recipes["mobilenetv2+training=long"] == plain | {"steps": 800}
    assert len({str(model.architecture) for model in resolved.models}) == 1


def test_the_block_or_the_training_is_one_study_with_an_interaction(home):
    resolved = settled(choices(ATTENTION, TRAINING) + SHORT + "explore: grid", home)
    assert len(resolved.models) == 9
    found = {
        (each.choice, each.option) for each in contrasts(resolved.contrasted, resolved.base) if each.of == "interaction"
    }
    assert ("attention x training", "se x mixed") in found


def test_what_an_option_does_not_change_keeps_its_runs(home, store):
    without = resolve({"base": "mobilenetv2", "choices": {"kernel": {"3": [], "5": KERNEL}}, **SMALL}, home)
    choice = {"training": {"plain": [], "smooth": [{"recipe": {"label_smoothing": 0.2}}]}}
    beside = resolve({"base": "mobilenetv2", "choices": choice, **SMALL}, home)
    assert recipes_of(without)["mobilenetv2"] == recipes_of(beside)["mobilenetv2"]


KERNEL = [{"set": {"kernel": 5}, "where": {"block": "inverted_residual"}}]
SMALL = {"suite": ["digits"], "recipe": {"like": "quick", "steps": 2}, "budget": {"params": "200k", "fit": "width"}}


def test_an_option_that_says_what_the_recipe_says_is_the_base(home):
    text = choices("rate: {plain: [], same: [{recipe: {lr: 4e-3}}], other: [{recipe: {lr: 1e-3}}]}")
    assert list(recipes_of(settled(text, home))) == ["mobilenetv2", "mobilenetv2+rate=other"]


def test_an_option_may_differ_by_an_exemption_alone(home):
    exempt = "{like: quick, exemptions: [{datasets: [glyphs], set: {label_smoothing: 0.2}}]}"
    resolved = settled(choices(f"training: {{plain: [], exempt: [{{recipe: {exempt}}}]}}"), home)
    recipes = [
        [resolved.recipes[index]["label_smoothing"] for index in model.recipes.values()] for model in resolved.models
    ]
    assert len(recipes) == 2 and set(recipes[0]) == {0.05} and 0.2 in recipes[1]


def test_options_come_after_exemptions_and_after_each_other(home):
    exempt = "recipe: {like: quick, exemptions: [{models: [mobilenetv2], set: {lr: 1e-3, weight_decay: 0.1}}]}\n"
    rates = "rate: {plain: [], high: [{recipe: {lr: 8e-3, momentum: 0.8}}]}"
    later = "then: {plain: [], low: [{recipe: {lr: 2e-3, warmup: 0}}]}"
    recipes = recipes_of(settled(choices(rates, later) + exempt + "explore: grid", home))
    values = {
        name: (each["lr"], each["weight_decay"], each["warmup"], each["momentum"]) for name, each in recipes.items()
    }
    assert values == {
        "mobilenetv2": (1e-3, 0.1, 0.1, 0.9),
        "mobilenetv2+rate=high": (8e-3, 0.1, 0.1, 0.8),
        "mobilenetv2+then=low": (2e-3, 0.1, 0, 0.9),
        "mobilenetv2+rate=high+then=low": (2e-3, 0.1, 0, 0.8),
    }


def test_an_option_goes_together_with_an_exemption_of_its_base(home):
    exempt = "recipe: {like: quick, exemptions: [{models: [mobilenetv2], set: {lr: 0.02}}]}\n"
    ends = "end: {low: [], high: [{recipe: {final_lr: 0.01}}]}"
    recipes = recipes_of(settled(choices(ends) + exempt, home))
    assert recipes["mobilenetv2+end=high"] == recipes["mobilenetv2"] | {"final_lr": 0.01}


def test_a_recipe_lies_beside_the_study(tmp_path, home):
    (tmp_path / "mine.yaml").write_text("like: quick\nsteps: 7\n")
    (tmp_path / "study.yaml").write_text(
        "base: mobilenetv2\n" + choices("training: {plain: [], mine: [{recipe: mine.yaml}]}")
    )
    assert recipes_of(resolve(tmp_path / "study.yaml", home))["mobilenetv2+training=mine"]["steps"] == 7


def test_values_can_be_open():
    text = choices("smoothing: [{recipe: {label_smoothing: {choose: [0, 0.1]}}}]")
    assert [(each.name, each.training) for each in combinations(study(text))] == [
        ("mobilenetv2", ()),
        ("mobilenetv2+smoothing=0", ({"label_smoothing": 0},)),
        ("mobilenetv2+smoothing=0.1", ({"label_smoothing": 0.1},)),
    ]


def test_each_option_of_an_open_value_is_read_as_the_value_would_be(own_code_forgotten, tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text("def plain(groups, lr, *, momentum: float = 0.0):\n    return groups\n")
    monkeypatch.chdir(tmp_path)
    optimizers = "optimizer: [{recipe: {optimizer: {choose: [adamw, mine.py:plain]}}}]"
    starts = "start: [{init: {choose: {none: none, imagenet: torchvision}}}]"
    found = {each.name: each.training for each in combinations(study(choices(optimizers, starts)))}
    assert found["mobilenetv2+optimizer=adamw"] == ({"optimizer": "adamw"},)
    (own,) = found["mobilenetv2+optimizer=mine.py:plain"]
    assert [reference.partition(":")[2] for reference in own["optimizer"]] == ["plain"]
    assert found["mobilenetv2+start=none"] == ({"init": "none"},)
    assert found["mobilenetv2+start=imagenet"][0]["init"]["weights"] == "torchvision"
    with pytest.raises(UserError, match=r"study.yaml:\d+: .*no function or class 'plan' - did you mean 'plain'"):
        study(choices(optimizers.replace("plain", "plan")))
    with pytest.raises(UserError, match=r"study.yaml:\d+: init takes keys by name.* - did you mean 'torchvision'"):
        study(choices(starts.replace("torchvision", "torchvison")))


@pytest.mark.slow
def test_a_search_draws_rates_and_knows_its_base(store):
    rates = "rate: [{recipe: {lr: {range: [1e-3, 1e-2], log: true}}}]"
    designs = Designs(
        study(choices(ATTENTION, TRAINING.replace(", long: [{recipe: thorough}]", ""), rates)), store.home
    )
    tried = designs.sample(lambda variable: 2e-3 if variable.name == "rate" else variable.values()[-1])
    assert designs.run(tried, "textures").recipe["lr"] == 2e-3
    assert designs.run(tried, "textures").recipe["augment"]["mixup"] == 0.2
    other = designs.sample(lambda variable: 3e-3 if variable.name == "rate" else variable.values()[-1])
    assert tried.architecture.digest() == other.architecture.digest() and tried.digest != other.digest
    assert designs.named({}) is None  # no rate of the space is the recipe's, exactly
    without = Designs(
        study(choices(ATTENTION, "training: {plain: [], smooth: [{recipe: {label_smoothing: 0.1}}]}")), store.home
    )
    assert without.named({}).training == ()


def test_a_search_refuses_what_all_its_designs_have_in_common(home):
    with pytest.raises(UserError, match=r"study.yaml:\d+: .*such as 'training' cannot change steps: ablate instead"):
        Designs(study(choices(TRAINING)), home)


@pytest.mark.parametrize(
    "option",
    [
        "{init: {pretrain: {dataset: digits}}}",
        "{recipe: {distill: {teacher: starnet}}}",
        "{recipe: {like: quick, init: {pretrain: {dataset: digits}}}}",
        "{recipe: {init: {choose: {none: none, first: {pretrain: {dataset: digits}}}}}}",
        "{recipe: {distill: {teacher: {choose: [starnet, convnext]}}}}",
        "{recipe: {distill: {choose: {stored: {teacher: 1a2b}, trained: {teacher: starnet}}}}}",
    ],
)
def test_a_search_refuses_options_that_have_others_trained_first(option, home):
    with pytest.raises(
        UserError, match=r"study.yaml:\d+: options of 'start' have others trained first.*ablate instead"
    ):
        Designs(study(choices(f"start: {{plain: [], other: [{option}]}}")), home)


def test_a_search_refuses_a_recipe_that_has_a_model_of_ones_own_trained_first(home, tmp_path):
    (tmp_path / "large.yaml").write_text("layers: [{conv: {out: 64}}]\n")
    recipe = f"recipe: {{like: quick, distill: {{teacher: {tmp_path}/large.yaml}}}}\n"
    with pytest.raises(UserError, match="has others trained first, which its designs would stand on"):
        Designs(study(choices(ATTENTION) + recipe), home)


def test_the_budget_is_counted_at_the_most_pixels(home):
    plain = Designer(study(choices(ATTENTION)), home)
    enlarged = Designer(study(choices("size: {plain: [], large: [{recipe: {pixels: 48}}]}")), home)
    assert (plain.resolution, enlarged.resolution) == (32, 48)


def test_an_option_has_pixels_together_with_what_goes_with_them(home):
    large = "large: [{recipe: {pixels: 64, test_resize: 72}}]"
    small = "small: [{recipe: {pixels: 16, test_resize: 16, progressive: 0}}]"
    recipe = "recipe: {like: quick, pixels: 32, test_resize: 36, progressive: 0.5}\nsuite: [digits]\n"
    resolved = settled(choices(f"size: {{plain: [], {large}, {small}}}") + recipe, home)
    said = {
        name: (each["pixels"], each["test_resize"], each.get("progressive", 0))
        for name, each in recipes_of(resolved).items()
    }
    assert said == {
        "mobilenetv2": (32, 36, 0.5),
        "mobilenetv2+size=large": (64, 72, 0.5),
        "mobilenetv2+size=small": (16, 16, 0),
    }
    assert resolved.resolution == 64


def test_an_option_of_more_pixels_is_trained_on_them(home):
    text = choices("size: {plain: [], large: [{recipe: {resolution: 64}}]}") + "suite: [imagenette, digits]"
    resolved = settled(text, home)
    seen = {
        model.name: [resolved.needs(model, name).resolution for name in resolved.datasets] for model in resolved.models
    }
    assert seen == {"mobilenetv2": [32, 32], "mobilenetv2+size=large": [64, 32]}
    assert resolved.resolution == 64 and resolved.datasets == {"imagenette": 64, "digits": 32}


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ("{recipe: {lable_smoothing: 0}}", "a change of a recipe has no key 'lable_smoothing'.*label_smoothing"),
        ("{recipe: {lr: fast}}", "a recipe: lr .*'fast'.*training=odd"),
        ("{recipe: {metrics: []}}", "no key 'metrics'"),
        ("{recipe: {final_lr: 1}}", "final_lr, 1, is above lr.*training=odd"),
        ("{recipe: nowhere}", "there is no recipe 'nowhere'"),
        ("{recipe: []}", "recipe takes the name of one, or values by key"),
        ("{recipe: {pixels: {choose: [32, 64]}}}", "pixels cannot be open"),
        ("{recipe: {like: thorough, lr: {choose: [1, 2]}}}", "has nothing open in it"),
        ("{recipe: thorough, init: {}}", "either `recipe` or `init`"),
        ("{recipe: thorough, where: {stage: 1}}", "an edit of the training has no key 'where'"),
        ("{recipes: thorough}", "an edit has no key 'recipes'.*recipe"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(edit, message):
    with pytest.raises(UserError, match=r"(?s)study.yaml:\d+: .*" + message):
        study(choices(f"training: {{plain: [], odd: [{edit}]}}"))


START = "start: {scratch: [], imagenet: [{init: torchvision}]}"
SHUFFLENET = "base: shufflenetv2\nsuite: [digits, textures]\n" + SHORT


def made(package, name):
    """A model of theirs with weights that nobody has to download."""
    return get_model(name), Normalisation((0.5,) * 3, (0.5,) * 3)


@pytest.mark.slow
def test_an_option_can_start_from_published_weights(home, tmp_path, monkeypatch):
    """The tensors are a file that the settled study rests on: where it is gone, the study is settled anew."""
    monkeypatch.setattr("archlab.runs.published.theirs_with_weights", made)
    (tmp_path / "study.yaml").write_text(SHUFFLENET + "budget: none\n" + choices(START))
    resolved = resolve(tmp_path / "study.yaml", home)
    recipes = recipes_of(resolved)
    plain, started = recipes["shufflenetv2"], recipes["shufflenetv2+start=imagenet"]
    (kept,) = (home / "weights").iterdir()
    assert "init" not in plain and started["init"]["weights"] == kept.stem
    assert {model.width for model in resolved.models} == {1.0} and len(resolved.recipes) == 2
    kept.unlink()
    _converted.cache_clear()
    again = recipes_of(resolve(tmp_path / "study.yaml", home))["shufflenetv2+start=imagenet"]
    assert (home / "weights" / f"{again['init']['weights']}.safetensors").is_file()


def test_an_option_that_the_budget_makes_wider_has_no_published_weights(command, tmp_path):
    (tmp_path / "study.yaml").write_text(SHUFFLENET + choices(START))
    code, shown, said = command("ablate", "--spec", tmp_path / "study.yaml")
    assert code == 2 and not shown and said.count("\n") == 1
    assert "study.yaml:" in said and "of width 1, and shufflenetv2+start=imagenet has width 1." in said
