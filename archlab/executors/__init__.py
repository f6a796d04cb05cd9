"""Executors: who computes runs, worker processes on this machine or a Ray cluster; a run that dies costs itself alone."""

from archlab.executors.cluster import connected, with_room
from archlab.executors.execution import Interrupted, Outcome, execute, interruptible
from archlab.executors.executor import Executor, open_executor
from archlab.executors.local import one_server
from archlab.executors.settings import TRAIN, Settings, Task

__all__ = [
    "TRAIN",
    "Executor",
    "Interrupted",
    "Outcome",
    "Settings",
    "Task",
    "connected",
    "execute",
    "interruptible",
    "one_server",
    "open_executor",
    "with_room",
]
