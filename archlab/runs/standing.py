"""Which runs others stand on: teachers, and runs whose weights a training starts from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from archlab.foundation import UserError
from archlab.foundation.json_files import read_json
from archlab.runs.store import Store, is_key

PLACES = {"init": "run", "distill": "teacher"}
"""By key of a recipe, where it names a run."""


def keys_named(recipe: dict[str, Any]) -> list[str]:
    """The keys of the runs that a canonical recipe stands on; of those that it only describes there are none."""
    found = [(recipe.get(name) or {}).get(entry) for name, entry in PLACES.items()]
    return [key for key in found if isinstance(key, str)]


def needed(store: Store, keys: set[str]) -> dict[str, str]:
    """Those of some stored runs that finished studies or the other runs stand on, themselves or through others, each with who
    does."""
    found = dict[str, str]()
    waiting = [*_of_studies(store), *_of_runs(store, set(store.keys()) - keys)]
    while waiting:
        key, who = waiting.pop()
        if key in keys and key not in found:
            found[key] = who
            waiting += _of_runs(store, [key])
    return found


def _of_runs(store: Store, keys: Iterable[str]) -> Iterator[tuple[str, str]]:
    for key in keys:
        with suppress(UserError):  # a newer archlab's
            document = store.get(key)
            yield from ((each, f"run {key[:12]}") for each in keys_named(document["run"]["recipe"] if document else {}))


def _of_studies(store: Store) -> Iterator[tuple[str, str]]:
    for path in (store.home / "studies").glob("*/study.json"):
        with suppress(OSError, UserError, AttributeError, KeyError, TypeError):  # no settled study
            for recipe in read_json(path)["recipes"]:
                yield from ((key, f"the study {path.parent.name}") for key in keys_named(recipe) if is_key(key))
