import pytest


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A store of each test's own."""
    monkeypatch.setenv("ARCHLAB_HOME", str(tmp_path / "home"))
    return tmp_path / "home"
