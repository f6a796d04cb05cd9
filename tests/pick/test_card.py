"""The card as a reader has it, of a document alone."""

from __future__ import annotations

import copy
import re
from collections import defaultdict
from types import SimpleNamespace

import numpy as np
import pytest

from archlab.data.readers.file_names import originals
from archlab.data.readers.series import told_of_series
from archlab.pick import findings
from archlab.pick.card import card_html, card_markdown
from archlab.pick.card_words import NO_TIME, short
from archlab.report.markdown import for_markdown

HOSTILE = "<img src=x onerror=alert(1)>|*[a](javascript:b)"


def whole(classes=("cat", "dog", "hen"), **changes):
    """A complete document, of counts that are made up."""
    count = len(classes)
    confusion = [[20 if row == column else (row + column) % 3 for column in range(count)] for row in range(count)]
    total = sum(map(sum, confusion))
    found = {
        "version": 1,
        "archlab": "0.1.0",
        "command": "archlab pick photos --within 1h",
        "hardware": "a machine",
        "started": "2026-01-02T03:04:05+00:00",
        "seconds": 3480.0,
        "within": 3600.0,
        "ended": "finished",
        "data": {
            "name": "photos",
            "source": "photos",
            "classes": list(classes),
            "images": {"train": 800, "validation": 90, "test": total},
            "largest": {"class": classes[0], "share": 0.41},
            "smallest": {"class": classes[-1], "images": 12},
            "identical": 3,
            "near": 12,
            "own_splits": ["train", "test"],
            "groups": None,
            "pixels": 160,
            "lines": ["One line.", "Another."],
            "remarks": [],
        },
        "limits": {"params": 2_500_000, "macs": None, "peak_memory": 262_144, "flash": None, "latency_ms": 5.0},
        "metric": "accuracy",
        "resolution": {"pixels": 96, "tried": [], "why": "Larger ones take too long."},
        "early": None,
        "raced": True,
        "rungs": [{"steps": {"starnet": 60}, "models": 1, "seeds": {"starnet": 1}}],
        "candidates": [candidate("starnet", 0.83, None), candidate("convnext", None, "not reached")],
        "left_out": [],
        "runner_up": runner_up(0.011, -0.004, 0.026, seeds=3),
        "training": {
            "model": "starnet",
            "steps": 2400,
            "recipe": {"lr": 0.004, "augment": {"flip": True}},
            "tuned": {},
            "started_from": None,
            "seeds": [],
            "chosen": "0" * 64,
            "value": 0.85,
            "trainings": 3,
            "long": False,
        },
        "validation": {"images": 90, "accuracy": {"value": 0.85, "low": 0.76, "high": 0.91}},
        "repeat": ["archlab train winner.yaml --dataset photos --recipe recipe.yaml --seed 0"],
        "repeats_exactly": True,
        "test": {
            "images": total,
            "metrics": {"accuracy": {"value": 0.85, "low": 0.75, "high": 0.92}},
            "guess": {"class": classes[0], "accuracy": 0.4},
            "recall": [
                {"class": name, "images": sum(row), "recall": 20 / sum(row), "low": 0.5, "high": 1.0}
                for name, row in zip(classes, confusion, strict=True)
            ],
            "confusion": confusion,
        },
        "files": [
            file("model.onnx", "float", None),
            file("model-int8.onnx", "int8", {"value": 0, "low": -0.1, "high": 0.1}),
        ],
        "int8": {
            "asked": False,
            "holds": True,
            "way": "min-max",
            "moved": 0.004,
            "judged_on": "validation",
            "why": None,
        },
        "cost": {
            "params": 2_400_000,
            "params_deployed": 2_300_000,
            "macs": 9e7,
            "macs_deployed": 7e7,
            "peak_memory": 200_000,
            "flash": 2_300_000,
        },
    }
    return {**copy.deepcopy(found), **changes}


def candidate(model, value, out):
    settings = {"params": 2_400_000, "macs": 90_000_000, "width": 1.0, "prior": 0.5, "rung": 1, "seeds": 1}
    return {"model": model, **settings, "value": value, "out": out}


def runner_up(difference, low, high, seeds=2):
    ends = {"difference": difference, "low": low, "high": high}
    return {"model": "convnext", **ends, "seeds": seeds, "steps": {"starnet": 60, "convnext": 80}}


def file(name, precision, drop):
    share = {"accuracy": 0.85, "low": 0.75, "high": 0.92, "drop": drop}
    time = {"latency_ms": 1.25, "latency_low_ms": 1.2, "latency_high_ms": 1.3, "hardware": "a CPU"}
    return {"file": name, "format": "onnx", "precision": precision, "bytes": 9_600_000, **share, **time}


def in_both(document, *words):
    """Whether each is there in Markdown and on the page."""
    pages = card_markdown(document), re.sub(r"\s+", " ", re.sub("<[^>]+>", "", card_html(document)))
    return [all(word in page for page in pages) for word in words]


def test_the_first_lines_say_what_it_is_how_good_and_what_guessing_gives():
    document = whole()
    first = "\n".join(card_markdown(document).splitlines()[:6])
    n = document["test"]["images"]
    assert first.startswith("# starnet for photos\n") and "trained on 800 images of 3 classes: cat, dog, hen." in first
    assert f"right on 85.0 % (75.0 to 92.0, 95 % over images) of {n} test images" in first
    assert "Guessing the largest class, cat, each time would give 40.0 %." in first
    assert all(in_both(document, "2.3 M", "9.6 MB", "195.3 KiB", "1.25 ms"))


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(-0.004, 0.026, "not told apart"), (0.004, 0.026, "); told apart"), (0.0, 0.02, "not told apart")],
)
def test_the_runner_up_is_told_apart_only_where_the_interval_leaves_out_0(low, high, said):
    document = whole(runner_up=runner_up(0.011, low, high))
    assert in_both(document, "The runner-up is convnext, 1.1 points behind", said) == [True, True]


def test_a_runner_up_that_is_ahead_has_the_interval_of_its_lead():
    document = whole(runner_up=runner_up(-0.011, -0.026, 0.004))
    said = "1.1 points ahead on validation images after 60 to 80 steps (−0.4 to 2.6, 95 %); not told apart"
    assert in_both(document, said) == [True]


def test_numbers_are_of_what_ships_and_times_of_what_it_is_given():
    document = whole()
    said = "of 2.3 M parameters", "adds 70 M times", "for one image of 160 pixels, as predict.py reads it"
    assert all(in_both(document, *said))
    assert not any(in_both(document, "2.4 M", "90 M"))


@pytest.mark.parametrize(
    ("images", "guessed", "always"),
    [
        ((9, 5, 5), "the largest class, cat,", "cat"),
        ((9, 9, 5), "one of the largest classes", "one of the largest classes"),
        ((9, 9, 9), "one class", "one class"),
    ],
)
def test_the_largest_class_is_named_where_it_is_one(images, guessed, always):
    document = whole()
    for each, count in zip(document["test"]["recall"], images, strict=True):
        each["images"] = count
    document["test"]["metrics"]["accuracy"] |= {"low": 0.3}
    said = f"Guessing {guessed} each time would give 40.0 %.", f"no better than always saying {always}: "
    assert all(in_both(document, *said, f"guessing {guessed.partition(',')[0]}"))


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


def test_it_says_which_weights_it_started_from():
    training = {**whole()["training"], "started_from": "imagenet"}
    assert all(in_both(whole(training=training), "for 2,400 steps from weights of imagenet."))
    assert all(in_both(whole(), "for 2,400 steps from random weights."))


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


def test_what_did_not_race_may_have_been_trained():
    document = whole(left_out=[{"model": "mobilevit", "why": "takes 9 ms"}])
    assert in_both(document, "Candidates that did not race.", "never trained") == [True, False]


@pytest.mark.slow
def test_of_a_long_table_the_page_says_where_all_of_it_is():
    page = card_html(whole(classes=[f"class {at}" for at in range(501)]))
    assert "The first 500; all are in pick.json." in page


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


def test_other_metrics_stand_beside_accuracy():
    document = whole(metric="log_loss")
    document["test"]["metrics"]["log_loss"] = {"value": 0.5, "low": 0.4, "high": 0.61}
    assert in_both(
        document, "Its log loss, by which it was chosen on other images, is 0.500 nats (0.400 to 0.610)."
    ) == [True]
    document["test"]["metrics"]["log_loss"] = {"value": None, "low": None, "high": None}
    assert in_both(document, "Its log loss is not defined on these images.") == [True]


def test_names_of_others_act_nowhere():
    document = whole(classes=(HOSTILE, "`x`", "a\u202eb\x1b[2J\uffff"), command=f"archlab pick '{HOSTILE}```'")
    document["data"]["name"] = document["left_out"] = HOSTILE
    document["left_out"] = [{"model": HOSTILE, "why": "\ud800"}]
    page, markdown = card_html(document), card_markdown(document)
    for text in (page, markdown):
        assert "\u202e" not in text and "\x1b" not in text and text.encode()
    assert "<img" not in page and "&lt;img src=x" in page
    outside = re.sub("(?s)\n(`{3,})\n.*?\n\\1\n", "\n", markdown)
    assert HOSTILE not in outside and for_markdown(HOSTILE) in outside
    assert "\n````\narchlab pick" in markdown, "a fence that no name closes"


def test_many_classes_are_not_a_table_of_all_confusions():
    document = whole(classes=[f"class {at}" for at in range(60)])
    markdown, page = card_markdown(document), card_html(document)
    assert "the worst 20 of 60 classes" in markdown and markdown.count("\n| class ") == 21
    assert "the 20 of 60 classes most often confused" in page and "How many test images of each class" not in page
    assert "How many test images of each class" in card_markdown(whole())


def test_early_interruptions_leave_little_and_a_card_all_the_same():
    document = whole(rungs=[], candidates=[], runner_up=None, ended="interrupted", repeat=[])
    document["training"] |= {"seeds": [], "tuned": {}, "value": None}
    assert all(in_both(document, "It ended before candidates could be held against each other."))
    assert "The runner-up" not in card_markdown(document) and card_html(document).startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("raced", "rungs", "said"),
    [
        (True, 1, "Each candidate was trained for the same time: "),
        (True, 2, "Each rung trains its candidates anew"),
        (False, 1, "each was trained a little: "),
        (False, 2, "each was trained a little first, then for long: "),
    ],
)
def test_what_is_told_of_the_race_is_what_there_was(raced, rungs, said):
    assert in_both(whole(raced=raced, rungs=rungs * whole()["rungs"]), said) == [True]


def test_seeds_of_a_rung_are_told_from_the_fewest_to_the_most():
    rung = {"steps": {"starnet": 60, "convnext": 80}, "models": 2, "seeds": {"starnet": 2, "convnext": 1}}
    assert in_both(whole(rungs=[rung]), "2 models for 60 to 80 steps with 1 to 2 seeds.") == [True]


def test_without_a_long_training_it_says_of_how_many_it_is_the_best():
    assert in_both(whole(), "There was no longer training: it is the best of 3.") == [True]


@pytest.mark.parametrize(("count", "said"), [(1, False), (2, True)])
def test_the_best_of_several_is_told_only_where_there_are_several(count, said):
    one = {"model": "starnet", "seed": 0, "key": "0" * 64, "steps": 9, "augmentation": "plain", "value": 0.85}
    training = {**whole()["training"], "long": True, "seeds": count * [one]}
    words = "the one that ships is the best", "on others it is likely a little worse."
    assert in_both(whole(training=training), *words) == [said, said]


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


@pytest.mark.parametrize(("exactly", "said"), [(True, "to the last digit"), (False, "but for the noise of a GPU")])
def test_how_exactly_it_can_be_repeated_is_told(exactly, said):
    rests_on = "With the same images, store, versions, machine and working directory these commands give the same"
    assert in_both(whole(repeats_exactly=exactly), f"{rests_on} network, {said}") == [True]


def test_in_print_commands_are_whole_and_the_right_versions_are_installed():
    page = card_html(whole())
    assert re.search(r"@media print \{ \.commands \{ overflow: visible; white-space: pre-wrap;", page)
    assert all(in_both(whole(), "pip install --upgrade onnxruntime pillow"))


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (999, "999"),
        (999_400, "999 K"),
        (999_500, "1 M"),
        (999_999, "1 M"),
        (2_490_000, "2.49 M"),
        (1e9, "1 G"),
    ],
)
def test_numbers_have_the_unit_that_they_round_to(number, said):
    assert short(number) == said


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1200])
def test_the_page_needs_nothing_and_fits(browser, tmp_path, width, theme):
    path = tmp_path / "card.html"
    path.write_text(card_html(whole(classes=[f"class {at}" for at in range(30)])), encoding="utf-8")
    written = path.read_text(encoding="utf-8")
    links = re.findall(r'(?:src|href)="([^"]*)"', written)
    assert links and all(link.startswith("#") or link == "data:," for link in links) and "#00000" not in written
    browser.open(path, width=width, theme=theme)
    assert browser.complaints() == []
    assert browser.run("return document.documentElement.scrollWidth") <= width
    ids = browser.run("return [...document.querySelectorAll('[id]')].map((element) => element.id)")
    assert len(ids) == len(set(ids))
    assert browser.run("return [...document.links].every((link) => document.getElementById(link.hash.slice(1)))")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_the_page(browser, axe, tmp_path, theme):
    path = tmp_path / "card.html"
    path.write_text(card_html(whole(left_out=[{"model": "mobilevit", "why": "takes 9 ms"}])), encoding="utf-8")
    browser.open(path, width=375, theme=theme)
    browser.run("document.querySelectorAll('details').forEach((details) => (details.open = true))")
    assert browser.violations(axe) == []
