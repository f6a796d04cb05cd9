"""A study's answer in words: what is decided, what is open, and what would decide it."""

import math

import pandas as pd

from archlab.scoring import Effects, Matters, answer, effects
from tests.scoring.simulated import simulate, table_of
from tests.scoring.test_effects import MODELS, study


def test_an_open_answer_says_how_many_seeds_would_decide_it():
    _, found = study(seeds=5)
    rows = found.rows[found.rows["option"].isin(["vit"]) & (found.rows["against"] == "none")]
    needed = rows.loc[(rows["measure"] == "xscore") & (rows["kind"] == "equal_budget"), "seeds_needed"].iloc[0]
    said = answer(Effects(rows))
    expected = "is too small to decide." if math.isnan(needed) else f"about {needed:.0f} seeds would be needed"
    assert "but this is undecided: " in said and expected in said


def test_an_option_without_a_whole_dataset_is_answered_by_what_is_there():
    table = simulate(table_of({"base": [0.5, 0.6], "se": [0.9, 0.6]}), 0.005, 4, seed=3)
    found = effects(table[(table["model"] != "se") | (table["dataset"] != "d1")], [MODELS[0], MODELS[3]], "base", None)
    said = answer(found)
    assert "attention=se is better than none on d0 (+" in said
    assert said.endswith("attention cannot be answered over all datasets: runs are missing.")


def test_the_answer_begins_with_the_choice_of_which_something_is_decided():
    models = [
        {"model": "base", "options": {"kernel": "3", "attention": "none"}, "kind": None},
        {"model": "five", "options": {"kernel": "5"}, "kind": "equal_budget"},
        {"model": "se", "options": {"attention": "se"}, "kind": "equal_budget"},
        {"model": "eca", "options": {"attention": "eca"}, "kind": "equal_budget"},
    ]
    expected = {"base": [0.5, 0.6], "five": [0.501, 0.6], "se": [0.4, 0.5], "eca": [0.5, 0.6]}
    table = simulate(table_of(expected), 0.01, 5, seed=3)
    table = table[(table["model"] != "eca") | (table["dataset"] != "d1")]
    said = answer(effects(table, models, "base", None))
    assert said.startswith("At equal budget, attention=none is better than se (")
    assert said.index("attention=eca cannot be compared") < said.index("kernel=") and "undecided" in said


def test_what_an_earlier_round_has_decided_is_the_answer_whatever_it_looks_like_now():
    row = {"of": "effect", "choice": "attention", "option": "se", "against": "none", "kind": "equal_budget"}
    row |= {"dataset": None, "measure": "points", "difference": -0.1, "low": -1.0, "high": 2.0, "verdict": "better"}
    said = answer(Effects(pd.DataFrame([row | {"about": True}])))
    assert said == "At equal budget, attention=se is better than none (-0.10 points, 95 % -1.00 to +2.00)."


def told(*rows, matters=None, seconds=None):
    """The answer to rows (option, against, measure, dataset, difference, verdict, seeds needed, images needed)."""
    names = ("option", "against", "measure", "dataset", "difference", "verdict", "seeds_needed", "images_needed")
    made = [dict(zip(names, row, strict=True)) for row in rows]
    frame = pd.DataFrame(
        {
            **row,
            "of": "effect",
            "choice": "c",
            "kind": "raw",
            "low": row["difference"] - 1,
            "high": row["difference"] + 1,
            "decided": row["verdict"] != "undecided",
            "about": False,
            "models": (row["option"], row["against"]),
            "seeds": 4,
            "most_seeds": 4,
        }
        for row in made
    )
    return answer(Effects(frame, matters=Matters(**matters or {})), seconds)


NAN = math.nan


def test_what_is_decided_in_points_or_on_single_datasets_comes_before_the_leader_and_what_is_open():
    said = told(
        ("a", "base", "points", "d1", -12.0, "worse", NAN, NAN),
        ("b", "base", "points", "d2", 3.0, "better", NAN, NAN),
        ("a", "base", "points", None, -9.2, "worse", NAN, NAN),
        ("a", "base", "xscore", None, -0.3, "undecided", 158, NAN),
        ("b", "base", "xscore", None, 0.01, "undecided", NAN, 3.24),
    )
    assert said == (
        "With the edit alone, parameters as they fall, c=a is worse than base (-9.20 points, 95 % -10.20 to -8.20); "
        "c=b is better than base on d2 (+3.00 points, 95 % +2.00 to +4.00). Of the rest, c=b scores highest "
        "(+0.010 of xScore over base), but this is undecided: no number of seeds decides it, 3.2 times the test images would."
    )


def test_no_difference_that_matters_and_the_time_that_seeds_take():
    rows = [
        ("a", "base", "points", None, 0.2, "undecided", 10, NAN),
        ("b", "base", "points", None, -0.1, "same", NAN, NAN),
    ]
    said = told(*rows, matters={"points": 1}, seconds={"a": 60.0, "base": 60.0, "b": 1.0})
    assert "c=b makes no difference that matters (1 point) to base (-0.10 points, 95 % -1.10 to +0.90)" in said
    assert said.endswith(
        "about 10 seeds would be needed to decide a difference as small as this, 12 min 00 s of work on this machine."
    )
    assert told(*rows, matters={"points": 1}, seconds={"a": 60.0}).endswith("a difference as small as this.")
