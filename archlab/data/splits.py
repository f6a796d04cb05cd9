"""Carving validation out of training, and test where a source has none: stratified, by group, and always the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from archlab.data.entries import Entry
from archlab.data.listing import SPLITS, Listing
from archlab.foundation import UserError

_FEW = 1000  # groups, of which
_ORDERS = 64  # random orders are tried


def settle_splits(listing: Listing, described: Entry) -> np.ndarray:
    """The split of every image: what the source says, and for the rest what is carved by class and group.

    Where the source has no test part, the entry's share `test` of its images becomes it; where it has no validation
    part, the share `validation` of what is left for training does. Groups with images in the one of these parts that the
    source has stay in training where their class has others. Raises UserError where a part or a class has nothing to train on.
    """
    labels, groups = listing.labels, listing.groups
    splits = listing.splits.astype("U10")
    if not (splits == "test").any():
        fixed = splits == "validation"
        splits[carve(labels, groups, ~fixed, described.test, described.seed, fixed)] = "test"
    splits[splits == ""] = "train"
    if not (splits == "validation").any():
        fixed = splits == "test"
        splits[carve(labels, groups, splits == "train", described.validation, described.seed, fixed)] = "validation"
    for split in SPLITS:
        if not (splits == split).any():
            raise UserError(f"{described.name}: too few images or groups for a {split} part", where=described.where)
    trained = np.bincount(labels[splits == "train"], minlength=len(listing.class_names))
    if not trained.all():
        label = int(np.argmin(trained))
        elsewhere = sorted(set(splits[labels == label]))
        held = f"only in the {' and '.join(elsewhere)} part" if elsewhere else "nowhere"
        raise UserError(
            f"{described.name}: the class {listing.class_names[label]!r} has images {held}, none to train on",
            where=described.where,
        )
    return splits


def carve(
    labels: np.ndarray,
    groups: np.ndarray | None,
    among: np.ndarray,
    share: float,
    seed: int,
    fixed: np.ndarray | None = None,
) -> np.ndarray:
    """Indices of about `share` of the images `among` (a mask): of every class alike, and whole groups at a time.

    Groups (an image without one is its own) are taken in random order, each where that brings the shares of its
    classes closer to `share`; where groups are few, the best of several orders counts. A class of which nothing was
    taken gives its smallest group, if that leaves a group of each class. Groups that have images in another part, `fixed` (a
    mask), are taken of a class only where it has no others to give.
    """
    candidates = np.flatnonzero(among)
    if not len(candidates):
        return candidates
    members = _members(candidates, groups)
    tallies = [Counter(labels[member].tolist()) for member in members]
    sizes = Counter(labels[candidates].tolist())
    random = np.random.RandomState(seed % 2**32)  # the generator whose stream NumPy promises never to change
    torn = _torn(members, groups, fixed)
    orders = (random.permutation(len(members)).tolist() for _ in range(_ORDERS if len(members) <= _FEW else 1))
    takings = (_take([group for group in order if group not in torn], tallies, sizes, share) for order in orders)
    chosen = min(takings, key=lambda taking: taking[0])[1]
    left = Counter(label for group, tally in enumerate(tallies) if group not in chosen for label in tally)
    for label in sorted(set(sizes) - {label for group in chosen for label in tallies[group]}):
        with_it = [group for group, tally in enumerate(tallies) if label in tally]
        spared = [group for group in with_it if group in chosen or all(left[each] > 1 for each in tallies[group])]
        given = min(spared, key=lambda group: (group in torn, len(members[group])), default=None)
        if given is not None and given not in chosen:
            chosen.add(given)
            left.subtract(list(tallies[given]))
    return np.sort(np.concatenate([members[group] for group in chosen])) if chosen else candidates[:0]


def _take(order: list[int], tallies: list[Counter], sizes: Counter, share: float) -> tuple[float, set[int]]:
    """The groups taken in one order, and how far the shares of the classes are from `share` then."""
    taken: Counter = Counter()
    chosen = set()
    for group in order:
        tally = tallies[group]
        before = sum((taken[label] / sizes[label] - share) ** 2 for label in tally)
        after = sum(((taken[label] + n) / sizes[label] - share) ** 2 for label, n in tally.items())
        if after < before:
            taken.update(tally)
            chosen.add(group)
    return sum((taken[label] / sizes[label] - share) ** 2 for label in sizes), chosen


def _torn(members: list[np.ndarray], groups: np.ndarray | None, fixed: np.ndarray | None) -> set[int]:
    """The groups, as indices of `members`, that have an image in the part `fixed` too."""
    if fixed is None or groups is None:
        return set()
    return set(np.flatnonzero(np.isin(groups[[member[0] for member in members]], groups[fixed])).tolist())


def _members(candidates: np.ndarray, groups: np.ndarray | None) -> list[np.ndarray]:
    """The candidates of each group."""
    if groups is None:
        return [candidates[i : i + 1] for i in range(len(candidates))]
    _, inverse = np.unique(groups[candidates], return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    return np.split(candidates[order], np.flatnonzero(np.diff(inverse[order])) + 1)


def torn_groups(parts: Iterable[np.ndarray]) -> int:
    """How many groups have images in more than one of the parts, of each of which the group of every image is given."""
    times = Counter(group for part in parts for group in np.unique(part).tolist())
    return sum(count > 1 for count in times.values())
