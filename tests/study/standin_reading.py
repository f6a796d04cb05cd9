"""Archlab's own training, which notes what images it reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import patch

from archlab.data.batches import Batches
from archlab.executors.training import train_run


def note_reads(run: Any, *, home: Path, folder: Path, report: Any, reads: str, **options: Any) -> Any:
    """A line in the file `reads` for each split that batches are made of, which is how images come to a network: `try` or
    `run`, and the split."""
    what, make = "run" if run.recipe.get("test", True) else "try", Batches.__init__

    def noting(batches: Any, prepared: Any, *splits: str, **more: Any) -> None:
        with Path(reads).open("a") as file:
            file.writelines(f"{what} {split}\n" for split in splits)
        make(batches, prepared, *splits, **more)

    with patch.object(Batches, "__init__", noting):
        return train_run(run, home=home, folder=folder, report=report, **options)
