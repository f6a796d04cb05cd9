"""What is trained before a run, since it stands on it, and how its key becomes a part of the run's."""

from __future__ import annotations

import dataclasses

import pytest

from archlab.architecture import architecture
from archlab.data import Expected, entry, open_prepared
from archlab.foundation import UserError
from archlab.foundation.documents import read_yaml_text
from archlab.runs import run_of
from archlab.runs.named import settled_recipe, stands_on_untrained
from archlab.runs.upstream import SEED, stood_on, upstream_needs
from archlab.training.reading import load_recipe
from archlab.training.recipe import own_files_of

SHORT = {"like": "quick", "steps": 3}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ARCHLAB_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def run(recipe, home, seed=0, dataset="digits", width=0.1):
    settled = settled_recipe(load_recipe(SHORT | recipe), "starnet", dataset, home)

    def opened(need):
        return Expected(entry(need.name, home), need.resolution)

    data = Expected(entry(dataset, home), 32)
    made = run_of(
        "starnet", architecture("starnet").canonical(), width, data, settled.canonical(), seed, smallest_map=4
    )
    return stood_on(made, opened, ())


TUNED = {"like": "quick", "steps": 3, "tune": {"lr": [1e-3, 4e-3], "steps": 2}}
PRETRAINED = {"init": {"pretrain": {"dataset": "textures", "recipe": SHORT}, "body": 0.5}}


def test_a_run_that_stands_on_nothing_is_left_as_it_is(home):
    plain, before = run({}, home)
    assert before == [] and "init" not in plain.recipe and "distill" not in plain.recipe


def test_a_pretraining_is_one_run_for_all_seeds_and_datasets(home):
    first, (upstream,) = run(PRETRAINED, home)
    others = [run(PRETRAINED, home, seed=3), run(PRETRAINED, home, dataset="elpv")]
    assert {other.key for _, (other,) in others} == {upstream.key}
    assert (upstream.dataset, upstream.seed, upstream.num_classes) == (
        "textures",
        SEED,
        entry("textures", home).classes,
    )
    assert "init" not in upstream.recipe and upstream.width == first.width
    assert first.recipe["init"] == {"run": upstream.key, "body": 0.5}


def test_what_changes_the_pretraining_changes_the_run(home):
    longer = {"init": {"pretrain": {"dataset": "textures", "recipe": SHORT | {"steps": 4}}, "body": 0.5}}
    keys = {run(recipe, home)[0].key for recipe in ({}, PRETRAINED, longer)}
    assert len(keys | {run(PRETRAINED, home, width=0.2)[0].key}) == 4
    assert len({run(PRETRAINED, home, width=width)[1][0].key for width in (0.1, 0.2)}) == 2


def test_a_run_by_its_key_is_the_same_as_the_pretraining_itself(home):
    made, (upstream,) = run(PRETRAINED, home)
    recipe = load_recipe(made.recipe)
    assert recipe.init.run == upstream.key and recipe.init.pretrain is None
    assert recipe.canonical() == made.recipe


def test_a_teacher_is_trained_as_published_by_the_students_recipe(home):
    student, (teacher,) = run({"distill": {"teacher": "mobilenetv2", "weight": 0.3}}, home, seed=2)
    assert (teacher.model, teacher.width, teacher.dataset, teacher.seed) == ("mobilenetv2", 1.0, "digits", SEED)
    assert teacher.recipe == {name: each for name, each in student.recipe.items() if name != "distill"}
    assert student.recipe["distill"] == {"teacher": teacher.key, "weight": 0.3, "temperature": 4.0}


def test_both_at_once_and_a_teacher_by_dataset(home):
    teachers = {"digits": "mobilenetv2", "textures": "convnext"}
    _, before = run(PRETRAINED | {"distill": {"teacher": teachers}}, home)
    assert [each.model for each in before] == ["starnet", "mobilenetv2"]
    assert "init" not in before[1].recipe


def test_without_weight_there_is_no_teacher(home):
    assert run({"distill": {"teacher": "mobilenetv2", "weight": 0}}, home)[0].key == run({}, home)[0].key


def test_data_of_the_pretraining_are_needed(home):
    settled = settled_recipe(load_recipe(SHORT | PRETRAINED), "starnet", "digits", home)
    assert [need.name for need in upstream_needs(settled.canonical())] == ["textures"]
    assert upstream_needs(load_recipe(SHORT).canonical()) == []
    assert stands_on_untrained(load_recipe(SHORT | PRETRAINED)) and not stands_on_untrained(load_recipe(SHORT))


def test_the_recipe_of_a_pretraining_lies_where_its_own_does(home, tmp_path):
    (tmp_path / "mine.yaml").write_text("like: quick\nsteps: 5\n")
    for written in ("mine.yaml", {"like": "mine.yaml", "augment": {"flip": False, "order": ["flip"]}}):
        recipe = load_recipe(
            SHORT | {"init": {"pretrain": {"dataset": "textures", "recipe": written}}}, folder=tmp_path
        )
        settled = settled_recipe(recipe, "starnet", "digits", home)
        assert settled.init.pretrain["recipe"]["steps"] == 5
    assert settled.init.pretrain["recipe"]["augment"]["flip"] is False


def test_values_inside_a_pretraining_may_be_of_any_kind(home):
    text = """
like: quick
steps: 3
init:
  pretrain:
    dataset: textures
    recipe: {like: quick, augment: {flip: false, order: [flip]}, exemptions: [{models: [starnet], set: {lr: 1e-3}}]}
"""
    settled = settled_recipe(load_recipe(read_yaml_text(text, source="r.yaml")), "starnet", "digits", home)
    inside = settled.canonical()["init"]["pretrain"]["recipe"]
    assert (inside["lr"], inside["augment"]["flip"], inside["augment"]["order"]) == (1e-3, False, ["flip"])


def test_own_code_of_a_run_is_no_part_of_what_it_stands_on(home, tmp_path):
    own = tmp_path / "own.py"
    keys = []
    for text in (
        "def turned(images, random):\n    return images\n",
        "def turned(images, random): return images.flip(2)\n",
    ):
        own.write_text(text)
        recipe = load_recipe(SHORT | PRETRAINED | {"augment": {"own": [f"{own}:turned"]}})
        settled = settled_recipe(recipe, "starnet", "digits", home)
        canonical = architecture("starnet").canonical()
        data = Expected(entry("digits", home), 32)
        made = run_of(
            "starnet", canonical, 0.1, data, settled.canonical(), 0, smallest_map=4, own_files=own_files_of(settled)
        )
        made, (upstream,) = stood_on(made, lambda need: Expected(entry(need.name, home), need.resolution), ())
        keys.append((made.key, upstream.key))
    assert keys[0][0] != keys[1][0] and keys[0][1] == keys[1][1] == run(PRETRAINED, home)[1][0].key


def test_a_teacher_has_exemptions_of_its_own_and_no_option_of_its_students(home):
    distilled = {"distill": {"teacher": "mobilenetv2"}}
    exempt = {"exemptions": [{"models": ["mobilenetv2"], "set": {"lr": 1e-4}}]}
    (teacher,), (other,) = (run(distilled | each, home)[1] for each in (exempt, {}))
    assert (teacher.recipe["lr"], other.recipe["lr"]) == (1e-4, 4e-3)
    settled = [
        settled_recipe(load_recipe(SHORT | distilled), "starnet", "digits", home, changes)
        for changes in ((), ({"label_smoothing": 0.2, "ema": 0.9},), ({"pixels": 48},))
    ]
    plain, smooth, large = (each.distill.teacher["recipe"] for each in settled)
    assert plain == smooth and large == plain | {"pixels": 48, "stored": 32}


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"init": {"pretrain": {"dataset": "digits"}}}, "digits cannot be pretrained on digits"),
        ({"init": {"pretrain": {"dataset": "digit"}}}, "digits"),
        ({"init": {"pretrain": {"dataset": "textures", "recipe": "thorou"}}}, "there is no recipe 'thorou'.*thorough"),
        ({"init": {"pretrain": {"dataset": "textures"}, "run": "ab"}}, "one of weights, run and pretrain"),
        ({"init": {"body": 0.1}}, "one of weights, run and pretrain"),
        ({"init": {"pretrain": {"dataset": "textures", "recipe": SHORT | PRETRAINED}}}, "stands on nothing itself"),
        ({"init": {"pretrain": {"dataset": "textures", "lr": 1}}}, "no key 'lr'"),
        ({"distill": {"teacher": "nowhere.yaml"}}, "nowhere.yaml"),
        ({"distill": {"teacher": "mobilenetv9"}}, "neither the key of a run .*mobilenetv2"),
        ({"distill": {"teacher": {"digits": 3}}}, "in quotes where they could be a number, or a model, not 3"),
        ({"init": {"pretrain": {"dataset": "textures", "recipe": TUNED}}}, "a pretraining is not tuned"),
    ],
)
def test_what_cannot_be_is_told(recipe, message, home):
    with pytest.raises(UserError, match=f"(?s){message}"):
        run(recipe, home)


@pytest.mark.slow
def test_it_starts_where_the_pretraining_ended(home):
    """With a body that learns nothing the fine-tuned network has the pretrained body; its classifier is another."""
    from safetensors.torch import load_file

    from archlab.executors import Settings, execute
    from archlab.runs import Store

    still = {"init": {"pretrain": {"dataset": "textures", "recipe": SHORT}, "body": 0.0}}
    settled = settled_recipe(load_recipe(SHORT | still), "starnet", "digits", home)
    data = open_prepared("digits", home, 32)
    made = run_of("starnet", architecture("starnet").canonical(), 0.1, data, settled.canonical(), 1, smallest_map=4)
    made, before = stood_on(made, lambda need: open_prepared(need.name, home, *need[1:]), ())
    store = Store(home)
    for each in (*before, made):
        assert not execute([each], store, Settings(workers=1)).failed
    start, end = (load_file(store.weights(each.key)) for each in (*before, made))
    kernels = [name for name, tensor in end.items() if tensor.ndim == 4]
    assert len(kernels) > 5 and all(start[name].equal(end[name]) for name in kernels)
    assert [name for name in end if start[name].shape != end[name].shape]
    again = execute([*before, dataclasses.replace(made)], store, Settings(workers=1))
    assert again.computed == 0
