"""`docs/studies.md` lists every key of a study and of a search, and every option of running."""

import dataclasses
import re
from pathlib import Path

import pytest

from archlab.cli.ablate import ablate
from archlab.study.loading import KEYS, load_study
from archlab.study.search_settings import SearchSettings

DOCUMENT = (Path(__file__).parents[2] / "docs" / "studies.md").read_text()
SECTIONS = re.split(r"^## ", DOCUMENT, flags=re.M)
SHOWN = {
    "spec",
    "suite",
    "datasets",
    "recipe",
    "seeds",
    "matters",
    "frame",
    "until",
    "within",
}  # in the README and docs/deciding.md


def first_column(section: str) -> set[str]:
    return {
        name
        for line in section.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`(?:--)?([\w-]+)", line.split(" | ")[0])
    }


@pytest.mark.parametrize(
    "at, names",
    [
        (0, set(KEYS)),
        (1, {field.name for field in dataclasses.fields(SearchSettings)}),
        (2, {option.removeprefix("--") for each in ablate.params for option in each.opts if "--" in option} - SHOWN),
    ],
)
def test_every_key_is_there_and_no_other(at, names):
    assert first_column(SECTIONS[at]) == names


def test_defaults_are_those(home):
    study = load_study({"name": "least", "base": "mobilenetv2"}, home=home)
    assert (study.width, study.smallest_map, study.suite.name, study.recipe.name) == (None, 2, "samples", "quick")
    assert (study.seeds, study.explore, study.frame) == ((0,), "one_at_a_time", "references")
    assert (study.budget.limits(), study.budget.fit, study.effects) == (
        {"params": 2_500_000},
        "width",
        ("equal_budget",),
    )
    assert (study.weight_of_variance, study.metric.name, study.precision) == (0.5, "accuracy", ("float",))
    assert study.class_scores and not study.matters and study.tune is None
    unfitted = load_study({"base": "mobilenetv2", "budget": "none"}, home=home)
    assert (unfitted.budget.limits(), unfitted.effects) == ({}, ("raw",))
    free = load_study({"base": "mobilenetv2", "smallest_map": None, "suite": ["digits", "elpv"]}, home=home)
    assert free.smallest_map is None and len(free.suite.datasets) == 2
