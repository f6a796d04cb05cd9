import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # makes the stand-in importable, here and in worker processes


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A store of each test's own."""
    monkeypatch.setenv("ARCHLAB_HOME", str(tmp_path / "home"))
    return tmp_path / "home"
