import json
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # makes the stand-in importable, here and in worker processes


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A store of each test's own."""
    monkeypatch.setenv("ARCHLAB_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def measure_nothing(monkeypatch):
    """Models are not counted by fvcore, which takes a worker each, and how fast they train is made up: `tests/forecast` and
    `tests/cli` do that."""
    from archlab.forecast.costs import Speed, keep_speed, kind_of

    def measured(runs, store, settings, tell):
        for run in runs:
            keep_speed(store, kind_of(run), Speed(setup=0.1, step=0.01, image=0.001, checkpoint=0.01, memory=2**27))

    monkeypatch.setattr("archlab.study.computing.check_counts", lambda *_, **__: None)
    monkeypatch.setattr("archlab.forecast.planning._measure", measured)


@pytest.fixture(autouse=True)
def unmeasured(monkeypatch):
    measure_nothing(monkeypatch)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """A store with the sample datasets prepared, to be copied."""
    from archlab.data import open_prepared

    home = tmp_path_factory.mktemp("prepared")
    for name in ("digits", "textures", "elpv", "pines"):
        open_prepared(name, home, 32)
    return home


@pytest.fixture
def store(prepared, home):
    """A store of this test with those data."""
    from archlab.runs import Store

    home.mkdir()
    (home / "datasets").symlink_to(prepared / "datasets")
    return Store(home)


@pytest.fixture(scope="session")
def idea(prepared, tmp_path_factory):
    """The finished ablation of `small_study.STUDY`, which tests read and do not change."""
    from small_study import filled

    from archlab.runs import Store

    home = tmp_path_factory.mktemp("idea")
    (home / "datasets").symlink_to(prepared / "datasets")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("archlab.deploy.latencies._measured", lambda *_: {})
        return filled(Store(home))


@pytest.fixture
def stand_in(monkeypatch):
    """Training is a stand-in; calling this makes the run of that name fail."""

    def fails(name=None):
        given = {"function": "standin_training:train", "options": {"fail": name}}
        monkeypatch.setenv("STAND_IN", json.dumps(given))

    fails()
    return fails


@pytest.fixture
def place(tmp_path, prepared):
    """Makes stores that have the datasets; each with the study's file beside it."""
    from small_search import study_of

    study_of(tmp_path / "store")

    def make(name="store"):
        shutil.copytree(prepared, tmp_path / name)
        return tmp_path / name

    return make


@pytest.fixture(scope="session")
def searched(prepared, tmp_path_factory):
    """A store, to be copied, in which `small_search.STUDY` was searched, and what was found."""
    from search_program import run
    from small_search import study_of

    home = shutil.copytree(prepared, tmp_path_factory.mktemp("searched") / "store")
    with pytest.MonkeyPatch.context() as patched:
        measure_nothing(patched)
        patched.setattr("archlab.deploy.latencies._measured", lambda *_: {})
        patched.setenv("STAND_IN", "")  # which `run` sets
        return home, run(study_of(home), home)


@pytest.fixture
def after_search(searched, tmp_path):
    """A copy of that store."""
    return shutil.copytree(searched[0], tmp_path / "store")


@pytest.fixture
def times(monkeypatch):
    """Makes up what networks take, see `made_up_times.maker`."""
    from made_up_times import maker

    return maker(monkeypatch)
