import pytest

from archlab.executors.forks import Forks


@pytest.fixture
def own_servers(monkeypatch):
    """Each executor has its own, as outside of tests."""
    monkeypatch.setattr("archlab.executors.local.Forks", Forks)
