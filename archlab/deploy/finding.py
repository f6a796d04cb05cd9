"""The run that somebody means: by the first digits of its key, or by the path of its folder or of a winner's file or folder."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from archlab.foundation import UserError, home_path, home_to_read, read_yaml, real, where
from archlab.runs import DamagedRunError, Run, Store
from archlab.runs.store import is_key
from archlab.runs.stored import key_in, read_model, read_run

WINNER = "winner.yaml"
WINNERS_RUNS = "winner"
"""The folder beside a winner's file that holds its runs, each in a folder named by its key."""

_log = logging.getLogger("archlab")


@dataclass(frozen=True)
class FoundRun:
    """A stored run, read but for its weights.

    Attributes:
        document: As `Store.get` gives it.
        carried: As `archlab.runs.carried.carried_by` makes it; None where the run was stored before runs carried it.
        home: The store that its data may be in; None where the run lies by itself.
    """

    folder: Path
    run: Run
    document: dict[str, Any]
    carried: dict[str, Any] | None
    home: Path | None

    @property
    def name(self) -> str:
        return self.run.key[:12]


def find_run(
    source: str | Path | Mapping[str, Any] | None, *, dataset: str | None = None, store: str | Path | None = None
) -> FoundRun:
    """The run that `source` means; see `archlab.load`. Raises UserError where there is none, or it is damaged."""
    if source is None:
        raise UserError("there is no best model: none has an xScore on validation images")
    if isinstance(source, Mapping):
        if "file" not in source:
            place = Store(source["store"])
            chosen, key = _chosen(source["runs"], dataset, None)
            return _read(place.directory(key), place.home, chosen)
        return find_run(source["file"], dataset=dataset, store=store)
    path = Path(source)
    if path.name == "weights.safetensors":
        path = path.parent
    if path.suffix in (".yaml", ".yml"):
        return _of_winner(path, dataset, store)
    if _is_path(source):
        if path.is_file():
            raise UserError(f"is a file: a run's folder, its key or a {WINNER} is needed", where=str(source))
        if not path.is_dir():
            raise UserError("there is no such folder", where=str(source), name=path.name, known=_picks(path.parent))
        if (path / WINNER).exists():
            return _of_winner(path / WINNER, dataset, store)
        return _read(path, next(_stores(_store_around(path, "runs"), store), None), dataset)
    begun = str(source)
    if not _has_digits_alone(begun):
        said = f"no stored run starts with {begun!r}, and no folder here is called so"
        raise UserError(said, name=begun, known=_picks(Path()))
    place = Store(home_to_read(store))
    return _read(place.directory(place.find(begun)), place.home, dataset)


def _is_path(source: str | Path) -> bool:
    """Whether that is no key: a Path, something with a separator, or what is here; digits alone only where that holds a run or
    a winner's file."""
    if isinstance(source, Path) or os.sep in source:
        return True
    path = Path(source)
    if _has_digits_alone(source):
        return any((path / name).exists() for name in ("result.json", WINNER))
    return path.exists()


def _has_digits_alone(source: str) -> bool:
    """Whether a key may begin so."""
    return re.fullmatch("[0-9a-fA-F]*", source) is not None


def _picks(folder: Path) -> list[str]:
    """The names of the folders of picks, and of others with a winner's file, in a folder."""
    return [path.parent.name for path in folder.glob(f"*/{WINNER}")]


def _read(folder: Path, home: Path | None, dataset: str | None) -> FoundRun:
    try:
        document = read_run(folder, key_in(folder))
        carried = read_model(folder)
    except DamagedRunError as damage:
        raise UserError(f"this is no whole run: {damage}", where=str(folder)) from None
    run = Run.from_document(document["run"])
    if dataset is not None and dataset != run.dataset:
        raise UserError(f"this run is on {run.dataset}, not on {dataset}", where=str(folder))
    return FoundRun(folder, run, document, carried, home)


def _store_around(path: Path, part: str) -> Path | None:
    """The store that a run's folder ("runs") or a winner's file ("studies") lies in, or that a link to it leads to."""
    for parents in (path.absolute().parents, real(path).parents):
        if len(parents) > 2 and parents[1].name == part:
            return parents[2]
    return None


def _of_winner(path: Path, dataset: str | None, store: str | Path | None) -> FoundRun:
    document = read_yaml(path)
    trained, at = document.get("trained"), where(document, "trained") or str(path)
    if not isinstance(trained, dict) or not trained:
        raise UserError(
            "nobody has trained this: a run's key, a run's folder or a search's winner.yaml is needed", where=at
        )
    try:
        chosen, key = _chosen({name: of["runs"] for name, of in trained.items()}, dataset, at)
    except (AttributeError, TypeError, KeyError, StopIteration):
        raise UserError("trained: expected {DATASET: {runs: {SEED: KEY}}}", where=at) from None
    places = list(_stores(_store_around(path, "studies"), store))
    beside = path.parent / WINNERS_RUNS / key
    if (beside / "result.json").exists():
        return _called(_read(beside, next(iter(places), None), chosen), trained[chosen])
    for place in places:
        if key in Store(place):
            return _called(_read(Store(place).directory(key), place, chosen), trained[chosen])
    raise UserError(
        f"run {key[:12]} on {chosen} is neither in {beside.parent} nor in a store here: copy the folder "
        f"{WINNERS_RUNS} along with {path.name}",
        where=str(path),
    )


def _called(found: FoundRun, trained: dict[str, Any]) -> FoundRun:
    """The run, its classes called as the winner's file calls them: they may have been renamed since it was trained."""
    names = trained.get("class_names")
    if found.carried is None or not isinstance(names, list) or len(names) != found.run.num_classes:
        return found
    return replace(found, carried={**found.carried, "class_names": list(map(str, names))})


def _chosen(runs: dict[str, dict[str, str]], dataset: str | None, at: str | None) -> tuple[str, str]:
    """The dataset and the key of its first run. Raises UserError for a dataset that is not among them."""
    if dataset is not None and dataset not in runs:
        raise UserError(f"it was not trained on {dataset!r}", where=at, name=dataset, known=runs)
    chosen = dataset if dataset is not None else next(iter(runs))
    if dataset is None and len(runs) > 1:
        _log.warning("warning: it was trained on %s: this is the network for %s", ", ".join(runs), chosen)
    key = next(iter(runs[chosen].values()))
    if not isinstance(key, str) or not is_key(key):
        raise UserError(f"{key!r:.80} is no run's key", where=at)
    return chosen, key


def _stores(around: Path | None, named: str | Path | None) -> Iterator[Path]:
    """Where a run or its data may be: the store that is named, the one around the file, the default one where it exists."""
    if named:
        yield home_to_read(named)
    if around:
        yield around
    if (place := home_path()).is_dir():
        yield place
