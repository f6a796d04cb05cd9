"""What a reader should know of images before a network is chosen for them, as values and in plain lines."""

from __future__ import annotations

from typing import Any

import numpy as np

from archlab.data import Inspection, Listing, Prepared
from archlab.data.depth import WHITES
from archlab.data.listing import SPLITS
from archlab.foundation.escaping import printable
from archlab.foundation.words import as_sentence, counted, first_of

_NAMED = 5  # files or classes, in a line


def found_in(prepared: Prepared, listing: Listing, inspection: Inspection, together: str) -> dict[str, Any]:
    """Plain JSON values of prepared images.

    Args:
        listing: What their source holds.
        together: Which of them stand on one side of the splits, "identical" or "near".

    Keys:
        classes: Their names.
        images: How many there are in "train", "validation" and "test".
        own_splits: Which of these the source has itself.
        pixels: The side of the square that they are prepared at.
        largest: "class", that of most test images, and "share", what of these are of it.
        smallest: "class" and "images", in all parts.
        untested: Classes without a test image. unvalidated: Those without a validation image.
        groups: How many the source says there are; None where each image is its own.
        identical: Images beyond the first of those that are one. near: Pairs of others that nearly are; where only identical
            ones stand together, of those in different parts.
        across: Of "identical" and "near", images in the validation or the test part that are so to one in an earlier part; none
            counts for both.
        unreadable: Names of images that were left out.
        lines: Five sentences. remarks: Further ones, of what is unusual.
    """
    counts = np.array([prepared.counts(split) for split in SPLITS])
    test = counts[SPLITS.index("test")]
    largest, smallest = int(test.argmax()), int(counts.sum(axis=0).argmin())
    twins = prepared.manifest["twins"]
    identical = {(pair.splits[1], pair.names[1]) for pair in inspection.duplicates}
    near = {(pair.splits[1], pair.names[1]) for pair in inspection.near_duplicates} - identical
    values = {
        "classes": prepared.class_names,
        "images": {split: int(of_split.sum()) for split, of_split in zip(SPLITS, counts, strict=True)},
        "own_splits": [split for split in SPLITS if (listing.splits == split).any()],
        "pixels": prepared.resolution,
        "largest": {"class": prepared.class_names[largest], "share": float(test[largest] / test.sum())},
        "smallest": {"class": prepared.class_names[smallest], "images": int(counts[:, smallest].sum())},
        "untested": _without(prepared, "test"),
        "unvalidated": _without(prepared, "validation"),
        "groups": _groups(listing),
        "identical": twins["identical"],
        "near": twins["near"] if together == "near" else len(inspection.near_duplicates),
        "across": {"identical": len(identical), "near": len(near)},
        "unreadable": [printable(name) for name in prepared.manifest["skipped"]],
    }
    sizes = counts.sum(axis=0).tolist()
    return {
        **values,
        "lines": _lines(prepared.name, values, sizes),
        "remarks": _remarks(values, listing, inspection, together, prepared.entry.white),
    }


def of_every_part(prepared: Prepared) -> set[str]:
    """The classes that can be learned, chosen by and tested."""
    counts = np.array([prepared.counts(split) for split in SPLITS])
    return {name for name, present in zip(prepared.class_names, counts.min(axis=0), strict=True) if present}


def _without(prepared: Prepared, split: str) -> list[str]:
    """The classes that have no image in a part."""
    return [name for name, images in zip(prepared.class_names, prepared.counts(split), strict=True) if not images]


def _groups(listing: Listing) -> int | None:
    groups = 0 if listing.groups is None else len(np.unique(listing.groups))
    return groups if 0 < groups < len(listing.labels) else None


def _lines(name: str, values: dict[str, Any], sizes: list[int]) -> list[str]:
    images, largest, smallest = values["images"], values["largest"], values["smallest"]
    of_classes = f"{first_of(values['classes'], _NAMED)}, prepared at {values['pixels']} x {values['pixels']} pixels"
    alike = f"Every class has {sizes[0]:,} images."
    of_smallest = counted(smallest["images"], "image")
    uneven = f"The smallest class is {smallest['class']} with {of_smallest}, the largest has {max(sizes):,}."
    own = values["own_splits"]
    carved = "drawn at random, " + ("whole groups at a time" if values["groups"] else "of every class alike")
    drawn = "as the source has them" if {"validation", "test"} <= set(own) else carved
    if len(set(own) & {"validation", "test"}) == 1:
        theirs = "test" if "test" in own else "choose"
        drawn = f"those to {theirs} as the source has them, the others drawn at random"
    return [
        f"{name}: {sum(sizes):,} images of {len(sizes)} classes ({of_classes}).",
        alike if len(set(sizes)) == 1 else uneven,
        f"{images['train']:,} images to learn from, {images['validation']:,} to choose by, {images['test']:,} to test with at "
        f"the end; {drawn}.",
        _on_copies(values),
        f"Always guessing {largest['class']} would be right for {largest['share']:.1%} of the test images.",
    ]


def _on_copies(values: dict[str, Any]) -> str:
    identical, near, across = values["identical"], values["near"], values["across"]
    if not identical + near + sum(across.values()):
        return "No image is there twice, or nearly."
    exact = f"{counted(identical, 'image is an exact copy', 'images are exact copies')} of another"
    alike = f"{counted(near, 'pair of images is', 'pairs of images are')} nearly the same"
    there = ", and ".join(words for words, count in ((exact, identical), (alike, near)) if count)
    if not any(across.values()):
        return f"{there}: such images are never on two sides, so that the test stays honest."
    leaked = (
        f"{across['identical'] + across['near']:,} images to choose by or to test with have a copy among the others"
    )
    return f"{there}. Careful: {leaked}, so the accuracy on them will look better than it is."


def _remarks(values: dict[str, Any], listing: Listing, inspection: Inspection, together: str, white: int) -> list[str]:
    remarks = [as_sentence(printable(note)) for note in listing.notes]
    if names := values["unreadable"]:
        remarks.append(f"{counted(len(names), 'image')} cannot be read and were left out: {first_of(names, _NAMED)}.")
    if white in WHITES:
        remarks.append(f"16-bit images with values up to {white:,}: that is taken for white.")
    if names := values["unvalidated"]:
        remarks.append(
            f"No image to choose by: {first_of(names, _NAMED)}. They are learned, but nothing is chosen by them."
        )
    if names := values["untested"]:
        remarks.append(f"No image to test with: {first_of(names, _NAMED)}. They are learned, untested.")
    if together == "identical":
        remarks.append("So many images are nearly the same that these could not be kept together, only exact copies.")
    if inspection.conflicts:
        pair = inspection.conflicts[0]
        example = f"{pair.names[0]} ({pair.labels[0]}) and {pair.names[1]} ({pair.labels[1]})"
        pairs = counted(len(inspection.conflicts), "pair of identical images is", "pairs of identical images are")
        remarks.append(printable(f"{pairs} in two classes, {example} for one."))
    if values["groups"]:
        remarks.append(
            "Images of one group are alike, but every interval counts each by itself: over new groups it is wider."
        )
    if inspection.split_groups:
        groups = counted(inspection.split_groups, "group has", "groups have")
        remarks.append(f"{groups} images in different parts of the source: the test is no test of new groups.")
    return remarks
