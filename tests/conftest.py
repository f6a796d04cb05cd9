"""One thread for torch, as in archlab's own workers: small networks are fastest so, and numbers do not depend on cores.

The stand-ins for training are importable, here and in worker processes.
"""

import os
import sys
from collections import Counter
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent / "executors"))


def pytest_collection_modifyitems(items):
    """Files with many slow tests come first: workers that share files (`--dist loadfile`) end with short ones."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])
