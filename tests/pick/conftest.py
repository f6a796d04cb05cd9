import json
import shutil
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from tests.deploy.conftest import place  # noqa: F401  # fixtures
from tests.report.conftest import axe, browser  # noqa: F401
from tests.study.conftest import times  # noqa: F401

for room in ("study", "pick"):  # makes their stand-ins importable, in worker processes too
    sys.path.insert(0, str(Path(__file__).parents[1] / room))


@pytest.fixture(scope="session")
def searched(tmp_path_factory):
    """A store with a finished search and a finished study whose training is a stand-in, to be copied."""
    import small_study
    import standin_executor
    from made_searches import PHOTOS, SEARCHED, catalogued

    from archlab.data import open_prepared
    from archlab.executors import Settings
    from archlab.runs import Store
    from archlab.study.search.search import search

    folder = tmp_path_factory.mktemp("searched")
    home, spec = folder / "home", folder / "small.yaml"
    spec.write_text(SEARCHED)
    for name in ("digits", "textures"):
        open_prepared(name, home, 32)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("archlab.study.computing.check_counts", lambda *_, **__: None)
        patched.setattr("archlab.deploy.latencies._measured", lambda *_: {})
        patched.setenv("STAND_IN", json.dumps({"function": "standin_pick:train"}))
        search(spec, Store(home), Settings(executor=standin_executor.PATH, workers=1, retries=0))
        small_study.filled(Store(home))
    catalogued(home, PHOTOS)
    return home


@pytest.fixture
def store(searched, tmp_path):
    from archlab.runs import Store

    shutil.copytree(searched, tmp_path / "home")
    return Store(tmp_path / "home")


@pytest.fixture
def empty(tmp_path):
    """A store without anything in it."""
    from archlab.runs import Store

    (tmp_path / "home").mkdir()
    return Store(tmp_path / "home")


@pytest.fixture
def found(empty):
    """found(folder) gives what is described, and what was said before the lines of its facts."""
    from archlab.pick.photographs import Source, describe

    def found(folder=None, **columns):
        said = []
        described = describe(Source(folder=folder, **columns), empty, said.append)
        told = len(described.facts["lines"]) + len(described.facts["remarks"])
        return described, said[:-told]

    return found


GRAPHS: dict[str, bytes] = {}


@pytest.fixture
def exported_once(monkeypatch):
    """A network becomes a graph once, which takes seconds, however often it is written: `tests/deploy` tests that."""
    import onnx

    from archlab.deploy import onnx_exporter
    from archlab.deploy.onnx_export import core_graph

    def once(network):
        found = sha256(network.origin["key"].encode())
        for tensor in network.state_dict().values():
            found.update(tensor.numpy().tobytes())
        name = found.hexdigest()
        if name not in GRAPHS:
            GRAPHS[name] = core_graph(network).SerializeToString()
        return onnx.load_from_string(GRAPHS[name])

    monkeypatch.setattr(onnx_exporter, "core_graph", once)
