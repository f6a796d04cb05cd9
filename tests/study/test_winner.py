"""A search's winner tells how it was trained."""

from __future__ import annotations

import json

import standin_training
from small_study import STUDY

from archlab.architecture import architecture, from_canonical
from archlab.architecture.writing import at_width
from archlab.deploy.finding import find_run
from archlab.foundation import read_yaml
from archlab.study.ablating import runs_of
from archlab.study.resolving import resolve
from archlab.study.search.winner import save_winner
from archlab.training.recipe import load_recipe

FASTER = {
    "models": ["mobilenetv2"],
    "datasets": ["textures"],
    "set": {"lr": 1e-5, "clip": 1.0, "augment": {"cutmix": 1.0}},
}


def test_its_file_has_the_recipe_of_each_dataset(store, tmp_path):
    study = {**STUDY, "suite": ["digits", "textures", "glyphs"], "recipe": {"like": "quick", "exemptions": [FASTER]}}
    runs = [run for run in runs_of(resolve(study, store.home), store.home) if run.model == "mobilenetv2"]
    for run in runs:
        store.put(run, standin_training.trained(run))
    design = at_width(from_canonical(runs[0].architecture, "winner"), runs[0].width, "winner")
    save_winner(tmp_path, design, "a comment", runs, store)
    path = tmp_path / "winner.yaml"
    trained = read_yaml(path)["trained"]
    assert {len(each["runs"]) for each in trained.values()} == {2}
    for run in runs:
        recipe = trained[run.dataset]["recipe"]
        assert recipe == run.recipe == load_recipe(recipe).canonical()
    assert trained["textures"]["recipe"]["lr"] == 1e-5 != trained["digits"]["recipe"]["lr"]
    assert "&id" not in path.read_text()  # no recipe by reference to another
    assert architecture(path).canonical() == design.canonical()

    assert find_run(path, dataset="textures").run.recipe["lr"] == 1e-5

    keys = {name: {"runs": dict(each["runs"])} for name, each in trained.items()}  # as files were written before
    path.write_text(f"{path.read_text().partition('trained:')[0]}trained: {json.dumps(keys)}\n")
    assert find_run(path, dataset="textures").run.recipe["lr"] == 1e-5
    assert architecture(path).canonical() == design.canonical()
