"""Real images that archlab can prepare anywhere."""

from __future__ import annotations

import pytest

from archlab.data import open_prepared


@pytest.fixture(scope="session")
def digits(tmp_path_factory):
    """1,797 handwritten digits of scikit-learn, at 32 pixels."""
    return open_prepared("digits", tmp_path_factory.mktemp("home"), 32)
