"""What was described before: beside what is prepared, so that it goes with it."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from archlab.data import Listing
from archlab.data.entries import names, user_catalogue
from archlab.data.own import folded
from archlab.foundation import UserError, write_file
from archlab.foundation.sealed import read_sealed, seal

FORMAT = 2
_FILE = "described.json"
_LONGEST = 40  # characters of a name


@dataclass(frozen=True)
class Known:
    """A source under its name, and what was found in it: `facts` are None where it was not described to the end.

    `files`: the fingerprint of its listing, from before any file is read, so that what is written meanwhile is noticed the next
    time. `changed`: whether it is another than then. `digest`: of what was prepared of it.
    """

    name: str
    reader: str
    options: dict[str, Any]
    files: str
    changed: bool = False
    digest: str | None = None
    facts: dict[str, Any] | None = None


def called(path: Path) -> str:
    """The name of the dataset in a folder or a table: its own, in small letters, as far as the catalogue can have it."""
    own = path.name if path.is_dir() else path.stem
    words = re.sub(r"[^\w.+-]+", "-", unicodedata.normalize("NFC", own).lower())
    return words.lstrip(".+-")[:_LONGEST].rstrip(".+-") or "images"


def find_known(wanted: str, reader: str, options: dict[str, Any], listing: Listing, home: Path) -> Known:
    """The source under the name that it has, or under the first free one of `wanted`, `wanted-2`, `wanted-3`, ...

    A name is its own where it was described by it, or where the source of then is gone and held the same files. Their names,
    sizes and times tell that: to read all bytes takes as long as to decode them, to the same digest where only times differ.
    """
    memories = {path.parent.name: _memory(path) for path in sorted((home / "datasets").glob(f"*/{_FILE}"))}
    known = {name: memory for name, memory in memories.items() if memory}
    files, notes = listing.fingerprint(), list(listing.notes)
    for name, memory in known.items():
        if memory["source"] == [reader, options]:
            is_as_then = (memory["files"], memory.get("notes", notes)) == (files, notes)
            changed = memory["facts"] is not None and not is_as_then
            return Known(name, reader, options, files, changed, memory["digest"], memory["facts"])
    possible = (wanted if number == 1 else f"{wanted}-{number}" for number in count(1))
    for name in possible:
        held = known.get(name)
        if held and not os.path.lexists(held["source"][1]["path"]) and held["files"] == files:
            break
        if not held and not _taken(name, home):
            break
    return Known(name, reader, options, files)


def remember(
    known: Known,
    home: Path,
    *,
    notes: Sequence[str] = (),
    digest: str | None = None,
    facts: dict[str, Any] | None = None,
) -> None:
    """Keeps what was found in a source; without it, that its name is its own."""
    memory = {"files": known.files, "notes": notes, "digest": digest, "facts": facts}
    document = {"format": FORMAT, "source": [known.reader, known.options], **memory}
    write_file(home / "datasets" / known.name / _FILE, seal(document))


def _memory(path: Path) -> dict[str, Any] | None:
    memory = read_sealed(path)
    if memory and memory["format"] > FORMAT:
        raise UserError("was described by a newer archlab: upgrade, or remove the file", where=str(path))
    return memory


def _taken(name: str, home: Path) -> bool:
    """Whether a dataset is called so, in whatever letters, or the folder of the entries is."""
    return folded(name) in map(folded, [user_catalogue(home).name, *names(home)])
