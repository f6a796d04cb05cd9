"""The 77 cells of the published study against the settled cells of the study that repeats it.

`zhang2025_recipes.csv` is what the authors' scripts say, read by hand.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest

from archlab.architecture import from_canonical
from archlab.data import entry
from archlab.data.expected import Expected
from archlab.study.ablating import planned_runs
from archlab.study.resolving import resolve
from archlab.training.optimizer import Schedule
from archlab.training.reading import load_recipe

with Path(__file__).with_name("zhang2025_recipes.csv").open() as file:
    ROWS = list(csv.DictReader(file))
PREPROCESSING = {  # train and test in the words of the table: fit, test_resize
    ("as stored", "shorter side 192, centre crop 160"): ("whole", 192),
    ("as stored", "shorter side 224, centre crop 224"): ("whole", None),
    ("upsampled by the crop", "upsampled to 224"): (None, None),
    ("stretched to 224 x 224", "stretched to 224 x 224"): ("stretch", None),
    ("stretched to 256 x 256", "stretched to 256 x 256, centre crop 224"): ("stretch", 256),
}
STORED = {
    "imagenette": 224,
    "cifar10": 32,
    "cifar100": 32,
    "ham10000": 224,
    "stanford_dogs": 256,
    "indoor67": 320,
    "miniplaces": 128,
}


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """What the study plans, by model and the dataset's published name: recipe and run."""
    home = tmp_path_factory.mktemp("home")
    study = resolve("zhang2025", home)
    runs = {(run.model, run.dataset): run for run in planned_runs(study, home)}
    return {
        (cell["model"], cell["dataset"].partition("@")[0]): (cell["recipe"], runs[cell["model"], cell["dataset"]])
        for cell in study.cells()
    }


def test_there_is_a_cell_for_every_row(cells):
    assert set(cells) == {(row["model"], row["dataset"]) for row in ROWS} and len(cells) == len(ROWS) == 77


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['model']}-{row['dataset']}")
def test_a_cell_is_trained_as_published(cells, row):
    recipe, run = cells[row["model"], row["dataset"]]
    assert run.recipe == {**recipe, "pixels": run.resolution}
    for key in ("lr", "final_lr"):
        assert recipe[key] == float(row[key])
    assert recipe["batch_size"] == int(row["batch_size"]) and recipe["optimizer"] == "adam"
    assert (recipe["weight_decay"], recipe["label_smoothing"], recipe["precision"]) == (0, 0.05, "float32")
    assert (recipe["epochs"], recipe["steps"]) == (int(row["epochs"]), None)
    assert recipe["warmup"] * recipe["epochs"] == int(row["warmup_epochs"])
    assert recipe["pixels"] == run.resolution == int(row["pixels"])
    dropped = "incomplete batch dropped" in row["remarks"]
    assert recipe.get("incomplete_batch", "dropped") == ("dropped" if dropped else "kept")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['model']}-{row['dataset']}")
def test_a_cell_sees_images_as_published(cells, row):
    recipe, run = cells[row["model"], row["dataset"]]
    fit, resize = PREPROCESSING[row["train_preprocessing"], row["test_preprocessing"]]
    assert (run.fit, recipe.get("test_resize"), run.stored) == (fit, resize, STORED[row["dataset"]])
    mean, std = ([float(number) for number in part.split()] for part in row["mean_and_std"].split("/"))
    assert recipe["normalisation"] == {"mean": (mean * 3)[:3], "std": (std * 3)[:3]}
    augment = recipe["augment"]
    if row["crop_scale"]:
        scale, ratio = ([float(number) for number in row[key].split("-")] for key in ("crop_scale", "crop_ratio"))
        assert augment["crop"] == {"scale": scale, "ratio": ratio}
    else:
        assert augment["crop"] is None
    jitter = augment["jitter"] and [augment["jitter"][key] for key in ("brightness", "contrast", "saturation", "hue")]
    assert jitter == ([float(number) for number in row["jitter"].split("/")] if row["jitter"] else None)
    given = (
        augment["randaugment"] and f"{augment['randaugment']['operations']} of {augment['randaugment']['magnitude']}"
    )
    assert (given or "") == row["randaugment"]
    assert (augment["flip"], augment["shift"], augment["mixup"], augment["cutmix"]) == (True, 0, 0, 1)
    assert augment["cutmix_labels"] == "drawn"
    assert augment["erasing"] == float(row["erasing"])
    steps = load_recipe(run.recipe).augment.steps
    assert [step for step in steps if augment.get(step)] == row["order"].split()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['model']}-{row['dataset']}")
def test_a_cell_has_the_published_form(cells, row):
    _, run = cells[row["model"], row["dataset"]]
    layers = from_canonical(run.architecture, row["model"]).layers
    assert run.width == 1 and run.smallest_map is None
    if row["convmixer_patch"]:
        assert layers[0].arguments["size"] == int(row["convmixer_patch"])
    if row["efficientnet"]:
        assert (layers[-1].arguments["out"] == 1280) == (row["efficientnet"] == "whole B0")


def test_all_training_images_are_trained_on(cells, tmp_path):
    images = {"imagenette": 9469, "cifar10": 50_000, "stanford_dogs": 16_464, "indoor67": 5360, "miniplaces": 100_000}
    for (model, dataset), (recipe, run) in cells.items():
        data = Expected(entry(run.dataset, tmp_path), run.stored)
        train, validation, test = (sum(data.counts(split)) for split in ("train", "validation", "test"))
        if dataset == "ham10000":  # 70, 15 and 15 %, the second part unused
            assert "with_validation" not in recipe and abs(train - 0.7 * 10_015) < 2 and abs(validation - test) < 2
        else:
            assert recipe["with_validation"] and train + validation == images.get(dataset, 50_000), (model, dataset)


def test_the_learning_rate_is_the_authors_in_every_epoch(cells):
    """Their function `get_up_cos_lr`, repeated."""
    recipe = load_recipe(cells["mobilevit", "cifar10"][1].recipe)
    schedule = Schedule(recipe, epochs=100, steps=1000, steps_per_epoch=10)
    for epoch in range(100):
        expected = published_lr(epoch)
        assert schedule.lr(10 * epoch) == schedule.lr(10 * epoch + 9) == pytest.approx(expected, rel=1e-9), epoch


def published_lr(epoch: int, epochs: int = 100, low: float = 1e-5, high: float = 1e-4, warmup: int = 5) -> float:
    if epoch < warmup:
        return high * (epoch + 1) / warmup
    return low + (high - low) * 0.5 * (1 + math.cos(math.pi * (epoch + 1 - warmup) / (epochs - warmup)))


@pytest.mark.slow
def test_the_fair_study_treats_all_models_alike(tmp_path):
    study = resolve("zhang2025_fair", tmp_path)
    assert (
        study.seeds == [0, 1, 2] and study.metric.name == "balanced_accuracy" and list(study.datasets) == list(STORED)
    )
    assert all(model.within_budget and not model.forms for model in study.models) and len(study.models) == 11
    assert all(0.95 * 2_500_000 < cell["params"] <= 2_500_000 for cell in study.cells())
    for dataset in study.datasets:
        recipes = [cell["recipe"] for cell in study.cells() if cell["dataset"] == dataset]
        assert all(recipe == recipes[0] for recipe in recipes) and recipes[0]["lr"] == 1e-3
        assert "with_validation" not in recipes[0] and recipes[0]["incomplete_batch"] == "kept"
