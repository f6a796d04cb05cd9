"""Whether a prepared dataset can be trusted: images that stand on two sides, and labels that contradict each other."""

from __future__ import annotations

import itertools
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from archlab.data.download import Progress
from archlab.data.listing import SPLITS
from archlab.data.near import Seen, looked_at, mean_of, nearest
from archlab.data.prepared import Prepared
from archlab.data.splits import torn_groups

Place = tuple[str, int]  # split, row


@dataclass(frozen=True)
class Pair:
    """Two images that are one, or nearly: their splits, names and classes."""

    splits: tuple[str, str]
    names: tuple[str, str]
    labels: tuple[str, str]


@dataclass(frozen=True)
class Inspection:
    """What `inspect` found. `leaks`: whether anything stands on two sides."""

    counts: dict[str, list[int]]
    class_names: list[str]
    repeated: int  # identical images beyond the first within one split
    duplicates: list[Pair]  # identical, in different splits
    near_duplicates: list[Pair]  # nearly identical, in different splits
    conflicts: list[Pair]  # identical, with different labels
    split_groups: int  # groups with images in more than one split

    @property
    def leaks(self) -> bool:
        return bool(self.duplicates or self.near_duplicates or self.split_groups)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "leaks": self.leaks}


def inspect(prepared: Prepared, progress: Progress | None = None) -> Inspection:
    """Looks for leaks between the parts of a prepared dataset.

    Identical images are found by the digests of their pixels. Near-duplicates are images in different parts whose
    perceptual hashes (pHash) differ in at most `NEAR_BITS` bits and whose grey values, less those of the mean image,
    correlate to `NEAR_CORRELATION` at least; of each image only the nearest in each earlier part is reported, and only
    where it is not identical. Where preparing has looked for them to keep them together, what it found counts, and images that
    others join count as near each other.
    """
    twins = _identical(prepared)
    across = [pair for pair in twins if pair[0][0] != pair[1][0]]
    labels = {split: prepared.labels(split) for split in SPLITS}
    conflicts = [pair for pair in twins if labels[pair[0][0]][pair[0][1]] != labels[pair[1][0]][pair[1][1]]]
    digests = {split: prepared.digests(split) for split in SPLITS}
    known = _known_near(prepared)
    found = _near(prepared, progress) if known is None else known
    near = [((a, i), (b, j)) for (a, i), (b, j) in found if (digests[a][i] != digests[b][j]).any()]
    names = {split: prepared.names(split) for split in SPLITS}

    def pairs(found: list[tuple[Place, Place]]) -> list[Pair]:
        return [
            Pair(
                (a, b),
                (names[a][i], names[b][j]),
                (prepared.class_names[labels[a][i]], prepared.class_names[labels[b][j]]),
            )
            for (a, i), (b, j) in found
        ]

    return Inspection(
        counts={split: prepared.counts(split) for split in SPLITS},
        class_names=prepared.class_names,
        repeated=sum(len(part) - len({row.tobytes() for row in part}) for part in digests.values()),
        duplicates=pairs(across),
        near_duplicates=pairs(near),
        conflicts=pairs(conflicts),
        split_groups=torn_groups(groups for split in SPLITS if (groups := prepared.groups(split)) is not None),
    )


def _identical(prepared: Prepared) -> list[tuple[Place, Place]]:
    """Of every set of identical images, the first with each of the others."""
    first: dict[bytes, Place] = {}
    pairs = []
    for split in SPLITS:
        for row, digest in enumerate(prepared.digests(split)):
            place = (split, row)
            earlier = first.setdefault(digest.tobytes(), place)
            if earlier != place:
                pairs.append((earlier, place))
    return pairs


def _known_near(prepared: Prepared) -> list[tuple[Place, Place]] | None:
    """Each image with the first of its set (`Prepared.twins`) in each earlier part that has none identical to it; None where
    preparing did not look for them."""
    first: dict[str, dict[int, int]] = {}
    there: dict[str, set[bytes]] = {}
    pairs: list[tuple[Place, Place]] = []
    for split in SPLITS:
        sets = prepared.twins(split)
        if sets is None:
            return None
        images = list(zip(sets.tolist(), map(np.ndarray.tobytes, prepared.digests(split)), strict=True))
        for part, rows in first.items():
            pairs += [
                ((part, rows[of]), (split, row))
                for row, (of, digest) in enumerate(images)
                if of in rows and digest not in there[part]
            ]
        first[split] = {of: row for row, (of, _) in reversed(list(enumerate(images)))}
        there[split] = {digest for _, digest in images}
    return pairs


def _near(prepared: Prepared, progress: Progress | None) -> list[tuple[Place, Place]]:
    parts = [prepared.images(split) for split in SPLITS]
    ends = np.cumsum([len(part) for part in parts])
    hashes, greys = looked_at(itertools.chain(*parts), int(ends[-1]), progress)
    of_split = zip(SPLITS, np.split(hashes, ends[:-1]), np.split(greys, ends[:-1]), strict=True)
    seen = {split: Seen(bits, grey.__getitem__) for split, bits, grey in of_split}
    mean = mean_of(greys)
    found: list[tuple[Place, Place]] = []
    for a, b in itertools.combinations(SPLITS, 2):
        found += [((a, i), (b, j)) for j, i in nearest(seen[b], seen[a], mean)]
    return found
