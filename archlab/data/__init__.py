"""Datasets: a catalogue, readers of their sources, leak-free splits, and the prepared store that training reads."""

from archlab.data.entries import Entry, catalogue, entry, kin
from archlab.data.expected import Expected, is_prepared
from archlab.data.inspection import Inspection, Pair, inspect
from archlab.data.listing import ImageArray, ImageFiles, Listing
from archlab.data.overlap import Overlap, shared_images
from archlab.data.own import add_dataset
from archlab.data.preparation import Need, command_to_prepare, open_prepared, prepare
from archlab.data.prepared import Prepared
from archlab.data.removal import remove_dataset
from archlab.data.sheet import contact_sheet
from archlab.data.sizes import ClassCounts, images_to_test, test_classes
from archlab.data.suite import Suite, load_suite, suites

__all__ = [
    "ClassCounts",
    "Entry",
    "Expected",
    "ImageArray",
    "ImageFiles",
    "Inspection",
    "Listing",
    "Need",
    "Overlap",
    "Pair",
    "Prepared",
    "Suite",
    "add_dataset",
    "catalogue",
    "command_to_prepare",
    "contact_sheet",
    "entry",
    "images_to_test",
    "inspect",
    "is_prepared",
    "kin",
    "load_suite",
    "open_prepared",
    "prepare",
    "remove_dataset",
    "shared_images",
    "suites",
    "test_classes",
]
