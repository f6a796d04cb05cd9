"""A store of many finished runs: how long listing, scoring and reporting take."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from archlab.report import Material, analyse, text
from archlab.runs import Store
from archlab.runs.index import list_runs, tidy_table
from archlab.scoring import score_table
from tests.comparisons.synthetic import write_synthetic_runs
from tests.comparisons.timed import TimedBench, timed

DATASETS, SEEDS = 8, 5
REFERENCES = 4  # models that span the frame
REPORTED = 40  # models of the study that is reported
LISTING = "archlab runs list, from start to end"


def bench_store(home: Path, *, repeats: int, progress: Callable[[str], None], runs: int = 100_000) -> TimedBench:
    """Writes a store of synthetic runs into a temporary folder of `home` and works with it as a user would."""
    models = max(runs // (DATASETS * SEEDS), REPORTED)
    bench = TimedBench("store", {"runs": models * DATASETS * SEEDS})
    with tempfile.TemporaryDirectory(dir=home, prefix="bench-store-") as folder:
        store = Store(folder)
        progress(f"writing {models * DATASETS * SEEDS:,} runs")
        write_synthetic_runs(store, models, DATASETS, SEEDS)
        bench.add_seconds([{"index from the directories": timed(lambda: list_runs(store))}])
        actions, rounds = _actions(store), []
        for number in range(repeats):
            progress(f"round {number + 1} of {repeats}")
            rounds.append({name: timed(action) for name, action in actions.items()})
    bench.add_seconds(rounds)
    bench.most = {LISTING: 2.0}
    return bench


def _actions(store: Store) -> dict[str, Callable[[], object]]:
    command = [sys.executable, "-m", "archlab", "runs", "list", "--store", str(store.home)]
    return {
        LISTING: lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL),
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
