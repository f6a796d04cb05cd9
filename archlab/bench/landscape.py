"""A recorded landscape: what every design of a small space reached, epoch by epoch, so that searches can be replayed on it.

A folder with `study.yaml` (the space, its recipe and suite), `epochs.csv` (a row for every model, dataset, seed and epoch:
validation accuracy and the seconds until then) and `origin.yaml` (where and when it was trained, images of each dataset).
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from archlab.foundation import UserError, with_store, write_file
from archlab.runs import Run, Store, open_data
from archlab.study.ablating import runs_of
from archlab.study.loading import load_study
from archlab.study.resolving import resolve
from archlab.study.study import Study

RECORDED = Path(str(resources.files("archlab.bench") / "recorded"))
FIRST = "first"
COLUMNS = ["model", "dataset", "seed", "epoch", "steps", "validation_accuracy", "seconds"]


@dataclass(frozen=True)
class Landscape:
    """A study, its table as described above, and where it comes from."""

    study: Study
    table: pd.DataFrame
    origin: dict[str, Any]

    @cached_property
    def histories(self) -> dict[tuple[str, str, int], list[dict[str, Any]]]:
        """The epochs of every run, by model, dataset and seed."""
        groups = self.table.groupby(["model", "dataset", "seed"], sort=False)
        return {
            (str(model), str(dataset), int(str(seed))): [
                {str(name): value for name, value in row.items()}
                for row in rows.drop(columns=["model", "dataset", "seed"]).to_dict("records")
            ]
            for (model, dataset, seed), rows in groups
        }

    def final(self) -> pd.DataFrame:
        """Validation accuracies at full fidelity: model, dataset, seed, value."""
        last = self.table.groupby(["model", "dataset", "seed"], sort=False).last().reset_index()
        return last.rename(columns={"validation_accuracy": "value"})[["model", "dataset", "seed", "value"]]


def landscapes() -> list[str]:
    """Names of those that come with archlab."""
    return sorted(path.parent.name for path in RECORDED.glob("*/study.yaml"))


def read_landscape(source: str | Path = FIRST) -> Landscape:
    """The landscape of a name or a folder. Raises UserError where there is none."""
    folder = RECORDED / source if source in landscapes() else Path(source)
    if not folder.is_dir():
        raise UserError(
            f"there is no landscape {str(source)!r}: neither one of archlab's nor a folder",
            name=source,
            known=landscapes(),
        )
    try:
        table = pd.read_csv(folder / "epochs.csv")
        origin = yaml.safe_load((folder / "origin.yaml").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        missing = Path(error.filename).name
        words = f"no landscape: {missing} is missing; `archlab bench landscape FOLDER` writes it"
        raise UserError(words, where=str(folder)) from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UserError(f"no landscape: {error}", where=str(folder)) from None
    return Landscape(load_study(folder / "study.yaml"), table, origin)


def record_landscape(folder: Path, store: Store) -> int:
    """Writes what the store holds of the grid that `study.yaml` in the folder spans; how many runs that are.

    Raises UserError where a run is missing: `archlab ablate --spec FOLDER/study.yaml` trains it.
    """
    study = resolve(folder / "study.yaml", store.home)
    recorded = runs_of(study, store.home)
    rows, documents = [], []
    for run in recorded:
        document = store.get(run.key)
        if document is None:
            command = with_store(f"archlab ablate --spec {folder / 'study.yaml'}", store.home)
            raise UserError(f"{run} is not in the store: {command} trains it")
        documents.append(document)
        rows += [
            (run.model, run.dataset, run.seed, *(entry[name] for name in COLUMNS[3:])) for entry in document["history"]
        ]
    table = pd.DataFrame(rows, columns=COLUMNS).round({"validation_accuracy": 6, "seconds": 2})
    origin = _origin(documents, recorded, store)
    for name, text in (
        ("epochs.csv", table.to_csv(index=False)),
        ("origin.yaml", yaml.safe_dump(origin, sort_keys=False)),
    ):
        write_file(folder / name, text)
    return len(documents)


def _origin(documents: list[dict[str, Any]], recorded: list[Run], store: Store) -> dict[str, Any]:
    data = {run.dataset: open_data(run, store.home) for run in recorded}
    seconds = [document["seconds"] for document in documents]
    return {
        "recorded": max(document["finished"] for document in documents)[:10],
        "hardware": sorted({document["mode"]["hardware"] for document in documents}),
        "torch": sorted({document["mode"]["torch"] for document in documents}),
        "runs": len(documents),
        "seconds": {"median": round(statistics.median(seconds), 1), "max": round(max(seconds), 1)},
        "recipe": recorded[0].recipe,
        "datasets": {
            name: {"classes": each.num_classes, "validation": sum(each.counts("validation"))}
            for name, each in data.items()
        },
    }
