"""Registries of what an architecture can name: blocks, and the parts of blocks."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

Entry = TypeVar("Entry", bound=Callable)


class Registry:
    """Names and the classes that they stand for."""

    def __init__(self, kind: str):
        self.kind = kind
        self._entries: dict[str, Callable] = {}
        self._files: dict[str, str | None] = {}
        self.contract: Callable[[str, Any], None] = lambda name, entry: None
        """Raises TypeError for a name or a class that is not to be entered."""
        self.replaces = False
        """Whether a class takes the place of another of its name; see `replacing`."""

    def register(self, name: str) -> Callable[[Entry], Entry]:
        """A decorator that enters a class under `name`. Raises ValueError where the name is taken by another.

        The same class, registered again by the same file, takes the place of the former.
        """
        file = _file_of(sys._getframe(1).f_globals)

        def enter(entry: Entry) -> Entry:
            self.contract(name, entry)
            known = self._entries.get(name)
            if (
                known is not None
                and not self.replaces
                and (self._files.get(name), known.__qualname__) != (file, entry.__qualname__)
            ):
                raise ValueError(
                    f"{self.kind} {name!r} is already registered by {self._files.get(name) or known.__module__}"
                )
            self._entries[name], self._files[name] = entry, file
            return entry

        return enter

    def file(self, name: str) -> str | None:
        """The file that registered `name`; None where it can be found in no file that another process could import."""
        return self._files.get(name)

    def __getitem__(self, name: str) -> Any:
        return self._entries[name]

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._entries))


def _file_of(namespace: dict[str, Any]) -> str | None:
    """Of a module's globals; None for a program or a notebook: importing it would run it."""
    file = namespace.get("__file__")
    return os.path.realpath(file) if file and namespace["__name__"] != "__main__" else None


BLOCKS = Registry("block")
ACTIVATIONS = Registry("activation")
NORMALIZATIONS = Registry("normalization")
CHANNEL_ATTENTIONS = Registry("channel attention")
INITIALIZATIONS = Registry("initialization")

REGISTRIES = (BLOCKS, CHANNEL_ATTENTIONS, ACTIVATIONS, NORMALIZATIONS, INITIALIZATIONS)

register = BLOCKS.register


# Functions rather than methods: every own block refers to `Registry`, so that its text decides the keys of their runs.


@contextmanager
def restored() -> Iterator[None]:
    """Afterwards, the registries hold what they held before."""
    before = [(registry, dict(registry._entries), dict(registry._files)) for registry in REGISTRIES]
    try:
        yield
    finally:
        for registry, entries, files in before:
            registry._entries, registry._files = entries, files


@contextmanager
def replacing() -> Iterator[None]:
    """Within, what is registered takes the place of what has its name, as a network's own block that archlab has since too."""
    for registry in REGISTRIES:
        registry.replaces = True
    try:
        yield
    finally:
        for registry in REGISTRIES:
            registry.replaces = False


def remove(registry: Registry, name: str) -> None:
    del registry._entries[name], registry._files[name]
