"""The card as a reader has it, of a document alone."""

from __future__ import annotations

import re

import pytest

from archlab.pick.card import card_html, card_markdown
from archlab.pick.card_words import short
from archlab.report.markdown import for_markdown
from tests.pick.made_card import in_both, runner_up, whole

HOSTILE = "<img src=x onerror=alert(1)>|*[a](javascript:b)"


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


def test_it_says_which_weights_it_started_from():
    training = {**whole()["training"], "started_from": "imagenet"}
    assert all(in_both(whole(training=training), "for 2,400 steps from weights of imagenet."))
    assert all(in_both(whole(), "for 2,400 steps from random weights."))


def test_what_did_not_race_may_have_been_trained():
    document = whole(left_out=[{"model": "mobilevit", "why": "takes 9 ms"}])
    assert in_both(document, "Candidates that did not race.", "never trained") == [True, False]


@pytest.mark.slow
def test_of_a_long_table_the_page_says_where_all_of_it_is():
    page = card_html(whole(classes=[f"class {at}" for at in range(501)]))
    assert "The first 500; all are in pick.json." in page


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
