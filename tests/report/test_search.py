"""The report of a search: its trials, its winner, what survived on test data, its cost."""

import dataclasses

import pytest

from archlab.report import analyse, text
from archlab.report.palette import FILE
from archlab.report.plots import written
from archlab.report.search import trials
from archlab.report.sections import plots
from tests.report.made import made_study


def with_search(analysis, search):
    return dataclasses.replace(analysis, material=dataclasses.replace(analysis.material, search=search))


def found(best=True):
    score = {"xscore": 0.9, "gain": 0.1, "gain_low": 0.02, "gain_high": 0.18}
    winner = {"model": "made-trial1", "name": "net+kernel=5", "trial": 1, "params": 2_400_000, "macs": 90_000_000}
    winner |= {
        "found": {"xscore": 1.0, "gain": 0.2},
        "validation": {**score, "gain": 0.2},
        "test": score,
        "survived": 0.5,
    }
    winner["against"] = {"mobilenetv2": score, "starnet": {"gain": 0.01, "gain_low": -0.1, "gain_high": 0.12}}
    trial = {
        "number": 0,
        "state": "complete",
        "known": False,
        "model": "net",
        "xscore": 0.7,
        "accuracies": {"digits": 0.5},
    }
    trial |= {"params": 2_300_000, "macs": 80_000_000}
    return {
        "search": {
            "datasets": ["digits", "elpv"],
            "best_reference": {"model": "mobilenetv2", "xscore": 0.8},
            "rival": "mobilenetv2",
            "fidelity_rank_correlation": 0.75,
        },
        "trials": [
            trial,
            trial | {"number": 1, "known": True, "xscore": 1.0, "model": "net+kernel=5"},
            trial | {"number": 2, "state": "pruned", "xscore": None},
            trial | {"number": 3, "state": "failed", "xscore": None, "accuracies": None, "params": None, "macs": None},
        ],
        "pareto": None,
        "finalists": [winner],
        "best": winner if best else None,
        "cost": {"training_seconds": {"references": 60.0, "trials": 120.0, "finale": 90.0, "all": 270.0}},
    }


@pytest.fixture(scope="module")
def analysis():
    return analyse([dataclasses.replace(made_study(datasets=3, seeds=2), search=found())])


def test_it_says_what_survived_and_what_it_cost(analysis):
    said = text(analysis, "markdown")
    assert "4 trials: 2 complete, 1 stopped early, 1 failed; 1 of them known before" in said
    assert "less that of mobilenetv2, the best reference on validation data: +0.200 (95 % +0.020 to +0.180) on" in said
    assert "+0.100 (95 % +0.020 to +0.180) on test data" in said
    assert "On test data it is ahead of 2 of 2 references, undecided against starnet." in said
    assert "50 % of the gain survived" in said
    assert "Training took 4.5 minutes: 1.0 for references, 2.0 for trials, 1.5 for the final table." in said
    assert "| made-trial1 | net+kernel=5 |" in said


@pytest.mark.slow
def test_the_page_and_the_plot_show_it(analysis):
    assert '<section id="search">' in text(analysis, "html")
    assert written(plots(analysis)["search"], "png", FILE).startswith(b"\x89PNG")


@pytest.mark.parametrize(("second", "value"), [("macs", 80_000_000), ("latency_ms", 1.5)])
def test_a_second_objective_has_a_front(analysis, second, value):
    two = found()
    two["search"] = two["search"] | {"second_objective": second}
    for trial in two["trials"]:
        trial |= {"latency_ms": None} | ({second: value + trial["number"]} if trial["xscore"] is not None else {})
    both = with_search(analysis, two | {"pareto": [1, 0]})
    drawn = plots(both)["search-front"]
    assert drawn.alt == "Trials 0, 1 are beaten in both by none."
    assert written(drawn, "png", FILE).startswith(b"\x89PNG")
    heads = [column.title for column in trials(both.material.search).columns]
    assert ("latency (ms)" in heads) == (second == "latency_ms")
    assert "search-front" not in plots(analysis)


def test_a_search_that_found_nothing_says_the_rest(analysis):
    nothing = found(best=False) | {"finalists": [], "trials": found()["trials"][2:]}
    said = text(with_search(analysis, nothing), "markdown")
    assert "2 trials: 1 stopped early, 1 failed" in said
    assert "winner" not in said
