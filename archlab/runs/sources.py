"""What a piece of archlab is made of: its definition in the sources and, in turn, all definitions that this refers to.

Sources are read; none of them is imported.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from archlab.runs.definitions import REST, Definition, Module

Place = tuple[str, str]  # a module and the name of a definition in it
EVERYTHING = "*"
APART = "archlab.foundation"  # reads, checks and words things: it decides no number, and nothing in it is followed


class Sources:
    """The modules of `archlab` and `blocks`, each read when it is first asked for.

    A word in a block's definition that is a name in a registry refers to what is registered under it.
    """

    def __init__(self, folders: Mapping[str, Path]):
        self.folders = folders
        self._modules: dict[str, Module | None] = {}
        self._targets: dict[Place, dict[str, list[Place]]] = {}

    def module(self, name: str) -> Module | None:
        """None for other packages, and for what is APART."""
        if name not in self._modules:
            top, *parts = name.split(".")
            found = None
            if top in self.folders and not f"{name}.".startswith(f"{APART}."):
                path = self.folders[top].joinpath(*parts)
                if (path / "__init__.py").is_file():
                    found = Module((path / "__init__.py").read_bytes(), name)
                elif parts and path.with_suffix(".py").is_file():
                    found = Module(path.with_suffix(".py").read_bytes(), name.rpartition(".")[0])
            self._modules[name] = found
        return self._modules[name]

    def add(self, name: str, source: bytes) -> list[Place]:
        """The definitions of a module that lies elsewhere and is called `name`, in the place of one called so before."""
        self._modules[name] = module = Module(source, "")
        return [(name, defined) for defined in module.definitions]

    @cached_property
    def registered(self) -> dict[str, dict[str, Place]]:
        """The definitions in every registry of `blocks`, by the names that they are registered under."""
        entries: dict[str, dict[str, Place]] = {}
        for path in sorted(self.folders["blocks"].rglob("*.py")):
            inside = path.relative_to(self.folders["blocks"]).with_suffix("").parts
            name = ".".join(("blocks", *(part for part in inside if part != "__init__")))
            module = self.module(name)
            for defined, definition in module.definitions.items() if module else ():
                for registry, entry in definition.registrations():
                    entries.setdefault(registry, {})[entry] = name, defined
        return entries

    def find(self, name: str) -> list[Place]:
        """What a full dotted name stands for: a definition, or all those of a module; nothing in other packages."""
        here, *parts = name.split(".")
        while module := self.module(here):
            if not parts or parts[0] == EVERYTHING:
                exported = module.imports.values() if parts else ()
                return [(here, own) for own in module.definitions] + [
                    each for full in exported for each in self.find(full)
                ]
            if parts[0] in module.definitions:
                return [(here, parts[0])]
            if module.imports.get(parts[0], inside := f"{here}.{parts[0]}") != inside:
                return self.find(".".join((module.imports[parts[0]], *parts[1:])))
            here, parts = inside, parts[1:]
        return []

    def made_of(self, roots: Iterable[Place], *, complete: bool = True) -> set[Place]:
        """The roots and all that they refer to, directly or not.

        `complete`: the roots are given all their arguments, as is whatever archlab makes of blocks, so that the words among
        the defaults of their parameters refer to nothing.
        """
        waiting = [(root, complete) for root in roots]
        seen = set(waiting)
        while waiting:
            place, given = waiting.pop()
            archlabs, following = place[0].startswith("archlab."), set[tuple[Place, bool]]()
            for targets in self._targets_of(place).values():
                following |= {(target, archlabs and target[0].startswith("blocks.")) for target in targets}
            if not archlabs:
                definition = self.definition(place)
                words = definition.words if given else definition.words | definition.default_words
                following |= {
                    (entries[word], False) for entries in self.registered.values() for word in words & entries.keys()
                }
            if (rest := (place[0], REST)) in self:
                following.add((rest, False))
            waiting += following - seen
            seen |= following
        return {place for place, _ in seen}

    def digest(self, places: Iterable[Place]) -> str:
        """Of definitions, and of which one each name in them stands for, wherever they lie; 32 hexadecimal digits."""
        lines = set()
        for place in places:
            parts = [self.definition(place).digest]
            for name, targets in sorted(self._targets_of(place).items()):
                parts += [name, *sorted(self.definition(target).digest for target in targets)]
            lines.add(" ".join(parts))
        return sha256("\n".join(sorted(lines)).encode()).hexdigest()[:32]

    def __contains__(self, place: Place) -> bool:
        module = self.module(place[0])
        return module is not None and place[1] in module.definitions

    def definition(self, place: Place) -> Definition:
        module = self.module(place[0])
        assert module
        return module.definitions[place[1]]

    def _targets_of(self, place: Place) -> dict[str, list[Place]]:
        """What the names in a definition stand for."""
        if place not in self._targets:
            module = self.module(place[0])
            assert module
            found = {}
            for name in self.definition(place).names:
                first, _, rest = name.partition(".")
                full = f"{place[0]}.{first}" if first in module.definitions else module.imports.get(first, first)
                found[name] = self.find(".".join(filter(None, (full, rest))))
            self._targets[place] = {name: targets for name, targets in found.items() if targets}
        return self._targets[place]
