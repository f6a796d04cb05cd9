"""Datasets: a catalogue, readers of their sources, leak-free splits, and the prepared store that training reads."""

from archlab.data.entries import Archive, Entry, catalogue, entry
from archlab.data.preparation import prepare
from archlab.data.prepared import Prepared, open_prepared
from archlab.data.suite import Suite, load_suite, suites

__all__ = [
    "Archive",
    "Entry",
    "Prepared",
    "Suite",
    "catalogue",
    "entry",
    "load_suite",
    "open_prepared",
    "prepare",
    "suites",
]
