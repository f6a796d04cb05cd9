"""Recipes of a study that stand on stored runs: resolved and refused before anything runs."""

from __future__ import annotations

import json

import pytest
from small_study import STUDY, filled

from archlab.foundation import UserError, read_yaml_text
from archlab.study.ablating import runs_of
from archlab.study.loading import load_study
from archlab.study.resolving import resolve
from archlab.study.search.designs import Designs


@pytest.fixture
def teachers(store):
    """The keys of a stored run for each of the study's datasets."""
    filled(store)
    runs = runs_of(resolve(STUDY, store.home), store.home)
    return {run.dataset: run.key for run in runs if run.model == "starnet"}


def with_recipe(**keys):
    return {**STUDY, "recipe": {"like": "quick", **keys}}


def refusal(store, study):
    with pytest.raises(UserError) as refused:
        resolve(study, store.home)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.slow
def test_every_dataset_has_its_teacher_and_keys_say_which(store, teachers):
    short = {name: key[:10] for name, key in teachers.items()}
    study = resolve(with_recipe(distill={"teacher": short, "weight": 0.7}), store.home)
    runs = runs_of(study, store.home)
    assert {(run.dataset, run.recipe["distill"]["teacher"]) for run in runs} == set(teachers.items())
    plain = {run.key for run in runs_of(resolve(STUDY, store.home), store.home)}
    assert not plain & {run.key for run in runs}
    without = resolve(with_recipe(distill={"teacher": "none of them", "weight": 0}), store.home)
    assert {run.key for run in runs_of(without, store.home)} == plain


def test_what_cannot_be_meant_is_refused_in_one_line(store, teachers):
    key = teachers["digits"]
    one = refusal(store, with_recipe(distill={"teacher": key[:8]}))
    assert one == (
        f"distill: the teacher {key[:12]} was trained on digits, not on textures: "
        "`teacher: {textures: KEY}` names one by dataset"
    )
    assert "distill: there is no teacher for textures" in refusal(
        store, with_recipe(distill={"teacher": {"digits": key}})
    )
    assert "no stored run starts with 'ffff'" in refusal(store, with_recipe(distill={"teacher": "ffff"}))
    assert "init: weights: none.safetensors cannot be read" in refusal(
        store, with_recipe(init={"weights": "none.safetensors"})
    )
    small = refusal(store, with_recipe(resolution=16, progressive=0.5))
    assert "progressive: 16 pixels cannot become fewer" in small


GROWING = """
name: growing
base: mobilenetv2
choices:
  training:
    plain: []
    growing: [{recipe: CHANGE}]
suite: [digits]
recipe:
  like: quick
  resolution: 16
  RECIPE
"""


@pytest.mark.parametrize(
    ("recipe", "change", "line"),
    [
        ("progressive: 0.5", "{clip: 1.0}", 9),
        ("steps: 60", "{progressive: 0.5}", 6),
        ("steps: 60", "{like: quick, resolution: 16, progressive: 0.5}", 6),
        ("exemptions: [{datasets: [digits], set: {progressive: 0.5}}]", "{clip: 1.0}", 11),
    ],
)
def test_images_that_cannot_be_smaller_are_refused_with_the_line_that_asks_for_it(store, recipe, change, line):
    text = GROWING.replace("RECIPE", recipe).replace("CHANGE", change)
    said = refusal(store, read_yaml_text(text.strip(), source="growing.yaml"))
    assert said.startswith(f"growing.yaml:{line}: the recipe ") and "progressive: 16 pixels cannot become fewer" in said


def test_a_network_that_does_not_fit_the_weights_is_named(store, teachers):
    """The stand-in's weights are those of no network."""
    assert refusal(store, with_recipe(init={"run": teachers["digits"][:8]})).startswith("mobilenetv2: init: only 0 %")


def test_an_exemption_can_have_the_teacher(store, teachers):
    exemption = {"models": ["mobilenetv2"], "set": {"distill": {"teacher": teachers}}}
    runs = runs_of(resolve(with_recipe(exemptions=[exemption]), store.home), store.home)
    taught = {run.model for run in runs if "distill" in run.recipe}
    assert taught == {"mobilenetv2", "mobilenetv2+attention=se"} != {run.model for run in runs}


def test_a_search_asks_for_teachers_before_it_begins(store, teachers):
    searched = {**with_recipe(distill={"teacher": teachers}), "search": {"trials": 2}}
    designs = Designs(load_study(searched, home=store.home), store.home)
    run = designs.run(designs.start()[0], "textures")
    assert run.recipe["distill"]["teacher"] == teachers["textures"]
    untaught = {"like": "quick", "distill": {"teacher": "none such"}}
    for keys in ({"recipe": untaught, "search": {"trials": 2}}, {"search": {"recipe": untaught}}):
        with pytest.raises(
            UserError, match="the teacher 'none such' is neither the key of a run nor a reference nor a YAML file"
        ):
            Designs(load_study({**STUDY, **keys}, home=store.home), store.home)


def test_a_kept_study_is_settled_anew_when_its_teacher_is_gone(store, teachers, tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(json.dumps(with_recipe(distill={"teacher": {name: key[:9] for name, key in teachers.items()}})))
    assert resolve(path, store.home).recipes == resolve(path, store.home).recipes
    (store.directory(teachers["digits"]) / "result.json").unlink()
    with pytest.raises(UserError, match=r"study\.yaml:1: distill: the teacher .* is damaged: result\.json is missing"):
        resolve(path, store.home)
