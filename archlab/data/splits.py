"""Carving validation out of training, and test where a source has none: stratified, by group, and always the same."""

from __future__ import annotations

import numpy as np

from archlab.foundation import UserError


def settle_splits(
    labels: np.ndarray,
    splits: np.ndarray,
    groups: np.ndarray | None,
    *,
    test: float,
    validation: float,
    seed: int,
) -> np.ndarray:
    """The split of every image: what the source says, and for the rest what is carved by class and group.

    Where the source has no test part, the share `test` of its images becomes it; where it has no validation part, the
    share `validation` of what is left for training does. Raises UserError where nothing is left to train on.
    """
    settled = splits.astype("U10").copy()
    open_or_train = (settled == "") | (settled == "train")
    if not (settled == "test").any():
        settled[carve(labels, groups, open_or_train, test, seed)] = "test"
    settled[settled == ""] = "train"
    if not (settled == "validation").any():
        settled[carve(labels, groups, settled == "train", validation, seed)] = "validation"
    for split in ("train", "validation", "test"):
        if not (settled == split).any():
            raise UserError(f"no images are left for the {split} part: too few images or groups to split")
    return settled


def carve(labels: np.ndarray, groups: np.ndarray | None, among: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Indices of about `share` of the images `among` (a mask), class by class, whole groups at a time.

    A group counts for the class that most of its images have. Every class with two groups or more (an image without
    group is one) gives at least one and keeps at least one.
    """
    candidates = np.flatnonzero(among)
    if groups is None:
        members = [candidates[i : i + 1] for i in range(len(candidates))]
        class_of = labels[candidates]
    else:
        _, inverse = np.unique(groups[candidates], return_inverse=True)
        order = np.argsort(inverse, kind="stable")
        members = np.split(candidates[order], np.flatnonzero(np.diff(inverse[order])) + 1)
        class_of = np.array([np.bincount(labels[member]).argmax() for member in members])
    sizes = np.array([len(member) for member in members])
    random = np.random.RandomState(seed)  # the generator whose stream NumPy promises never to change
    taken: list[np.ndarray] = []
    for label in np.unique(class_of):
        of_class = random.permutation(np.flatnonzero(class_of == label))
        taken += [members[i] for i in _fill(of_class, sizes, share)]
    return np.sort(np.concatenate(taken)) if taken else np.empty(0, np.int64)


def _fill(groups: np.ndarray, sizes: np.ndarray, share: float) -> list[int]:
    """Groups in the order given, each taken where that brings the sum of sizes closer to `share` of all."""
    if len(groups) < 2 or share == 0:
        return []
    wanted = share * sizes[groups].sum()
    chosen: list[int] = []
    for group in groups:
        if sizes[group] < 2 * wanted and len(chosen) < len(groups) - 1:
            chosen.append(int(group))
            wanted -= sizes[group]
    return chosen or [int(groups[np.argmin(sizes[groups])])]
