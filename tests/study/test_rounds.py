"""Who gets more seeds in the next round, and how many."""

import dataclasses
import math

import pandas as pd
import pytest

from archlab.scoring import Effects
from archlab.study.rounds import SeedRounds, counts, moving, next_count, open_contrasts, seeds_in_order


def rows_of(*rows):
    names = ("of", "option", "against", "verdict", "chance")
    made = [dict(zip(names, row, strict=True)) for row in rows]
    more = {"choice": "c", "measure": "points", "about": True}
    rows = [
        {**row, **more, "decided": row["verdict"] != "undecided", "models": (row["option"], row["against"])}
        for row in made
    ]
    return Effects(pd.DataFrame(rows))


def test_what_cannot_be_decided_or_has_no_consequence_gets_no_seeds():
    nan = math.nan
    found = rows_of(
        ("effect", "a", "base", "worse", nan),
        ("effect", "b", "base", "undecided", 0.04),
        ("effect", "c", "base", "undecided", 0.06),
        ("comparison", "a", "c", "undecided", 0.9),  # a is not the best, whatever c is
        ("comparison", "b", "c", "undecided", nan),  # nothing is known yet
    )
    assert list(open_contrasts(found).index) == [2, 4]
    assert moving(found, ()) == ["c", "base", "b"]
    assert moving(found, {"b"}) == ["c", "base"]
    rounds = SeedRounds([0, 1], 4, ["base", "a", "b", "c"], ["digits"])
    assert rounds.go_on(found) and rounds.new == {(model, "digits", 2) for model in ("base", "b", "c")}
    settled = rows_of(("effect", "a", "base", "same", nan), ("effect", "b", "base", "undecided", 0.01))
    assert not rounds.go_on(settled) and rounds.looks == [{"digits": 2}, {"digits": 3}]


@pytest.mark.parametrize(
    ("seeds", "most", "expected"),
    [([0, 1], 4, [0, 1, 2, 3]), ([5, 1], 5, [5, 1, 0, 2, 3]), ([0, 7, 3], 3, [0, 7, 3]), ([2**62], 2, [2**62, 0])],
)
def test_seeds_after_those_of_the_study(seeds, most, expected):
    assert seeds_in_order(seeds, most) == expected


def test_a_dataset_whose_seeds_agree_gets_fewer_of_them():
    found = dataclasses.replace(rows_of(("effect", "a", "base", "undecided", 0.9)), shares={"noisy": 1.0, "calm": 0.4})
    rounds = SeedRounds([0, 1], 8, ["base", "a"], ["noisy", "calm", "unseen"])
    looks = [dict(rounds.looks[-1]) for _ in iter(lambda: rounds.go_on(found), False)]
    assert [look["noisy"] for look in looks] == [look["unseen"] for look in looks] == [3, 4, 5, 6, 7, 8]
    assert [look["calm"] for look in looks] == [2, 2, 2, 3, 3, 4]
    assert rounds.new == {
        (model, *cell) for model in ("base", "a") for cell in (("noisy", 7), ("unseen", 7), ("calm", 3))
    }


def test_rounds_grow_one_by_one_at_first_and_end_at_the_most():
    assert counts(2, 30) == [2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 17, 20, 24, 30]
    assert all(count < next_count(count, most) <= most for most in range(3, 80) for count in range(2, most))


def test_one_seed_becomes_two_and_a_plain_number_has_a_default_of_most():
    rounds = SeedRounds([4], None, ["a", "b"], ["digits"])
    assert (rounds.first, rounds.most) == ([4, 0], 30)
    assert rounds.new == {(model, "digits", seed) for model in ("a", "b") for seed in (4, 0)}
