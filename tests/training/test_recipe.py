"""Recipes as data."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from archlab.foundation import UserError, read_yaml_text
from archlab.training.reading import load_recipe, recipes


def read(text: str, **options):
    return load_recipe(read_yaml_text(text, "r.yaml"), **options)


SMALL = "resolution: 32\nbatch_size: 16\nlr: 1e-3\n"


@pytest.mark.parametrize("name", recipes())
def test_recipes_that_come_with_archlab_are_named_after_their_file_and_read_back(name):
    recipe = load_recipe(name)
    assert recipe.name == name
    settled = recipe.settled("mobilenetv2", "digits")
    stored = json.loads(json.dumps(settled.canonical()))
    assert stored == settled.canonical()
    assert load_recipe(stored).canonical() == stored


def test_the_name_decides_nothing():
    assert read(SMALL + "steps: 5\nname: a").canonical() == read(SMALL + "steps: 5\nname: b").canonical()


def test_a_recipe_can_start_from_another(tmp_path):
    (tmp_path / "mine.yaml").write_text("name: mine\nlike: quick\nsteps: 7\naugment: {flip: false}\n")
    (tmp_path / "longer.yaml").write_text("like: mine.yaml\nsteps: 70\n")
    quick, longer = load_recipe("quick"), load_recipe("longer.yaml", folder=tmp_path)
    assert longer.steps == 70 and longer.lr == quick.lr
    assert longer.augment.shift == quick.augment.shift and not longer.augment.flip


def test_the_recipe_of_a_pretraining_lies_beside_its_own_wherever_that_is_named_from(tmp_path, monkeypatch):
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes/brief.yaml").write_text("like: quick\nsteps: 7\n")
    monkeypatch.chdir(tmp_path)
    for written in ("brief.yaml", "{like: brief.yaml, lr: 1e-3}"):
        pretrain = f"{{dataset: textures, recipe: {written}}}"
        (tmp_path / "recipes/mine.yaml").write_text(f"like: quick\ninit: {{pretrain: {pretrain}}}\n")
        assert load_recipe("recipes/mine.yaml").init.pretrain.recipe.steps == 7


def test_length_is_what_comes_first():
    assert read(SMALL + "epochs: 3").length(10) == (3, 30)
    assert read(SMALL + "steps: 25").length(10) == (3, 25)
    assert read(SMALL + "epochs: 2\nsteps: 25").length(10) == (2, 20)
    assert read(SMALL + "epochs: 2\nsteps: 5").length(10) == (1, 5)


def test_published_exceptions():
    recipe = load_recipe("zhang2025")
    assert recipe.settled("mobilenetv2", "cifar10").lr == 1e-3
    assert recipe.settled("mobilevit", "cifar10").lr == 1e-4
    assert recipe.settled("mobilevit+attention=se", "cifar10").lr == 1e-4
    assert recipe.settled("mobilevit", "ham10000").lr == 1e-3
    assert recipe.settled("convnext", "cifar100").augment.erasing == 0.25
    assert recipe.settled("convnext", "ham10000").augment.randaugment is None
    assert recipe.settled("convnext", "ham10000@published").augment.randaugment is None
    assert recipe.settled("tinynet", "stanford_dogs@published").lr == 1e-4
    assert recipe.settled("mobilevit", ("scans", "ham10000")).lr == 1e-3
    with pytest.raises(ValueError, match="settle"):
        recipe.canonical()


def test_inherited_exemptions_stay_and_own_ones_come_after():
    own = "like: zhang2025\nexemptions: [{models: [tinynet], set: {lr: 5e-4}}]"
    recipe = read(own)
    assert recipe.settled("tinynet", "stanford_dogs").lr == 5e-4
    assert recipe.settled("mobilevit", "cifar10").lr == 1e-4
    assert recipe.settled("convnext", "cifar100").augment.erasing == 0.25
    assert read("like: zhang2025\nepochs: 3").exemptions == load_recipe("zhang2025").exemptions


def test_inherited_exemptions_are_given_up_in_words():
    recipe = read("like: zhang2025\nexemptions: {replace: [{models: [tinynet], set: {lr: 5e-4}}]}")
    assert recipe.settled("mobilevit", "cifar10").lr == 1e-3 and recipe.settled("tinynet", "digits").lr == 5e-4
    assert read("like: zhang2025\nexemptions: {replace: []}").exemptions == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SMALL + "steps: 5\nlearning: 3", "r.yaml:5: a recipe has no key 'learning'"),
        (SMALL + "setps: 5", "r.yaml:4: a recipe has no key 'setps' - did you mean 'steps'?"),
        (SMALL, "r.yaml:1: a recipe needs epochs, steps or both"),
        (SMALL + "steps: 0", "r.yaml:4: a recipe: steps must be a whole number of at least 1, not 0"),
        (SMALL + "steps: 5\nfinal_lr: 0.1", "r.yaml:5: a recipe: final_lr, 0.1, is above lr, 0.001"),
        (SMALL + "steps: 5\nwarmup: 2", "r.yaml:5: a recipe: warmup must be a number from 0 to 1, not 2"),
        (
            SMALL + "steps: 5\naugment:\n  crop: {scale: [1, 0.5]}",
            "r.yaml:6: a recipe: augment: crop: scale: the lowest, 1, is above the highest, 0.5",
        ),
        (
            SMALL + "steps: 5\nexemptions: [{modles: [a], set: {lr: 1}}]",
            "r.yaml:5: an exemption has no key 'modles' - did you mean 'models'?",
        ),
        (
            SMALL + "steps: 5\nexemptions: [{models: a, set: {lr: 1}}]",
            "r.yaml:5: an exemption: models must be a list of names, not 'a'",
        ),
        (
            SMALL + "steps: 5\nexemptions:\n  - {set: {lrr: 1}}",
            "r.yaml:6: a recipe has no key 'lrr' - did you mean 'lr'?",
        ),
        (
            SMALL + "steps: 5\nexemptions: {replce: []}",
            "r.yaml:5: exemptions has no key 'replce' - did you mean 'replace'?",
        ),
        (
            SMALL + "steps: 5\nexemptions: {}",
            "r.yaml:5: exemptions must be a list, or {replace: a list} to give up inherited ones",
        ),
        (SMALL + "steps: 5\noptimizer: none", "r.yaml:5: a recipe: optimizer must be adamw, adam or sgd, not 'none'"),
        (SMALL + "steps: 5\npixels: 0", "r.yaml:5: a recipe: pixels must be a whole number of at least 1, not 0"),
        (SMALL + "steps: 5\npixel: 224", "r.yaml:5: a recipe has no key 'pixel' - did you mean 'pixels'?"),
        (
            SMALL + "steps: 5\npixels: 224\ntest_resize: 200",
            "r.yaml:6: a recipe: test_resize, 200, is below pixels, 224",
        ),
        (SMALL + "steps: 5\ntest_resize: 200", "r.yaml:5: a recipe: test_resize, 200, is nothing without pixels"),
        (
            SMALL + "steps: 5\nfit: strech",
            "r.yaml:5: a recipe: fit must be crop, stretch or whole, not 'strech' - did you mean 'stretch'?",
        ),
        (
            SMALL + "steps: 5\nprecision: float16",
            "r.yaml:5: a recipe: precision must be mixed or float32, not 'float16' - did you mean 'float32'?",
        ),
        (
            SMALL + "steps: 5\nincomplete_batch: drop",
            "r.yaml:5: a recipe: incomplete_batch must be dropped or kept, not 'drop' - did you mean 'dropped'?",
        ),
        (
            SMALL + "steps: 5\naugment: {order: [flip, flip]}",
            "r.yaml:5: a recipe: augment: order has flip more than once",
        ),
        (
            SMALL + "steps: 5\naugment: {order: [crops]}",
            "r.yaml:5: a recipe: augment: order must be shift, crop, flip, randaugment, jitter or own, not 'crops'"
            " - did you mean 'crop'?",
        ),
        (
            SMALL + "steps: 5\nnormalisation: {mean: [0, 0, 0], std: [0, 1, 1]}",
            "r.yaml:5: a recipe: normalisation: std must be a number above 0, not 0",
        ),
        (
            "like: quik",
            "r.yaml:1: there is no recipe 'quik': neither one of archlab's nor a YAML file - did you mean 'quick'?",
        ),
    ],
)
def test_says_what_is_wrong_and_where(text, message):
    with pytest.raises(UserError) as error:
        read(text)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("text", "dataset", "message"),
    [
        (
            SMALL + "steps: 5\nfinal_lr: 1e-4\nexemptions:\n  - {set: {lr: 1e-5}}",
            "digits",
            "r.yaml:7: the recipe unnamed of net on digits: final_lr, 0.0001, is above lr, 1e-05",
        ),
        (
            SMALL + "steps: 5\npixels: 64\nexemptions:\n  - {set: {test_resize: 80}}\n"
            "  - {datasets: [digits], set: {pixels: 96}}",
            "digits",
            "r.yaml:8: the recipe unnamed of net on digits: test_resize, 80, is below pixels, 96",
        ),
        (
            SMALL + "steps: 5\nexemptions:\n  - {set: {with_validation: true}}\n  - {set: {weights: best_validation}}",
            "digits",
            "r.yaml:7: the recipe unnamed of net on digits that trains with_validation can select nothing by it: weights must "
            "be last",
        ),
        (
            "like: zhang2025\npixels: 300",
            "stanford_dogs",
            "zhang2025.yaml:54: the recipe zhang2025, pixels 300 of net on stanford_dogs: test_resize, 256, is below pixels, "
            "300",
        ),
    ],
)
def test_settings_that_do_not_go_together_once_all_exemptions_are_applied(text, dataset, message):
    with pytest.raises(UserError) as error:
        read(text).settled("net", dataset)
    assert str(error.value).endswith(message)


def test_an_exemption_is_held_against_the_others_of_its_run_alone():
    recipe = read("like: zhang2025\nexemptions: [{datasets: [imagenette], set: {test_resize: 184}}]")
    settled = recipe.settled("net", "imagenette")
    assert (settled.pixels, settled.test_resize) == (160, 184)
    assert recipe.settled("net", "cifar10").test_resize is None


def test_a_recipe_that_is_like_itself_is_refused(tmp_path):
    (tmp_path / "a.yaml").write_text("like: b.yaml\nsteps: 1\n")
    (tmp_path / "b.yaml").write_text("like: a.yaml\n")
    with pytest.raises(UserError, match="like itself"):
        load_recipe("a.yaml", folder=tmp_path)
    (tmp_path / "c.yaml").write_text(f"like: ../{tmp_path.name}/c.yaml\n")
    with pytest.raises(UserError, match="like itself"):
        load_recipe("c.yaml", folder=tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "like: quick\ninit: {pretrain: {dataset: textures, recipe: a.yaml}}\n",
        "like: quick\ninit: {pretrain: {dataset: textures, recipe: {like: a.yaml, steps: 3}}}\n",
        "like: quick\nexemptions: [{set: {init: {pretrain: {dataset: textures, recipe: a.yaml}}}}]\n",
    ],
)
def test_a_recipe_that_pretrains_by_itself_is_refused(tmp_path, text):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(UserError, match=r"a\.yaml:2: a recipe cannot be like itself, nor pretrain by itself"):
        load_recipe("a.yaml", folder=tmp_path)


def test_recipes_are_read_without_torch():
    code = "import sys; from archlab.training.reading import load_recipe; load_recipe('quick'); "
    code += "sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_recipe_without_a_name_is_called_by_its_file_or_by_what_it_changes(tmp_path):
    changed = {"like": "quick", "steps": 60, "augment": {"shift": 2}}
    assert load_recipe(changed).name == "quick, steps 60, augment"
    assert load_recipe({**changed, "name": "mine"}).name == "mine"
    (tmp_path / "brief.yaml").write_text("like: quick\nsteps: 60\n")
    assert load_recipe(tmp_path / "brief.yaml").name == "brief" and load_recipe("quick").name == "quick"
    assert load_recipe(changed).canonical() == load_recipe({**changed, "name": "mine"}).canonical()


def test_what_is_tuned_is_no_part_of_a_run():
    tuned = read(SMALL + "steps: 5\ntune: {lr: [1e-3, 1e-2], steps: 5}")
    assert tuned.tune.values == {"lr": [0.001, 0.01]} and tuned.canonical() == read(SMALL + "steps: 5").canonical()
    assert tuned.settled("net", "digits").tune == tuned.tune
