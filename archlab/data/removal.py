"""Taking a dataset out again: what is prepared of it, and the entry of one's own."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock

from archlab.data.entries import entry, names, user_catalogue
from archlab.data.prepared import folder
from archlab.data.readers.places import images_below
from archlab.foundation import UserError, clear, read_yaml, real


def remove_dataset(name: str, home: Path) -> list[Path]:
    """Removes what is prepared of `name` or was downloaded for it, and an entry of one's own; gives what is gone.

    The images that it was prepared from are not touched, nor the runs that were trained on it. Raises UserError where there
    is no such dataset or nothing to remove, where another entry is `like` it, and where its images lie in the folder.
    """
    entries = user_catalogue(home)
    own = {path.stem: path for path in entries.glob("*.yaml") if not path.name.startswith(".")}
    if name not in names(home):
        entry(name, home)  # says that there is none, and the nearest
    if dependents := [other for other, path in own.items() if other != name and name in own and _like(path) == name]:
        raise UserError(f"{name} is what {', '.join(sorted(dependents))} is like: remove that first")
    prepared = None if name == entries.name else folder(home, name, 0).parent
    if prepared and name in own and (images := _images_within(prepared, name, home)):
        raise UserError(
            f"the images of {name} are in the folder that would be removed: move them first", where=str(images)
        )
    gone = [path for path in (prepared, own.get(name)) if path is not None and path.exists()]
    if not gone:
        raise UserError(f"{name} comes with archlab, and nothing of it is prepared")
    if prepared in gone and prepared.is_symlink():
        prepared.unlink()
    elif prepared in gone:
        with FileLock(prepared / ".lock"):
            for path in prepared.iterdir():
                if path.name != ".lock":
                    clear(path)
        shutil.rmtree(prepared)
    if name in own:
        own[name].unlink()
    return gone


def _images_within(prepared: Path, name: str, home: Path) -> Path | None:
    """What an entry of one's own reads of the folder `prepared`, its images or a table of them; else an image there that nobody
    has unpacked: a broken entry does not say what it reads, nor does one whose table names images by their whole path."""
    options: dict[str, Any] = {}
    with suppress(UserError):
        options = entry(name, home).options
    places = (user_catalogue(home) / value for value in options.values() if isinstance(value, str))
    if read := next((place for place in places if real(place).is_relative_to(real(prepared))), None):
        return read
    others = [] if prepared.is_symlink() else images_below(prepared, ("unpacked", "."), unreadable=[])[0]
    return Path(others[0]) if others else None


def _like(path: Path) -> str | None:
    try:
        return read_yaml(path).get("like")
    except UserError:  # a broken entry is like nothing
        return None
