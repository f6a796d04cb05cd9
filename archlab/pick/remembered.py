"""What was described before: beside what is prepared, so that it goes with it."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from archlab.data import ImageFiles, Listing
from archlab.data.entries import names, user_catalogue
from archlab.data.listing import open_file
from archlab.data.own import folded
from archlab.foundation import UserError, write_file
from archlab.foundation.sealed import read_sealed, seal

FORMAT = 1
_FILE = "described.json"
_LONGEST = 40  # characters of a name


@dataclass(frozen=True)
class Known:
    """A source under its name, and what was found in it: `facts` are None where it was not described to the end.

    `changed`: whether the source holds something else now. `digest`: of what was prepared of it.
    """

    name: str
    reader: str
    options: dict[str, Any]
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

    A name is its own where it was described by it, or where the source of then is gone and held the same. What holds the same
    with other times is remembered with these, so that it is read once.
    """
    memories = {path.parent.name: _memory(path) for path in sorted((home / "datasets").glob(f"*/{_FILE}"))}
    known = {name: memory for name, memory in memories.items() if memory}
    content = cache(lambda: content_of(listing))
    for name, memory in known.items():
        if memory["source"] == [reader, options]:
            found = Known(name, reader, options, digest=memory["digest"], facts=memory["facts"])
            return _checked(found, memory, listing, home)
    possible = (wanted if number == 1 else f"{wanted}-{number}" for number in count(1))
    for name in possible:
        held = known.get(name)
        if held and not os.path.lexists(held["source"][1]["path"]) and held["content"] == content():
            break
        if not held and not _taken(name, home):
            break
    return Known(name, reader, options)


def _checked(known: Known, memory: dict[str, Any], listing: Listing, home: Path) -> Known:
    """The source, and whether it has changed since it was described."""
    files, notes = listing.fingerprint(), list(listing.notes)
    if known.facts is None or (memory["files"] == files and memory.get("notes") == notes):
        return known
    told_the_same = memory.get("notes", notes) == notes  # those of before have none
    if not told_the_same or (memory["files"] != files and memory["content"] != content_of(listing)):
        return dataclasses.replace(known, changed=True)
    remember(known, home, files=files, content=memory["content"], notes=notes, digest=known.digest, facts=known.facts)
    return known


def remember(
    known: Known,
    home: Path,
    *,
    files: str | None = None,
    content: str | None = None,
    notes: Sequence[str] = (),
    digest: str | None = None,
    facts: dict[str, Any] | None = None,
) -> None:
    """Keeps what was found in a source; without it, that its name is its own."""
    memory = {"files": files, "content": content, "notes": notes, "digest": digest, "facts": facts}
    document = {"format": FORMAT, "source": [known.reader, known.options], **memory}
    write_file(home / "datasets" / known.name / _FILE, seal(document))


def content_of(listing: Listing) -> str:
    """SHA-256 over classes, labels, splits, groups and the bytes of every image: not over times, nor the folder they are in."""
    assert isinstance(listing.images, ImageFiles), "readers of folders and tables list files"
    return dataclasses.replace(listing, images=_Bytes(listing.images.root, listing.images.names)).fingerprint()


class _Bytes(ImageFiles):
    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        for name in self.names:
            digest.update(f"{name}\0".encode(errors="surrogateescape"))
            try:
                with open_file(self.path(name)) as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
            except OSError:
                digest.update(b"missing")
        return digest.hexdigest()


def _memory(path: Path) -> dict[str, Any] | None:
    memory = read_sealed(path)
    if memory and memory["format"] > FORMAT:
        raise UserError("was described by a newer archlab: upgrade, or remove the file", where=str(path))
    return memory


def _taken(name: str, home: Path) -> bool:
    """Whether a dataset is called so, in whatever letters, or the folder of the entries is."""
    return folded(name) in map(folded, [user_catalogue(home).name, *names(home)])
