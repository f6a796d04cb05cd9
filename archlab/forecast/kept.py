"""Measurements of this machine that are made once and kept in the store, as JSON."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from archlab.foundation import write_file
from archlab.foundation.sealed import read_sealed, seal
from archlab.runs.store import Store


def read_measurement(store: Store, what: str, name: str) -> Any | None:
    """What was measured; None where it was not, or is not as it was kept."""
    return read_sealed(_file(store, what, name))


def keep_measurement(store: Store, what: str, name: str, value: Any) -> None:
    """Keeps a measurement; where the disk is full it is made again."""
    with suppress(OSError):
        write_file(_file(store, what, name), seal(value))


def kept_below(store: Store, what: str) -> list[str]:
    """The folders of measurements below `what`."""
    return sorted(f"{what}/{path.name}" for path in (store.home / "cache" / what).glob("*") if path.is_dir())


def _file(store: Store, what: str, name: str) -> Path:
    return store.home / "cache" / what / f"{name}.json"
