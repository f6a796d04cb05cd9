"""Executors: who computes runs, worker processes on this machine or a Ray cluster; a run that dies costs itself alone."""

from archlab.executors.execution import Interrupted, Outcome, execute, interruptible
from archlab.executors.executor import Executor, Settings, open_executor

__all__ = ["Executor", "Interrupted", "Outcome", "Settings", "execute", "interruptible", "open_executor"]
