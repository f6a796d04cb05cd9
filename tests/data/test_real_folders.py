"""Real photographs in folders, as anybody has them: below the folder that ARCHLAB_TEST_IMAGES names.

It holds `cifar10` (train/ and test/, 50,000 and 10,000 JPEGs of 32 pixels) and `dogs6` (3,000 and 300 of 64 pixels).
"""

import os
import resource
import subprocess
import sys
import time
from multiprocessing import get_context
from pathlib import Path

import pytest
from PIL import Image

from archlab.data import add_dataset, inspect, open_prepared, prepare
from archlab.data.listing import SPLITS

ROOT = Path(os.environ.get("ARCHLAB_TEST_IMAGES", "nowhere"))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not ROOT.is_dir(), reason="ARCHLAB_TEST_IMAGES names no folder of photographs"),
]


def load(paths):
    for path in paths:
        with Image.open(path) as image:
            image.load()


def test_cifar10_is_prepared_in_time_and_memory(home):
    files = sorted(map(str, (ROOT / "cifar10").rglob("*.jpg")))
    with get_context("spawn").Executor(2) as pool:
        pool.map(load, [[], []])
        start = time.perf_counter()
        pool.map(load, [files[0::2], files[1::2]])
        pillow = time.perf_counter() - start
    add_dataset("photos", home, "folder", {"path": str(ROOT / "cifar10")}, {})
    command = [sys.executable, "-m", "archlab", "datasets", "prepare", "photos", "--workers", "2", "--store", str(home)]
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    taken = time.perf_counter() - start
    assert taken < 2 * pillow + 5
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 2**20  # KiB, of the largest process
    prepared = open_prepared("photos", home)
    assert [len(prepared.labels(split)) for split in SPLITS] == [45_000, 5_000, 10_000]


def test_dogs_are_added_as_a_folder(home):
    described, _, _ = add_dataset("dogs", home, "folder", {"path": str(ROOT / "dogs6")}, {})
    assert (described.classes, described.resolution) == (6, 64)
    prepared = prepare("dogs", home)
    assert [len(prepared.labels(split)) for split in SPLITS] == [2_700, 300, 300]
    assert not inspect(prepared).duplicates
