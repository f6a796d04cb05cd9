"""`--suite`, `--datasets`, `--recipe` and `--seeds` of the commands that take a study."""

from __future__ import annotations

import json

import pytest

from archlab.cli.overriding import overridden
from archlab.study.source import Overridden

NOTHING = {"suite": None, "datasets": None, "recipe": None, "seeds": None}


@pytest.fixture
def command(command, tmp_path):
    """The command line, on an empty store."""
    return lambda *arguments: command(*arguments, "--store", tmp_path / "store")


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"seeds": "3"}, {"seeds": 3}),
        ({"seeds": "0, 4"}, {"seeds": (0, 4)}),
        ({"seeds": "4,"}, {"seeds": (4,)}),
        ({"seeds": "many"}, {"seeds": "many"}),  # which the study refuses
        ({"datasets": "digits, elpv"}, {"datasets": ("digits", "elpv")}),
        ({"suite": "seven", "recipe": "thorough"}, {"suite": "seven", "recipe": "thorough"}),
    ],
)
def test_options_are_read(given, read):
    assert overridden("shuffle", **{**NOTHING, **given}) == Overridden("shuffle", **read)


def test_without_options_the_study_is_as_written():
    assert overridden("shuffle", **NOTHING) == "shuffle"


@pytest.mark.parametrize("name", ["ablate", "search", "build"])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--suite", "sevn"], "override suite: no suite is called 'sevn' - did you mean 'seven'?"),
        (["--datasets", "digts,elpv"], "override datasets: no dataset is called 'digts' - did you mean 'digits'?"),
        (["--datasets", ","], "override datasets: a suite needs at least one dataset"),
        (["--recipe", "quik"], "did you mean 'quick'?"),
        (
            ["--seeds", "0"],
            "override seeds: seeds is how many, at least 1, a list of whole numbers, or {from: 2, to: 30}, not 0",
        ),
        (["--sedes", "2"], "no such option --sedes - did you mean '--seeds'?"),
    ],
)
def test_wrong_values_are_one_line(command, name, options, words):
    code, out, err = command(name, "--spec", "shuffle", *options)
    assert (code, out) == (2, "") and words in err and err.count("\n") == 1


@pytest.mark.slow
def test_costs_are_counted_for_the_other_suite(command):
    code, out, _ = command("build", "--spec", "shuffle", "--datasets", "digits", "--json")
    document = json.loads(out)
    assert code == 0 and document["study"] == "shuffle+datasets=digits"
    assert document["budget"]["classes"] == 10
