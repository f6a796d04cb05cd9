"""What a report says of what trainings stand on, and of the keys of recipes that say nothing where they are not set."""

import pytest

from archlab.report.provenance import provenance
from archlab.report.training import as_trained
from archlab.runs import Run, Store
from tests.study.standin_training import trained

QUICK = {"epochs": None, "steps": 60, "batch_size": 16, "optimizer": "adamw", "lr": 0.004, "schedule": "cosine"}
PLAIN = "60 steps of batches of 16, adamw at 0.004, cosine, not augmented"
FIRST = {**QUICK, "steps": 2, "lr": 0.003}
PRETRAINING = {"data": ["mnist5k", 28, None], "recipe": FIRST, "own_files": []}
UNKNOWN = "0123456789ab" + 52 * "c"


@pytest.fixture
def stored(tmp_path):
    """A run of mobilenetv2 on mnist5k, in the store of `tmp_path`."""
    run = Run({"layers": []}, 1.0, 10, "mnist5k", "d" * 64, 28, 4, FIRST, 0, "c" * 64, "mobilenetv2")
    Store(tmp_path).put(run, trained(run))
    return run


def told(home, **keys):
    """What is said of a recipe beyond that of the plain one."""
    study = {"recipe": "quick", "recipes": [{**QUICK, **keys}], "models": [{"recipes": {"digits": 0}}]}
    (said,) = as_trained(study, home)
    assert said.startswith(f"quick: {PLAIN}")
    return said.removeprefix(f"quick: {PLAIN}")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({}, ""),
        ({"ema": 0.0, "clip": 0.0, "progressive": 0.0, "init": None, "distill": None}, ""),
        ({"label_smoothing": 0.0, "balance": False}, ""),
        ({"weight_decay": 0.05}, ", weights decayed by 0.05"),
        ({"label_smoothing": 0.1}, ", labels smoothed by 0.1"),
        ({"balance": True}, ", every class counting alike"),
        ({"ema": 0.9}, ", an average of weights, 0.9"),
        ({"clip": 1.0}, ", gradients up to 1"),
        ({"progressive": 0.5}, ", images grow over the first 50 %"),
        ({"init": {"weights": UNKNOWN, "body": 1.0}}, ", from given weights 0123456789ab"),
        (
            {"init": {"weights": UNKNOWN, "body": 0.1}},
            ", from given weights 0123456789ab (its body's learning rate times 0.1)",
        ),
        ({"init": {"run": UNKNOWN, "body": 1.0}}, ", from the weights of run 0123456789ab"),
        ({"init": {"pretrain": PRETRAINING, "body": 1.0}}, ", pretrained on mnist5k by adamw at 0.003, 2 steps"),
        (
            {"init": {"pretrain": PRETRAINING, "body": 0.5}},
            ", pretrained on mnist5k by adamw at 0.003, 2 steps (its body's learning rate times 0.5)",
        ),
        (
            {"distill": {"teacher": UNKNOWN, "weight": 0.5, "temperature": 4.0}},
            ", taught by run 0123456789ab (weight 0.5, temperature 4)",
        ),
        (
            {"distill": {"teacher": {"model": "starnet", "recipe": QUICK}, "weight": 0.7, "temperature": 2.0}},
            ", taught by starnet (weight 0.7, temperature 2)",
        ),
    ],
)
def test_each_key_that_is_set_has_a_clause(tmp_path, keys, said):
    assert told(tmp_path, **keys) == said


def test_recipes_that_differ_in_what_can_be_tuned_are_not_told_alike(tmp_path):
    plain = {**QUICK, "optimizer": "sgd", "momentum": 0.9, "weight_decay": 0.0, "label_smoothing": 0.0}
    changes = ({}, {"lr": 0.1}, {"momentum": 0.5}, {"weight_decay": 0.05}, {"label_smoothing": 0.1})
    recipes = [{**plain, **change} for change in changes]
    models = [{"recipes": {"digits": at}} for at in range(len(recipes))]
    found = as_trained({"recipe": "quick", "recipes": recipes, "models": models}, tmp_path)
    assert len(set(found)) == len(recipes) and "sgd at 0.004 with momentum 0.9" in found[0]


def test_runs_that_are_stored_are_told_by_what_they_were(tmp_path, stored):
    short = stored.key[:12]
    assert told(tmp_path, init={"run": stored.key, "body": 0.5}) == (
        f", pretrained on mnist5k by adamw at 0.003, 2 steps (run {short} of mobilenetv2; its body's learning rate times 0.5)"
    )
    assert told(tmp_path, distill={"teacher": stored.key, "weight": 0.5, "temperature": 4.0}) == (
        f", taught by mobilenetv2 (run {short}; weight 0.5, temperature 4)"
    )


def test_the_data_of_a_pretraining_are_told_beside_the_suite():
    study = {"path": None, "name": "it", "suite": "samples", "datasets": {"digits": 8}, "models": []}
    study |= {"recipe": "quick", "seeds": [0], "classes": 10, "budget": {"of": "trained"}}
    assert not provenance(study, [])["pretraining"]
    study["recipes"] = [QUICK, {**QUICK, "init": {"pretrain": PRETRAINING}}, {**QUICK, "init": {"run": UNKNOWN}}]
    study["models"] = [{"recipes": {"digits": 0}}, {"recipes": {"digits": 1}}, {"recipes": {"digits": 2}}]
    assert provenance(study, [])["pretraining"] == "mnist5k at 28 pixels"


def test_all_seeds_of_a_study_in_rounds_are_told():
    """Of which the study names those of the first round."""
    study = {"path": None, "name": "it", "suite": "samples", "datasets": {"digits": 8}, "models": []}
    study |= {"recipe": "quick", "seeds": [0, 1], "classes": 10, "budget": {"of": "trained"}}
    keys = "archlab", "code", "torch", "hardware", "device", "precision", "threads", "dataset", "data", "finished"
    runs = [{**dict.fromkeys(keys, "x"), "seed": seed} for seed in (0, 1, 3, 2)]
    assert provenance(study, runs)["seeds"] == "0, 1, 2, 3" and provenance(study, [])["seeds"] == "0, 1"
