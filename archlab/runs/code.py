"""The digest of the code that decides a run's result: what its architecture names, and the loop that trains it."""

from __future__ import annotations

import gc
import importlib.util
from collections.abc import Iterable, Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from archlab.runs.sources import Place, Sources

LOOP = (
    ("archlab.training.loop", "train"),
    ("archlab.architecture.spec", "from_canonical"),
)
"""What computes a run, from its canonical architecture to its numbers. What else matters to a result is in the run itself."""


def code_digest(architecture: dict[str, Any], own_files: Iterable[str | Path] = ()) -> str:
    """The digest of the sources that decide a run of an architecture, given in its canonical form.

    They are the loop and the definitions of the blocks, and the parts of blocks, that it names, with everything that these
    refer to; comments, docstrings and whatever else stands in their files do not count. Where there are files of own code,
    `+` and their digest follow: of their texts, and of what they refer to in archlab.
    """
    shipped = _digest_of(frozenset(named(architecture)))
    own = sorted({Path(path).read_bytes() for path in own_files})
    if not own:
        return shipped
    parts = [f"{sha256(source).hexdigest()} {_referred_by(source)}" for source in own]
    return f"{shipped}+{sha256(' '.join(parts).encode()).hexdigest()[:16]}"


@cache
def sources() -> Sources:
    """archlab's own, as they are when this process first asks for them."""
    found, collecting = Sources(_folders()), gc.isenabled()
    gc.disable()  # parsing makes many objects and no garbage: looking for it takes as long again
    try:
        found.made_of(LOOP)
    finally:
        if collecting:
            gc.enable()
    return found


@cache
def _digest_of(named: frozenset[Place]) -> str:
    return sources().digest(sources().made_of({*LOOP, *named}))


@cache
def _referred_by(own_source: bytes) -> str:
    own = sources().add(name := sha256(own_source).hexdigest(), own_source)
    return sources().digest(place for place in sources().made_of(own, complete=False) if place[0] != name)


def named(architecture: dict[str, Any]) -> set[Place]:
    """The definitions of the shipped blocks and components that an architecture names."""
    registered = sources().registered
    layers = [*architecture["layers"], *architecture["head"].get("layers", ())]
    blocks = {layer["block"] for layer in layers}
    components = {*_components(architecture["head"]), *_components({"init": architecture.get("init")})}
    for layer in layers:
        components.update(_components(layer["arguments"]))
    return {
        place
        for registry, entries in registered.items()
        for name, place in entries.items()
        if name in (blocks if registry == "BLOCKS" else components)
    }


def _components(arguments: dict[str, Any]) -> Iterator[str]:
    """The names of the components among arguments, each written `{name: {its own arguments}}`, and among those."""
    for value in arguments.values():
        if isinstance(value, dict):
            ((name, given),) = value.items()
            yield name
            yield from _components(given)


def _folders() -> dict[str, Path]:
    spec = importlib.util.find_spec("blocks")  # imports nothing
    assert spec is not None and spec.submodule_search_locations
    return {"archlab": Path(__file__).parents[1], "blocks": Path(next(iter(spec.submodule_search_locations)))}
