"""What a reader of the card is to mind: leaks, groups, a test unlike the rest, limits, what there was no time for."""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace

import numpy as np
import pytest

from archlab.data.readers.file_names import originals
from archlab.data.readers.series import told_of_series
from archlab.pick import findings
from archlab.pick.card import card_markdown
from archlab.pick.card_words import NO_TIME
from archlab.report.markdown import for_markdown
from tests.pick.made_card import candidate, in_both, whole


def test_remarks_on_the_images_are_told_and_leaks_are_to_be_minded():
    copies = findings._on_copies({"identical": 3, "near": 0, "across": {"identical": 2, "near": 0}})
    inspection = SimpleNamespace(conflicts=[], split_groups=2)
    values = defaultdict(list, {"unreadable": ["a.png"]})
    remarks = findings._remarks(values, SimpleNamespace(notes=[]), inspection, "near", 65535)
    document = whole()
    document["data"] |= {"lines": [copies], "remarks": remarks}
    assert len(remarks) == 2 and all(in_both(document, copies, *remarks))
    first, second, *others = (line for line in card_markdown(document).splitlines() if "**Mind:**" in line)
    assert first.endswith("**Mind:** 2" + copies.partition("Careful: 2")[2]) and "2 groups" in second
    assert not any("cannot be read" in line for line in others)


def test_of_images_in_groups_it_is_to_be_minded_that_intervals_count_single_ones():
    inspection = SimpleNamespace(conflicts=[], split_groups=0)
    remarks = findings._remarks(defaultdict(list, groups=15), SimpleNamespace(notes=[]), inspection, "near", 65535)
    document = whole()
    document["data"]["remarks"] = remarks
    assert f"**Mind:** {remarks[0]}" in card_markdown(document) and "counts each by itself" in remarks[0]


def test_what_names_tell_of_series_and_copies_that_may_be_on_two_sides_is_to_be_minded():
    names = [f"film{film}_{frame}.jpg" for film in range(10) for frame in range(4)]
    series = told_of_series([f"cat/{name}" for name in names], names, np.zeros(len(names), np.int64))
    _, copies = originals(["cat/leaf_aug1.jpg", "cat/tree.jpg"])
    inspection, listing = SimpleNamespace(conflicts=[], split_groups=0), SimpleNamespace(notes=[series, *copies])
    remarks = findings._remarks(defaultdict(list), listing, inspection, "near", 65535)
    document = whole()
    document["data"]["remarks"] = remarks
    assert len(remarks) == 2 and "seem to be of 10 series" in remarks[0] and "of what is not there" in remarks[1]
    assert all(f"**Mind:** {for_markdown(remark)}" in card_markdown(document) for remark in remarks)


def test_what_was_chosen_by_another_metric_is_held_against_guessing_by_accuracy_alone():
    document = whole(metric="balanced_accuracy")
    document["test"]["metrics"] |= {"balanced_accuracy": {"value": 0.8, "low": 0.7, "high": 0.9}}
    document["test"]["metrics"]["accuracy"] |= {"low": 0.3}
    assert all(in_both(document, "By accuracy, which it was not chosen by, it may be no better than always saying cat"))


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"moved": 0.0104}, ("and does not hold. The best way", "by 1.04 points on average, and 1 is the most")),
        ({"why": "made up"}, ("and could not be made. There is no int8 file: made up.",)),
    ],
)
def test_int8_that_was_asked_for_in_vain_is_told(told, said):
    document = whole()
    document["int8"] |= {"asked": True, "holds": False, **told}
    assert all(in_both(document, *said))


def test_limits_of_memory_are_of_8_bits_and_what_is_in_float_takes_more():
    document, words = whole(), "The limits of memory are of 8 bits a value"
    assert in_both(document, words) == [False]
    document["int8"]["way"] = "percentile 99.99, layers.0, layers.2 in float"
    said = f"{words}, and the int8 file has layers in float (percentile 99.99, layers.0, layers.2 in float)"
    assert in_both(document, said) == [True]
    del document["files"][1]
    document["int8"] |= {"holds": False, "way": None, "moved": 0.03}
    assert in_both(document, f"{words}, and there is no int8 file: in float all of it takes four times") == [True]
    document["limits"] |= {"peak_memory": None}
    assert in_both(document, words) == [False]


def test_what_a_reader_must_mind_is_said():
    document = whole(ended="interrupted", early="It was interrupted: this is the best until then.")
    document["test"]["metrics"]["accuracy"] |= {"low": 0.39}
    document["test"]["recall"][1]["images"] = 4
    document["files"][0]["latency_ms"] = 7.0
    document["cost"]["peak_memory"] = 300_000
    words = (
        "It was interrupted",
        "no better than always saying cat",
        "leave the accuracy an interval of 53.0 points",
        "dog (4)",
    )
    words += (
        "it takes more: model.onnx 7 ms",
        "262,144 were asked for, and it has 300,000",
        "of every image, also of one",
    )
    assert all(in_both(document, *words)), in_both(document, *words)
    plain = card_markdown(whole())
    assert not [word for word in words[:4] + words[4:6] if word in plain.replace("to within 17.0", "")]


@pytest.mark.parametrize(("why", "said"), [(NO_TIME, True), ("1.2 points behind in the end", False)])
def test_candidates_that_had_no_time_are_counted(why, said):
    document = whole(candidates=[candidate("starnet", 0.83, None), candidate("convnext", None, why)])
    assert in_both(document, "There was no time to try 1 of 2 candidates: with more (--within) they race.") == [said]


def with_accuracies(validation, test, **data):
    """Value, low and high of each."""
    document = whole()
    ends = "value", "low", "high"
    document["data"] |= data
    document["validation"]["accuracy"] = dict(zip(ends, validation, strict=True))
    document["test"]["metrics"]["accuracy"] = dict(zip(ends, test, strict=True))
    return document


@pytest.mark.parametrize(
    ("validation", "test", "than"),
    [
        ((0.95, 0.91, 0.97), (0.74, 0.71, 0.77), "harder"),
        ((0.6, 0.55, 0.65), (0.7, 0.68, 0.72), "easier"),
        ((0.95, 0.91, 0.97), (0.85, 0.78, 0.92), None),
        ((0.8, 0.79, 0.81), (0.76, 0.75, 0.77), None),
    ],
    ids=["harder", "easier", "intervals-meet", "little"],
)
def test_a_test_unlike_the_images_it_was_chosen_by_is_told(validation, test, than):
    document = with_accuracies(validation, test)
    said = f"On 90 validation images, by which it was chosen, it is right on {100 * validation[0]:.1f} % "
    assert in_both(document, said, "than these, and new ones may be like either.") == [bool(than), bool(than)]
    assert not than or all(in_both(document, f"the test images are {than} than these"))


HARD, EASY = (0.74, 0.71, 0.77), (0.95, 0.91, 0.97)


@pytest.mark.parametrize(
    ("validation", "test", "own", "groups", "drawn"),
    [
        (EASY, HARD, ["train", "test"], None, "validation"),
        (EASY, HARD, ["train", "test"], 9, None),
        (EASY, HARD, [], None, None),
        (EASY, HARD, ["train", "validation", "test"], None, None),
        (EASY, HARD, ["train", "validation"], None, None),
        (HARD, EASY, ["train", "validation"], None, "test"),
        (HARD, EASY, ["train", "test"], None, None),
    ],
)
def test_series_are_to_be_named_where_what_is_easier_was_drawn_and_the_other_part_was_not(
    validation, test, own, groups, drawn
):
    document = with_accuracies(validation, test, own_splits=own, groups=groups)
    advice = "--series or a table that names these (--group-column)"
    assert in_both(document, advice, f"the {drawn} images were drawn from the others") == [bool(drawn), bool(drawn)]


def test_of_a_test_that_is_much_harder_it_is_not_said_that_it_is_a_little_worse():
    document = with_accuracies((0.95, 0.91, 0.97), (0.74, 0.71, 0.77))
    one = {"model": "starnet", "seed": 0, "key": "0" * 64, "steps": 9, "augmentation": "plain", "value": 0.95}
    document["training"] |= {"long": True, "seeds": 2 * [one]}
    assert in_both(document, "the one that ships is the best on validation images", "a little worse") == [True, False]
