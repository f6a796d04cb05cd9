"""Runs: what one is, the key under which its result is stored, and the store of finished ones."""

from archlab.runs.code import code_digest
from archlab.runs.events import Event, EventLog, Failure
from archlab.runs.making import open_data, run_of
from archlab.runs.run import Run
from archlab.runs.store import Store
from archlab.runs.stored import DamagedRunError

__all__ = [
    "DamagedRunError",
    "Event",
    "EventLog",
    "Failure",
    "Run",
    "Store",
    "code_digest",
    "open_data",
    "run_of",
]
