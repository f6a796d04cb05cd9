"""One thread for torch, as in archlab's own workers: small networks are fastest so, and numbers do not depend on cores.

The stand-ins for training are importable, here and in worker processes.
"""

import os
import sys
from collections import Counter
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent / "executors"))


def pytest_collection_modifyitems(items):
    """Files with many slow tests come first: workers that share files (`--dist loadfile`) end with short ones."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """What was logged of names that are no text reaches another process only as text."""
    report = yield
    report.sections = [(title, text.encode(errors="backslashreplace").decode()) for title, text in report.sections]
    return report


@pytest.fixture(scope="session", autouse=True)
def servers():
    """Workers are forked by servers that outlive the tests: see `tests.servers`."""
    from tests.servers import Servers

    kept = Servers()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("archlab.executors.local.Forks", kept.lend)
        yield
    kept.close()


@pytest.fixture
def command(monkeypatch, capsys):
    """Calls the command line; gives exit code, standard output and standard error."""

    def call(*arguments):
        from archlab.cli.main import main

        monkeypatch.setattr(sys, "argv", ["archlab", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        captured = capsys.readouterr()
        return stopped.value.code, captured.out, captured.err

    return call


@pytest.fixture
def store(tmp_path):
    """An empty store of runs."""
    from archlab.runs import Store

    return Store(tmp_path)


@pytest.fixture
def one_thread():
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def timed():
    """Networks are timed in ONNX Runtime, which takes seconds each; elsewhere their times are made up."""


@pytest.fixture(autouse=True)
def times_made_up(request, monkeypatch):
    def made_up(runs, *_):
        times = {"low_ms": 1.0, "n": 9, "hardware": "made up", "precision": "float"}
        return {run.key: [{**times, "median_ms": 1 + run.width, "high_ms": 2 + run.width}] for run in runs}

    if "timed" not in request.fixturenames:
        monkeypatch.setattr("archlab.deploy.latencies._measured", made_up)


@pytest.fixture
def own_code_forgotten():
    """Blocks, parts and files that a test registers or loads in this process are gone after it."""
    from archlab.architecture.own_blocks import own_blocks_alone

    with own_blocks_alone({}):
        yield
