"""The winner of a search as a file that holds all that is needed to use it elsewhere, and its runs beside it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from archlab.architecture import Architecture
from archlab.architecture.own_blocks import own_blocks_of
from archlab.architecture.writing import architecture_yaml
from archlab.deploy.finding import WINNERS_RUNS
from archlab.foundation import write_atomically
from archlab.foundation.own_code_texts import texts_of
from archlab.runs import Run, Store
from archlab.runs.stored import read_model

WINNER = "winner.yaml"


def save_winner(folder: Path, architecture: Architecture, comment: str, runs: list[Run], store: Store) -> None:
    """Writes winner.yaml, and the winner's finished runs as a folder each; `architecture` has its width built in."""
    finished = [run for run in runs if run.key in store]
    shutil.rmtree(folder / WINNERS_RUNS, ignore_errors=True)
    for run in finished:
        shutil.copytree(store.directory(run.key), folder / WINNERS_RUNS / run.key, copy_function=_link)
    own_blocks = texts_of(own_blocks_of(architecture))
    text = architecture_yaml(architecture, comment, width=1.0, own_blocks=own_blocks, trained=_trained(finished, store))
    with write_atomically(folder / WINNER) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _trained(runs: list[Run], store: Store) -> dict[str, Any]:
    """By dataset: the runs' keys by seed, the names of the classes, and how images are preprocessed."""
    trained: dict[str, Any] = {}
    for run in runs:
        carried = read_model(store.directory(run.key)) or {}
        of_dataset = {name: carried[name] for name in ("class_names", "preprocessing") if name in carried}
        entry: dict[str, Any] = trained.setdefault(run.dataset, {"runs": {}} | of_dataset)
        entry["runs"][str(run.seed)] = run.key
    return trained


def _link(source: str, target: str) -> None:
    """Finished runs never change, so that the two may be one file; a copy where the disk has no such thing."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
