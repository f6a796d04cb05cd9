"""What tests of commands share."""

from __future__ import annotations

import pytest


@pytest.fixture
def build(command, tmp_path):
    """Writes a study and calls `archlab build` on it."""

    def call(study: str, *arguments: str):
        path = tmp_path / "study.yaml"
        path.write_text(study)
        return command("build", "--spec", path, "--store", tmp_path / "store", *arguments)

    return call
