"""Runs: their keys, the store of finished ones, the plan, and executing them in processes of their own."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from archlab.runs.code import code_digest
from archlab.runs.events import Event, EventLog, Failure
from archlab.runs.execution import Interrupted, Outcome, execute, interruptible
from archlab.runs.pool import Pool, Settings, open_pool
from archlab.runs.run import Run
from archlab.runs.store import Store
from archlab.runs.stored import DamagedRunError

if TYPE_CHECKING:
    from archlab.runs.index import Listing, list_runs
    from archlab.runs.planning import Judgement, Plan, plan, smoke
    from archlab.runs.sharing import gpu_count, workers_for
    from archlab.runs.watching import Watch

_MODULE_OF = {
    "Judgement": "planning",
    "Listing": "index",
    "Plan": "planning",
    "Watch": "watching",
    "gpu_count": "sharing",
    "list_runs": "index",
    "plan": "planning",
    "smoke": "planning",
    "workers_for": "sharing",
}

__all__ = [
    "DamagedRunError",
    "Event",
    "EventLog",
    "Failure",
    "Interrupted",
    "Judgement",
    "Listing",
    "Outcome",
    "Plan",
    "Pool",
    "Run",
    "Settings",
    "Store",
    "Watch",
    "code_digest",
    "execute",
    "gpu_count",
    "interruptible",
    "list_runs",
    "open_pool",
    "plan",
    "smoke",
    "workers_for",
]


def __getattr__(name: str) -> Any:
    """Imports what not every command needs when it is first used."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'archlab.runs' has no attribute {name!r}")
    return getattr(importlib.import_module(f"archlab.runs.{_MODULE_OF[name]}"), name)
