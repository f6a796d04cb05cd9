"""A winner's file tells how it was trained."""

from __future__ import annotations

import json

import pytest

from archlab.architecture import architecture
from archlab.deploy.finding import find_run
from archlab.deploy.winner import save_winner
from archlab.foundation import read_yaml
from archlab.runs import Run, Store
from archlab.training.reading import load_recipe
from tests.study.standin_training import trained

DESIGN = architecture({"name": "net", "layers": [{"conv": {"out": 8, "stride": 2}}]})
PLAIN = load_recipe("quick").settled("net", "digits").canonical()
OTHER = load_recipe({"like": "quick", "lr": 1e-5, "clip": 1.0, "init": {"run": "c" * 64, "body": 0.1}})
RECIPES = {"digits": PLAIN, "glyphs": PLAIN, "textures": OTHER.settled("net", "textures").canonical()}


@pytest.fixture
def runs(tmp_path):
    """Two seeds on each dataset, stored in `tmp_path`; two datasets share a recipe."""
    digests = {name: letter * 64 for name, letter in zip(RECIPES, "abc", strict=True)}
    made = [
        Run(DESIGN.canonical(), 1.0, 10, name, digests[name], 32, 4, recipe, seed, "c" * 64, "net")
        for name, recipe in RECIPES.items()
        for seed in range(2)
    ]
    for run in made:
        Store(tmp_path).put(run, trained(run))
    return made


@pytest.fixture
def winner(runs, tmp_path):
    save_winner(tmp_path / "found", DESIGN, "a comment", runs, Store(tmp_path))
    return tmp_path / "found" / "winner.yaml"


def test_its_file_has_the_recipe_of_each_dataset(winner):
    told = read_yaml(winner)["trained"]
    assert {name: each["recipe"] for name, each in told.items()} == RECIPES
    assert {name: load_recipe(each["recipe"]).canonical() for name, each in told.items()} == RECIPES
    assert "&id" not in winner.read_text()  # none is a reference to another


def test_files_with_and_without_recipes_are_read(winner):
    told = read_yaml(winner)["trained"]
    before = {name: {"runs": dict(each["runs"])} for name, each in told.items()}
    text = winner.read_text()
    for written in (text, f"{text.partition('trained:')[0]}trained: {json.dumps(before)}\n"):
        winner.write_text(written)
        assert find_run(winner, dataset="textures").run.recipe == RECIPES["textures"]
        assert architecture(winner).canonical() == DESIGN.canonical()
