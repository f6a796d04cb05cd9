"""Runs: what one is, the key under which its result is stored, and the store of finished ones."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from archlab.runs.code import code_digest
from archlab.runs.events import Event, EventLog, Failure
from archlab.runs.making import open_data, run_of
from archlab.runs.run import Run
from archlab.runs.store import Store
from archlab.runs.stored import DamagedRunError

if TYPE_CHECKING:
    from archlab.runs.index import Listing, list_runs

__all__ = [
    "DamagedRunError",
    "Event",
    "EventLog",
    "Failure",
    "Listing",
    "Run",
    "Store",
    "code_digest",
    "list_runs",
    "open_data",
    "run_of",
]


def __getattr__(name: str) -> Any:
    """Imports what not every command needs when it is first used."""
    if name not in ("Listing", "list_runs"):
        raise AttributeError(f"module 'archlab.runs' has no attribute {name!r}")
    return getattr(importlib.import_module("archlab.runs.index"), name)
