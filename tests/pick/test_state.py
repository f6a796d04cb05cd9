"""What of all that was trained may ship, and who races where a latency leaves nobody."""

from __future__ import annotations

import dataclasses
import json
import math
from types import SimpleNamespace

import pytest

from archlab.budget import Budget
from archlab.foundation import UserError
from archlab.foundation.metric import METRICS
from archlab.pick import picking
from archlab.pick.candidates import NobodyFitsError
from archlab.pick.resolution import Resolution
from archlab.pick.state import State
from archlab.runs import Run


def state(latency=None, pixels=None, candidates=()):
    return State(
        SimpleNamespace(budget=Budget(2_500_000, latency=latency)),
        SimpleNamespace(),
        Resolution(pixels, "chosen") if pixels else None,
        [SimpleNamespace(name=name) for name in candidates],
    )


def attempt(name, pixels):
    return SimpleNamespace(candidate=SimpleNamespace(name=name), run=SimpleNamespace(resolution=pixels))


@pytest.mark.parametrize(
    ("known", "may_ship"),
    [
        ({}, {("a", 32), ("a", 64), ("b", 64)}),
        ({"pixels": 64}, {("a", 64), ("b", 64)}),
        ({"pixels": 64, "candidates": ["b"]}, {("b", 64)}),
        ({"latency": 5.0}, set()),  # nobody knows yet whether they keep it
        ({"latency": 5.0, "pixels": 64}, set()),
        ({"latency": 5.0, "pixels": 64, "candidates": ["b"]}, {("b", 64)}),
    ],
)
def test_what_keeps_the_limits_at_the_pixels_that_were_chosen_may_ship(known, may_ship):
    trained = [("a", 32), ("a", 64), ("b", 64)]
    assert {each for each in trained if state(**known).may_ship(attempt(*each))} == may_ship


@pytest.fixture
def fitting(monkeypatch):
    """fitting(most) lets candidates keep the limits up to so many pixels; gives those that were asked about."""

    def fitting(most):
        asked = []

        def field(state, store, pixels, limits, say, fits):
            asked.append(pixels)
            if pixels > most:
                raise NobodyFitsError("no model keeps the budget", (pixels / most) ** 2 if most else math.inf)
            return [SimpleNamespace(name="a")], []

        monkeypatch.setattr(picking, "_field", field)
        return asked

    return fitting


@pytest.mark.parametrize(("most", "pixels"), [(96, 96), (64, 64), (50, 48), (32, 32)])
def test_a_latency_that_nobody_keeps_at_the_chosen_pixels_takes_fewer_by_how_far_it_was_missed(fitting, most, pixels):
    asked, found = fitting(most), state(5.0, 96)
    picking._choose_field(found, None, [32, 48, 64], lambda words: None, lambda names: True)
    assert asked == list(dict.fromkeys([96, pixels])), "each side that is asked about costs a minute"
    assert found.resolution.pixels == pixels and [each.name for each in found.candidates] == ["a"]
    assert ("keep the latency" in found.resolution.why) == (pixels != 96)


@pytest.mark.parametrize("latency", [5.0, None])
def test_where_nobody_keeps_the_limits_that_is_said(fitting, latency):
    asked, found = fitting(0), state(latency, 96)
    with pytest.raises(UserError, match="no model keeps the budget"):
        picking._choose_field(found, None, [32, 48, 64], lambda words: None, lambda names: True)
    assert asked == ([96, 64, 48, 32] if latency else [96])
    assert not found.may_ship(attempt("a", 32)) or not latency


@pytest.mark.parametrize(
    ("metric", "value", "other", "leaves"),
    [
        ("accuracy", 0.9, {}, False),
        ("accuracy", 0.7, {}, True),
        ("log_loss", 0.7, {}, False),
        ("log_loss", 0.9, {}, True),
        ("accuracy", 0.9, {"limits": {"params": 2}}, True),
        ("accuracy", 0.9, {"data": {"name": "others"}}, True),
        ("accuracy", 0.9, {"metric": "auroc"}, True),
    ],
)
def test_an_early_end_leaves_the_better_folder_of_another_command_for_the_same(tmp_path, metric, value, other, leaves):
    found, asked = state(), {"limits": {"params": 1}, "metric": metric}
    found.request = SimpleNamespace(budget=Budget(2_500_000), output=tmp_path, **asked)
    found.described = SimpleNamespace(facts={"name": "photos"})
    before = {**dict.fromkeys(("version", "archlab", "command", "files")), **asked, "data": {"name": "photos"}}
    before |= {"training": {"value": value}, **other}
    (tmp_path / "pick.json").write_text(json.dumps(before))
    trained, said = SimpleNamespace(candidate=SimpleNamespace(name="a"), worth=0.8), []
    trainer = SimpleNamespace(attempts={"key": trained}, metric=METRICS[metric], value=lambda attempt: attempt.worth)
    shown = SimpleNamespace(say=said.append)
    assert picking._leaves_more(found, trainer, SimpleNamespace(trained=0), shown) == leaves
    assert any("stays as it is" in words for words in said) != leaves


def test_what_ships_is_tested_on_the_images_by_the_name_that_they_have_now(tmp_path, monkeypatch):
    """They were called otherwise when the same run was trained, and others are called so by now."""
    of_then = Run({}, 1.0, 2, "photos", "0" * 64, 32, None, {}, 0, "")
    network, left = SimpleNamespace(run=of_then), []
    for name, made in (("to_ship", SimpleNamespace(run=of_then)), ("load", network), ("document", {})):
        monkeypatch.setattr(picking, name, lambda *_, made=made, **__: made)
    monkeypatch.setattr(picking, "write_folder", lambda network, *_, **__: left.append(network.run))
    found = state(pixels=32)
    found.request = SimpleNamespace(output=tmp_path, int8=False)
    found.described = SimpleNamespace(name="photos_old", prepared=SimpleNamespace(class_names=["a", "b"]))
    found.interrupted = "training"
    trainer = SimpleNamespace(attempts={}, store=SimpleNamespace(home=tmp_path))
    picking._leave(found, trainer, None, SimpleNamespace(say=None))
    assert [(run.dataset, run.key) for run in left] == [("photos_old", of_then.key)]


@pytest.mark.parametrize("smaller", [False, True])
def test_what_races_first_is_timed_first_and_again_at_a_smaller_side(monkeypatch, smaller):
    asked = []

    def chosen(found, *_):
        asked.append(("references", found.resolution.pixels))
        found.resolution = dataclasses.replace(found.resolution, pixels=32 if smaller else 64)
        found.candidates = [SimpleNamespace(name="starnet", started_from=None, prior=None)]

    def started(found, *_):
        asked.append(("weights", found.resolution.pixels))
        return [SimpleNamespace(name=f"at {found.resolution.pixels}", started_from="imagenet", prior=None)], ["slow"]

    def field(candidates, left_out):
        raise KeyError([each.name for each in candidates], left_out)

    monkeypatch.setattr(picking, "choose_resolution", lambda *_: Resolution(64, "made up"))
    monkeypatch.setattr(picking, "_choose_field", chosen)
    monkeypatch.setattr(picking, "_pretrained", started)
    found = state()
    found.described = SimpleNamespace(entry=SimpleNamespace(resolution=64))
    found.request = SimpleNamespace(within=600, budget=None)
    decisions = SimpleNamespace(clock=SimpleNamespace(left=500.0))
    shown = SimpleNamespace(say=lambda words: None, field=field)
    with pytest.raises(KeyError) as ended:
        picking._train.__wrapped__(found, SimpleNamespace(store=None), decisions, shown)
    again = [("weights", 32)] if smaller else []
    assert asked == [("weights", 64), ("references", 64), *again]
    assert ended.value.args == ([f"at {found.resolution.pixels}", "starnet"], ["slow"])


@pytest.mark.parametrize(("within", "seconds"), [(60, 15), (150, 15), (600, 60), (3600, 90)])
def test_files_and_tests_are_left_what_they_take_of_a_minute_too(within, seconds):
    assert picking._reserved(SimpleNamespace(within=within)) == seconds
