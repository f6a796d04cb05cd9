"""A store of many finished runs: how long listing, scoring and reporting take."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from archlab.bench.measured import Spread, machine
from archlab.report import Material, analyse, text
from archlab.runs import Store, list_runs
from archlab.runs.index import tidy_table
from archlab.runs.synthetic import write_synthetic_runs
from archlab.scoring import score_table

DATASETS, SEEDS = 8, 5
REFERENCES = 4  # models that span the frame
REPORTED = 40  # models of the study that is reported


@dataclass
class StoreBench:
    """Seconds of wall time by action, over a store of so many synthetic runs."""

    runs: int
    seconds: dict[str, Spread]
    machine: dict[str, Any] = field(default_factory=lambda: machine())

    def document(self) -> dict[str, Any]:
        return asdict(self)


def bench_store(
    home: Path, *, repeats: int = 5, progress: Callable[[str], None] = lambda words: None, runs: int = 100_000
) -> StoreBench:
    """Writes a store of synthetic runs into a temporary folder of `home` and works with it as a user would."""
    models = max(runs // (DATASETS * SEEDS), REPORTED)
    with tempfile.TemporaryDirectory(dir=home, prefix="bench-store-") as folder:
        store = Store(folder)
        progress(f"writing {models * DATASETS * SEEDS:,} runs")
        write_synthetic_runs(store, models, DATASETS, SEEDS)
        seconds = {"index from the directories": [_seconds(lambda: list_runs(store))]}
        for _ in range(repeats):
            for name, action in _actions(store).items():
                progress(name)
                seconds.setdefault(name, []).append(_seconds(action))
    spreads = {name: Spread.of(values) for name, values in seconds.items()}
    return StoreBench(models * DATASETS * SEEDS, spreads)


def _actions(store: Store) -> dict[str, Callable[[], object]]:
    program = "from archlab.cli.main import main; main()"
    command = [sys.executable, "-c", program, "runs", "list", "--store", str(store.home)]
    return {
        "archlab runs list, from start to end": lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL),
        "score all of them": lambda: _score(store),
        f"report of {REPORTED} models": lambda: _report(store),
    }


def _score(store: Store) -> None:
    table = tidy_table(list_runs(store).table).to_pandas()
    score_table(table, [f"model{number}" for number in range(REFERENCES)], "test")


def _report(store: Store) -> None:
    """Of the first models' runs, each read from its directory."""
    listed = list_runs(store).table.select(["key", "model"]).to_pydict()
    names = {f"model{number}" for number in range(REPORTED)}
    keys = [key for key, model in zip(listed["key"], listed["model"], strict=True) if model in names]
    documents = [document for key in keys if (document := store.get(key))]
    rows = [
        (document["run"]["model"], document["run"]["dataset"], document["run"]["seed"], split, metric, value)
        for document in documents
        for split, values in document["metrics"].items()
        for metric, value in values.items()
    ]
    columns = ["model", "dataset", "seed", "split", "metric", "value"]
    table = pd.DataFrame(rows, columns=columns)
    text(analyse([Material(name="bench", table=table, split="test")]), "html")


def _seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began
