import dataclasses
import shutil

import pytest

from tests.deploy.made import shared_place


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    """A store with runs, which tests read and do not change."""
    made = shared_place(tmp_path_factory)
    yield made
    assert sorted(made.store.keys()) == sorted(made.keys.values())


@pytest.fixture
def own_place(place, tmp_path):
    """A copy of it, which a test may train into."""
    return dataclasses.replace(place, home=shutil.copytree(place.home, tmp_path / "own_place"))


@pytest.fixture
def command(command, monkeypatch, tmp_path):
    """The command line, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return command
