"""What happens in a worker: take the run's lock, compute, store."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, Protocol

from archlab.executors.channel import StopRequested
from archlab.foundation.warnings_told import warnings_told
from archlab.runs.lock import lock
from archlab.runs.run import Run
from archlab.runs.store import Store

MOST_LETTERS = 500  # of a warning


class Reporter(Protocol):
    """Tells how far a run is, after every epoch; raises StopRequested when the run is to stop there. What is told as `warning`
    is for people, and is no epoch."""

    def __call__(self, **fields: Any) -> None: ...


def perform(
    run: dict[str, Any],
    home: str,
    function: str,
    options: dict[str, Any],
    own_files: list[str],
    keep: bool,
    report: Reporter,
) -> dict[str, Any]:
    """Computes one run in this process.

    `function` is called as `function(run, home=, folder=, report=, **options)`; `folder` holds checkpoints from one
    attempt to the next. With `keep` it returns a result, which is stored; else a small
    JSON object, which is returned.

    Returns `{"state": "finished" | "stored" (was there) | "busy" (another process is at it) | "stopped" (as asked)}` and
    that object.
    """
    if own_files:
        from archlab.foundation.own_code import load_file

        for path in own_files:
            load_file(Path(path), tried=True)  # by whoever planned the run
    this = dataclasses.replace(Run.from_document(run), own_files=tuple(own_files))
    store, compute = Store(home), resolve_name(function)
    try:
        if keep:
            return {"state": _compute_and_store(this, store, compute, options, report)}
        with tempfile.TemporaryDirectory() as folder:
            value = compute(this, home=store.home, folder=Path(folder), report=report, **options)
            return {"state": "finished", **value}
    except StopRequested:
        return {"state": "stopped"}


def _compute_and_store(run: Run, store: Store, compute: Any, options: dict[str, Any], report: Reporter) -> str:
    folder = store.unfinished / run.key
    with lock(folder) as held:
        if not held:
            return "busy"
        there = store.get(run.key) is not None  # another process may have finished it since it was asked for
        if not there:
            with warnings_told(lambda words: report(warning=words.removeprefix("warning: ")[:MOST_LETTERS])):
                result = compute(run, home=store.home, folder=folder, report=report, **options)
            store.put(run, result)
        shutil.rmtree(folder, ignore_errors=True)
    return "stored" if there else "finished"
