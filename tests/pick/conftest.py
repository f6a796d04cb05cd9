import pytest

from tests.deploy.made import make_place
from tests.report.conftest import browser  # noqa: F401  # a fixture


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    """A store with runs, which tests read and do not change."""
    made = make_place(tmp_path_factory.mktemp("pick"))
    yield made
    assert sorted(made.store.keys()) == sorted(made.keys.values())
