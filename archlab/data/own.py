"""Adding a dataset of one's own to the catalogue: a look at the source, and a YAML file that describes it."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from archlab.data.depth import narrow_white
from archlab.data.entries import Entry, names, parse_entry, user_catalogue
from archlab.data.listing import SPLITS, Listing
from archlab.data.readers.places import folders, table_told
from archlab.data.reading import read_source
from archlab.data.splits import settle_splits
from archlab.foundation import UserError, read_yaml_text, write_file
from archlab.foundation.words import first_of

_LOOKED_AT = 200  # images, for their size
_LARGEST, _SMALLEST = 224, 8  # pixels proposed


def add_dataset(
    name: str, home: Path, reader: str, options: dict[str, Any], about: dict[str, Any], *, replace: bool = False
) -> tuple[Entry, Listing, np.ndarray]:
    """Writes the catalogue entry `name` for a source and gives it, with what its reader finds and the splits.

    Args:
        reader, options: As in an entry's `source`.
        about: Other keys of the entry; `resolution`, and `white` of images of 16 bits that do not use all of them, are proposed
            from the images where they are not among them.
        replace: Whether an entry of one's own may be overwritten.

    Raises UserError for a source that cannot be used, and for a name that is taken.
    """
    path = user_catalogue(home) / f"{name}.yaml"
    known = names(home)
    _check_free(name, known, home)
    if name in known and not (replace and path.exists()):
        hint = "; --replace writes it anew" if path.exists() else ""
        raise UserError(f"a dataset is called {name!r} already{hint}", where=str(path) if path.exists() else None)
    defaults = {"title": name, "domain": "own", "licence": "not stated"}
    values = {**defaults, "classes": 1, "resolution": 1, **about, "source": {reader: options}}
    listing = read_source(_parsed(name, values, path), None)
    if len(listing.class_names) < 2:
        raise UserError(f"{name} {said_of_one_class(listing, reader, options)}")
    values["classes"] = len(listing.class_names)
    values["resolution"] = about.get("resolution") or proposed_resolution(listing)
    if "white" not in about and (white := narrow_white(listing.images)):
        values["white"] = white
    splits = settle_splits(listing, _parsed(name, values, path))
    values["images"] = _counted(listing)
    described = _parsed(name, values, path)
    write_file(path, _text(name, values))
    return described, listing, splits


def said_of_one_class(listing: Listing, reader: str, options: dict[str, Any]) -> str:
    """That there is one class, and where the others may be."""
    told = f"has one class, {listing.class_names[0]!r}: there is nothing to tell apart"
    if reader != "folder":
        return told
    folder = Path(options["path"])
    if any(map(folders, folders(folder))):
        return f"{told}; if the classes are the folders within it, name that folder"
    tables = table_told(folder)
    return f"{told}; a table of classes is given by --csv{tables}" if tables else told


def _counted(listing: Listing) -> dict[str, int]:
    """As an entry has them: the images of the parts that the source has, and the rest, of which others are carved."""
    held_out = {split: int((listing.splits == split).sum()) for split in ("validation", "test")}
    parts = {split: count for split, count in held_out.items() if count}
    rest = len(listing.labels) - sum(parts.values())
    return {"train": rest, **parts} if parts else {"all": rest}


def _check_free(name: str, known: Iterable[str], home: Path) -> None:
    """Raises UserError where a name is that of a folder of archlab's, or that of another dataset in other letters: on
    many disks these are one."""
    if folded(name) == user_catalogue(home).name:
        raise UserError(f"a dataset cannot be called {name!r}, as the folder of the entries is")
    alike = [other for other in known if folded(other) == folded(name)]
    if alike and name not in alike:
        raise UserError(f"a dataset is called {alike[0]!r} already, and on many disks {name!r} is the same name")


def folded(name: str) -> str:
    """The same for names that many disks take for one."""
    return unicodedata.normalize("NFC", name).casefold()


def proposed_resolution(listing: Listing) -> int:
    """The median shorter side of a look at the images, at most 224 pixels."""
    sides = []
    for index in np.linspace(0, len(listing.labels) - 1, min(_LOOKED_AT, len(listing.labels))).astype(int):
        try:
            with listing.images.open(int(index)) as image:
                sides.append(min(image.size))
        except Exception:  # noqa: S112 (preparing will say which images cannot be read)
            continue
    if not sides:
        raise UserError(f"none of the images can be read, {listing.images.names[0]} for one")
    return int(np.clip(np.median(sides), _SMALLEST, _LARGEST))


def summary(listing: Listing, splits: np.ndarray) -> list[str]:
    """What the user should see of a new dataset: sizes, and what is uneven."""
    counts = {
        split: np.bincount(listing.labels[splits == split], minlength=len(listing.class_names)) for split in SPLITS
    }
    total = np.sum(list(counts.values()), axis=0)
    lines = [
        f"{len(listing.class_names)} classes, " + ", ".join(f"{n.sum():,} {split}" for split, n in counts.items()),
        *listing.notes,
    ]
    carved = [split for split in ("validation", "test") if not (listing.splits == split).any()]
    if carved:
        lines.append(f"{' and '.join(carved)} carved out of training")
    if total.max() > 10 * total.min():
        largest, smallest = listing.class_names[total.argmax()], listing.class_names[total.argmin()]
        lines.append(
            f"uneven: {total.max():,} of {largest!r}, {total.min():,} of {smallest!r}; see the balanced accuracy"
        )
    for split in ("validation", "test"):
        missing = [name for name, n in zip(listing.class_names, counts[split], strict=True) if n == 0]
        if missing:
            lines.append(f"too few images for {split}: {first_of(missing, 5)}")
    return lines


def _parsed(name: str, values: dict[str, Any], path: Path) -> Entry:
    return parse_entry(read_yaml_text(_text(name, values), source=str(path)))


def _text(name: str, values: dict[str, Any]) -> str:
    """YAML, of which JSON is a part."""
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in {"name": name, **values}.items()]
    try:
        return "".join(lines).encode().decode()
    except UnicodeEncodeError:
        raise UserError("a path, or what else is given, is no text in UTF-8, and cannot stand in an entry") from None
