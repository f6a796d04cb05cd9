"""The winner of a search or a pick as a file that holds all that is needed to use it elsewhere, and its runs beside it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from filelock import FileLock

from archlab.architecture import Architecture
from archlab.architecture.own_blocks import own_blocks_of
from archlab.architecture.writing import architecture_yaml
from archlab.deploy.finding import WINNER, WINNERS_RUNS
from archlab.foundation import replace_folder, write_file
from archlab.foundation.own_code_texts import texts_of
from archlab.runs import DamagedRunError, Run, Store
from archlab.runs.stored import read_model


def save_winner(
    folder: Path,
    architecture: Architecture,
    comment: str,
    runs: list[Run],
    store: Store,
    *,
    width: float = 1.0,
    class_names: Sequence[str] = (),
) -> None:
    """Writes winner.yaml, and the winner's finished runs as a folder each; `architecture` is meant at `width`, and
    `class_names` are those of today where classes have been renamed since.

    Processes that end one search together write one after the other.
    """
    finished = [run for run in runs if run.key in store]
    carried = {run.key: _carried(run, store) for run in finished}
    trained_with = [each["own_blocks"] for each in carried.values() if "own_blocks" in each]
    own_blocks = trained_with[0] if trained_with else texts_of(own_blocks_of(architecture))
    trained = _trained(finished, carried)
    for each in trained.values() if class_names else ():
        each["class_names"] = list(class_names)
    text = architecture_yaml(architecture, comment, width=width, own_blocks=own_blocks, trained=trained)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f".{WINNERS_RUNS}.lock"):
        part = folder / f".{WINNERS_RUNS}.arriving"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        try:
            for run in finished:
                shutil.copytree(store.directory(run.key), part / run.key, copy_function=_link)
            replace_folder(part, folder / WINNERS_RUNS)
        finally:
            shutil.rmtree(part, ignore_errors=True)
        write_file(folder / WINNER, text)


def _carried(run: Run, store: Store) -> dict[str, Any]:
    """What a run carries; nothing where it is damaged, or was stored before runs did."""
    try:
        return read_model(store.directory(run.key)) or {}
    except DamagedRunError:
        return {}


def _trained(runs: list[Run], carried: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """By dataset: the runs' keys by seed, their recipe, the names of the classes, and how images are preprocessed."""
    trained: dict[str, Any] = {}
    for run in runs:
        recipe = deepcopy(run.recipe)  # runs that share one would be written as references to the first
        entry: dict[str, Any] = trained.setdefault(run.dataset, {"runs": {}, "recipe": recipe})
        entry["runs"][str(run.seed)] = run.key
        for name in ("class_names", "preprocessing"):
            if name in carried[run.key]:
                entry.setdefault(name, carried[run.key][name])
    return trained


def _link(source: str, target: str) -> None:
    """Finished runs never change, so that the two may be one file; a copy where the disk has no such thing."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
