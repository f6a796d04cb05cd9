"""The first way of quantising that costs little enough is taken, whatever the format."""

from __future__ import annotations

import numpy as np
import pytest

from archlab.deploy.agreement import Images
from archlab.deploy.mending import Mending, first_good
from archlab.foundation import UserError

LABELS = np.arange(100) % 2
IMAGES = Images(np.zeros((100, 1, 1, 3), np.uint8), [], LABELS)


def run(content: bytes, pixels: np.ndarray) -> np.ndarray:
    """As many wrong answers as the file says."""
    answers = LABELS.copy()
    answers[: int(content)] ^= 1
    return np.eye(2)[answers]


def chosen(ways, validation=IMAGES):
    found = Mending()
    return first_good(ways, found, validation, b"10", run), found


def impossible():
    yield "first", b"14"
    raise UserError("no second way")


@pytest.mark.parametrize(
    ("ways", "content", "way", "tried"),
    [
        (["13", "11", "10"], b"11", "1", 2),
        (["13", "12", "15"], b"12", "1", 3),
        (["9", "0"], b"9", "0", 1),
    ],
    ids=["enough", "least", "better than float"],
)
def test_the_first_within_a_point_else_the_least(ways, content, way, tried):
    made, found = chosen((str(at), each.encode()) for at, each in enumerate(ways))
    assert (made, found.way, len(found.tried)) == (content, way, tried)
    assert found.gave_up == (content == b"12")


def test_without_validation_images_no_second_way_is_made():
    made, found = chosen(impossible(), validation=None)
    assert made == b"14" and found.tried == [("first", None)] and not found.gave_up


def test_an_impossible_way_leaves_what_the_ones_before_made():
    made, found = chosen(impossible())
    assert made == b"14" and found.way == "first" and found.gave_up

    def none():
        raise UserError("no way")
        yield

    with pytest.raises(UserError, match="no way"):
        chosen(none())
