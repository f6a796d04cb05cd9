import pytest

from tests.deploy.made import make_place


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    """A store with runs, which tests read and do not change."""
    return make_place(tmp_path_factory.mktemp("pick"))
