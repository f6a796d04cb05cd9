"""Carving parts: every image once, groups whole, classes alike, always the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archlab.data.entries import Entry
from archlab.data.listing import ImageArray, Listing
from archlab.data.splits import carve, settle_splits
from archlab.foundation import UserError


def entry(**values):
    about = {
        "name": "it",
        "title": "it",
        "domain": "own",
        "classes": 1,
        "resolution": 8,
        "licence": "",
        "source": "csv",
    }
    return Entry(**{**about, **values})


def listing(labels, splits=None, groups=None):
    names = tuple(map(str, range(max(labels) + 1)))
    images = ImageArray(np.zeros((len(labels), 8, 8), np.uint8))
    splits = np.full(len(labels), "") if splits is None else np.array(splits)
    return Listing(names, images, np.array(labels), splits, None if groups is None else np.array(groups))


@given(st.lists(st.integers(0, 5), min_size=1, max_size=300), st.floats(0.05, 0.5), st.integers(0, 5))
def test_without_groups_each_class_gives_its_rounded_share(labels, share, seed):
    labels = np.array(labels)
    taken = carve(labels, None, np.ones(len(labels), bool), share, seed)
    assert len(set(taken)) == len(taken)
    for label in np.unique(labels):
        n, got = (labels == label).sum(), (labels[taken] == label).sum()
        if n == 1:
            assert got == 0
        else:
            assert max(1, share * n - 0.501) <= got <= max(1, share * n + 0.501)


@settings(max_examples=50)
@given(st.integers(2, 40), st.integers(1, 4), st.floats(0.1, 0.4), st.data())
def test_groups_stay_whole(groups, classes, share, data):
    sizes = data.draw(st.lists(st.integers(1, 6), min_size=groups, max_size=groups))
    of_group = np.repeat(np.arange(groups), sizes)
    labels = np.array(data.draw(st.lists(st.integers(0, classes - 1), min_size=len(of_group), max_size=len(of_group))))
    taken = carve(labels, of_group, np.ones(len(labels), bool), share, 0)
    left = np.setdiff1d(np.arange(len(labels)), taken)
    assert not set(of_group[taken]) & set(of_group[left])


@pytest.mark.parametrize(("seed", "same"), [(-1, 2**32 - 1), (2**40 + 3, 3)])
def test_any_whole_number_is_a_seed(seed, same):
    labels, everything = np.arange(40) % 2, np.ones(40, bool)
    taken = carve(labels, None, everything, 0.2, seed)
    assert len(taken) == 8 and np.array_equal(taken, carve(labels, None, everything, 0.2, same))


def test_many_groups_come_close_to_the_share_in_every_class():
    random = np.random.default_rng(0)
    group_class = random.choice(4, 400, p=[0.7, 0.2, 0.07, 0.03])
    groups = np.repeat(np.arange(400), random.integers(1, 5, 400))
    labels = group_class[groups]
    taken = carve(labels, groups, np.ones(len(labels), bool), 0.15, 0)
    shares = np.bincount(labels[taken], minlength=4) / np.bincount(labels)
    assert np.abs(shares - 0.15).max() < 0.05


def test_the_same_seed_the_same_images_for_ever():
    labels = np.arange(40) % 2
    taken = carve(labels, None, np.ones(40, bool), 0.1, 0)
    assert taken.tolist() == carve(labels, None, np.ones(40, bool), 0.1, 0).tolist()
    assert taken.tolist() != carve(labels, None, np.ones(40, bool), 0.1, 1).tolist()
    assert taken.tolist() == [15, 20, 22, 25]  # frozen: a change would make every prepared dataset another
    groups = np.repeat(np.arange(30), [1, 2, 3, 4, 5, 6] * 5)
    taken = carve(groups % 3, groups, np.ones(len(groups), bool), 0.2, 0)
    assert np.unique(groups[taken]).tolist() == [0, 2, 6, 10, 12, 17, 18, 24, 25]  # the best of several orders


def test_what_the_source_says_is_kept():
    splits = ["train"] * 20 + ["validation"] * 4 + ["test"] * 4
    settled = settle_splits(listing([0, 1] * 14, splits), entry())
    assert settled.tolist() == splits


def test_validation_is_a_tenth_of_training_and_test_untouched():
    splits = ["train"] * 200 + ["test"] * 50
    settled = settle_splits(listing([0, 1] * 125, splits), entry())
    assert (settled == "validation").sum() == 20
    assert (settled[200:] == "test").all()


def test_without_any_parts_a_fifth_tests():
    settled = settle_splits(listing([0, 1] * 100), entry())
    assert [(settled == part).sum() for part in ("train", "validation", "test")] == [144, 16, 40]


def test_a_validation_part_of_its_own_is_not_carved_for_testing():
    splits = ["train"] * 40 + ["validation"] * 10
    settled = settle_splits(listing([0, 1] * 25, splits), entry())
    assert (settled[40:] == "validation").all() and (settled == "test").sum() == 8


@pytest.mark.parametrize(("own", "carved", "count"), [("validation", "test", 8), ("test", "validation", 4)])
def test_what_is_carved_beside_a_part_of_its_own_has_no_group_of_it(own, carved, count):
    splits = ["train"] * 36 + [own] * 24
    settled = settle_splits(listing([0, 1] * 30, splits, [*range(36), *range(24)]), entry())
    taken = np.flatnonzero(settled == carved)
    assert len(taken) == count and taken.min() >= 24 and (settled[36:] == own).all()


def test_a_class_whose_groups_all_have_images_in_a_part_of_its_own_gives_one():
    splits = ["train"] * 24 + ["validation"] * 4
    settled = settle_splits(listing([0] * 20 + [1] * 8, splits, [*range(24), *range(20, 24)]), entry())
    assert (settled[20:24] == "test").sum() == 1 and (settled[:20] == "test").sum() == 4


@pytest.mark.parametrize(
    ("labels", "groups", "taken"),
    [([0, 1, 0, 0, 0, 1], "aabbbc", [0, 1]), ([0, 1, 0, 0, 0], "aabbb", [2, 3, 4])],
)
def test_a_class_keeps_its_last_group(labels, groups, taken):
    assert carve(np.array(labels), np.array(list(groups)), np.ones(len(labels), bool), 0.2, 0).tolist() == taken


@pytest.mark.parametrize(
    ("labels", "splits", "groups", "message"),
    [
        ([0, 0, 0, 0, 1, 1], ["train"] * 4 + ["test"] * 2, None, "the class '1' has images only in the test part"),
        ([0, 1], None, None, "too few images"),
        ([0] * 10 + [1] * 10, None, ["all"] * 20, "too few images or groups"),
    ],
)
def test_refused(labels, splits, groups, message):
    with pytest.raises(UserError, match=message):
        settle_splits(listing(labels, splits, groups), entry())
