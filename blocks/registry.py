"""Registries of what an architecture can name: blocks, and the parts of blocks."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

Entry = TypeVar("Entry", bound=Callable)


class Registry:
    """Names and the classes that they stand for."""

    def __init__(self, kind: str):
        self.kind = kind
        self._entries: dict[str, Callable] = {}

    def register(self, name: str) -> Callable[[Entry], Entry]:
        """A decorator that enters a class under `name`. Raises ValueError where the name is taken by another.

        The same class of the same file, imported again, takes the place of the former.
        """

        def enter(entry: Entry) -> Entry:
            known = self._entries.get(name)
            if known is not None and _origin(known) != _origin(entry):
                raise ValueError(f"{self.kind} {name!r} is already registered by {known.__module__}")
            self._entries[name] = entry
            return entry

        return enter

    def __getitem__(self, name: str) -> Any:
        return self._entries[name]

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._entries))


def _origin(entry: Callable) -> tuple[str, str]:
    file = getattr(sys.modules.get(entry.__module__), "__file__", None)
    return os.path.realpath(file) if file else entry.__module__, entry.__qualname__


BLOCKS = Registry("block")
ACTIVATIONS = Registry("activation")
NORMALIZATIONS = Registry("normalization")
CHANNEL_ATTENTIONS = Registry("channel attention")
INITIALIZATIONS = Registry("initialization")

register = BLOCKS.register
