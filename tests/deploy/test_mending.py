"""The first way of quantising that changes little enough is taken, whatever the format."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from archlab.deploy.agreement import Images
from archlab.deploy.mending import Mending, Tried, distance, first_good
from archlab.foundation import UserError

LABELS = np.arange(100) % 2
IMAGES = Images(np.zeros((100, 1, 1, 3), np.uint8), [], LABELS)


def run(content: bytes, pixels: np.ndarray) -> np.ndarray:
    """As many wrong answers as the file says, the first of them, after a slash as many from the end."""
    answers = LABELS.copy()
    first, _, last = content.decode().partition("/")
    answers[: int(first)] ^= 1
    answers[len(answers) - int(last or 0) :] ^= 1
    return np.eye(2)[answers]


def chosen(ways, seconds=math.inf):
    found = Mending()
    makers = ((way, partial(bytes, content)) for way, content in ways)
    return first_good(makers, found, IMAGES, b"10", run, seconds), found


def impossible():
    yield "first", b"14"
    raise UserError("no second way")


@pytest.mark.parametrize(
    ("ways", "content", "way", "tried"),
    [
        (["13", "11", "10"], b"11", "1", 2),
        (["13", "12", "15"], b"12", "1", 3),
        (["9", "0"], b"9", "0", 1),
        (["5/5", "0", "7"], b"7", "2", 3),
    ],
    ids=["enough", "least", "better than float", "as right as float, on other images"],
)
def test_the_first_within_a_point_else_the_least(ways, content, way, tried):
    made, found = chosen((str(at), each.encode()) for at, each in enumerate(ways))
    assert (made, found.way, len(found.tried)) == (content, way, tried)
    assert found.gave_up == (content in (b"12", b"7"))


def test_what_each_way_costs_is_noted():
    _, found = chosen([("worse", b"10/5"), ("other", b"5/5"), ("same", b"10")])
    assert [each.way for each in found.tried] == ["worse", "other", "same"]
    assert [(each.moved, each.drop) for each in found.tried] == [
        pytest.approx(each) for each in ((0.05, 0.05), (0.1, 0), (0, 0))
    ]
    assert found.best.way == found.way == "same"


@pytest.mark.parametrize(("ways", "cut_short"), [(["14", "10"], True), (["14"], False), (["10", "14"], False)])
def test_the_time_cuts_short_where_another_way_would_follow(ways, cut_short):
    made, found = chosen(((str(at), each.encode()) for at, each in enumerate(ways)), seconds=0.0)
    assert (made, len(found.tried), found.cut_short) == (ways[0].encode(), 1, cut_short)


def test_the_distance_is_that_of_total_variation():
    """With classes one apart from each other it is Wasserstein's; of two classes, scipy's along a line."""
    chance = np.random.default_rng(0)
    before, after = (chance.dirichlet([1, 2], 50).astype(np.float32) for _ in range(2))
    expected = [wasserstein_distance([0, 1], [0, 1], one, other) for one, other in zip(before, after, strict=True)]
    assert distance(before, after) == pytest.approx(np.mean(expected), abs=1e-6)
    several = chance.dirichlet([1] * 7, 50)
    assert distance(several, several) == 0 and distance(np.eye(7), np.roll(np.eye(7), 1, 0)) == 1
    changed = np.mean(several.argmax(1) != several[::-1].argmax(1))
    assert 0 < distance(several, several[::-1]) < 1 and changed > 0


def test_what_is_no_number_has_moved_wholly():
    nothing = np.full((2, 2), np.nan)
    assert distance(np.eye(2), nothing) == 1 and distance(np.eye(2), np.vstack([np.eye(2)[:1], nothing[:1]])) == 0.5
    assert Mending(tried=[Tried("a", distance(np.eye(2), nothing), 0.0)]).gave_up


def test_an_impossible_way_leaves_what_the_ones_before_made():
    made, found = chosen(impossible())
    assert made == b"14" and found.way == "first" and found.gave_up

    def none():
        raise UserError("no way")
        yield

    with pytest.raises(UserError, match="no way"):
        chosen(none())


def test_a_file_that_the_runtime_refuses_is_an_impossible_way():
    def refusing(content: bytes, pixels: np.ndarray) -> np.ndarray:
        if content == b"no":
            raise RuntimeError("no kernel\nat all")
        return run(content, pixels)

    def made_of(*contents: bytes) -> bytes:
        ways = [(content.decode(), partial(bytes, content)) for content in contents]
        return first_good(ways, Mending(), IMAGES, b"10", refusing)

    assert made_of(b"14", b"no", b"10") == b"14"
    with pytest.raises(UserError, match=r"^the network cannot be exported to int8: no kernel$"):
        made_of(b"no", b"10")
