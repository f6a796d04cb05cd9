"""Runs: their keys, the store of finished ones, the plan, and executing them in processes of their own."""

from archlab.runs.code import code_digest
from archlab.runs.run import Run
from archlab.runs.store import DamagedRunError, Store

__all__ = ["DamagedRunError", "Run", "Store", "code_digest"]
