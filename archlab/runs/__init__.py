"""Runs: their keys, the store of finished ones, the plan, and executing them in processes of their own."""

from archlab.runs.code import code_digest
from archlab.runs.events import Event, EventLog, Failure
from archlab.runs.execution import Interrupted, Outcome, execute, interruptible
from archlab.runs.pool import Pool, Settings, open_pool
from archlab.runs.run import Run
from archlab.runs.store import Store
from archlab.runs.stored import DamagedRunError

__all__ = [
    "DamagedRunError",
    "Event",
    "EventLog",
    "Failure",
    "Interrupted",
    "Outcome",
    "Pool",
    "Run",
    "Settings",
    "Store",
    "code_digest",
    "execute",
    "interruptible",
    "open_pool",
]
