"""What a board of the user's took for a network: read from a CSV, kept for good, and found again by the network."""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from archlab.deploy.board_csv import MEASURED, OF_TIMES, BoardRow, read_rows
from archlab.forecast.costs import model_of
from archlab.foundation import UserError, write_file
from archlab.foundation.json_files import read_json
from archlab.foundation.sealed import read_sealed, seal
from archlab.foundation.words import in_kib
from archlab.runs import DamagedRunError, Run, Store
from archlab.runs.run import digest

FOLDER = "boards"  # in the store, where nothing that can be made again lies
FORMAT = 1
_OF_ROW = ("target", "precision", *MEASURED, "n", "low", "high", "note")
_log = logging.getLogger("archlab")


@dataclass(frozen=True)
class BoardMeasurement:
    """A network on a board, in one precision.

    Attributes:
        network: As `network_of` gives it.
        run, model, dataset: The key of the run by which it was named, and what people call it.
        resolution, classes: Of the network.
        target: The board's name. precision: "float" or "int8".
        milliseconds: For one image, the median of `n` repeats; `low` and `high` are their quartiles.
        peak_memory, flash: Bytes. energy_mj: Millijoules for one image. What was not measured is None.
        file: The name of the CSV. imported: When, in UTC.
        replaced: Whether this took the place of an earlier measurement.
    """

    network: str
    run: str
    model: str
    dataset: str
    resolution: int
    classes: int
    target: str
    precision: str
    file: str
    imported: str
    milliseconds: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    peak_memory: int | None = None
    flash: int | None = None
    energy_mj: float | None = None
    note: str | None = None
    replaced: bool = False

    @property
    def name(self) -> str:
        """Of its file: what is measured again has it again."""
        return digest([self.network, self.target, self.precision])[:32]

    def document(self) -> dict[str, Any]:
        """All but `network`, ready for JSON."""
        found = dataclasses.asdict(self)
        del found["network"]
        return found

    def __str__(self) -> str:
        """`starnet in int8 on NAME: 12.3 ms (11.9 to 13.0, n = 30), 68 KiB of memory; replaces what was known`"""
        spread = [f"{self.low:g} to {self.high:g}"] if self.low is not None else []
        spread += [f"n = {self.n}"] if self.n is not None else []
        around = f" ({', '.join(spread)})" if spread else ""
        said = [f"{self.milliseconds:g} ms{around}"] if self.milliseconds is not None else []
        said += [f"{in_kib(self.peak_memory)} of memory"] if self.peak_memory is not None else []
        said += [f"{in_kib(self.flash)} of flash"] if self.flash is not None else []
        said += [f"{self.energy_mj:g} mJ"] if self.energy_mj is not None else []
        end = "; replaces what was known" if self.replaced else ""
        return f"{self.model} in {self.precision} on {self.target}: {', '.join(said)}{end}"


def network_of(run: Run) -> str:
    """What decides how long the network of a run takes: its architecture, width, classes, resolution and its user's own code.

    Not what it was trained on, nor by which version of archlab's own code. A user's code counts whole, that of a recipe too.
    """
    return digest([*model_of(run), run.num_classes, run.code.partition("+")[2]])[:32]


def import_measurements(file: Path, store: Store) -> list[BoardMeasurement]:
    """Reads a CSV as `archlab.deploy.board_csv.BoardRow` has it, and keeps its rows; those that were known are replaced.

    Nothing is kept unless all of it is right. Raises UserError, with the line.
    """
    file, now = Path(file), datetime.now(UTC).isoformat(timespec="seconds")
    networks, known = _Networks(store), {each.name: each for each in read_measurements(store)}
    found: dict[str, BoardMeasurement] = {}
    lines: dict[str, str] = {}
    for at, row in read_rows(file):
        run, model = networks.run(row, at)
        facts: dict[str, Any] = {name: getattr(row, name) for name in _OF_ROW} | {"run": run.key, "model": model}
        facts |= {"dataset": run.dataset, "resolution": run.resolution, "classes": run.num_classes}
        each = BoardMeasurement(network_of(run), **facts, file=file.name, imported=now)
        if each.name in found:
            raise UserError(
                f"{model} on {each.target} in {each.precision} is given twice, first at {lines[each.name]}", where=at
            )
        found[each.name], lines[each.name] = each, at
    return [_keep(each, known.get(each.name), store) for each in found.values()]


def read_measurements(store: Store) -> list[BoardMeasurement]:
    """All that are kept. What is damaged does not count, which is logged.

    Raises UserError where a newer archlab wrote one.
    """
    found = []
    for path in sorted((store.home / FOLDER).glob("*.json")):
        try:
            kept = dict(read_sealed(path) or {})
            version = kept.pop("format")
            if version > FORMAT:
                raise UserError(f"a newer archlab wrote this (format {version}, not {FORMAT})", where=str(path))
            found.append(BoardMeasurement(**kept))
        except (KeyError, TypeError, ValueError):
            _log.warning("warning: a board's measurement is damaged and does not count: %s", path)
    return found


def _keep(measurement: BoardMeasurement, known: BoardMeasurement | None, store: Store) -> BoardMeasurement:
    """What was not measured this time stays as it was known."""
    kept = _completed(measurement, known) if known else measurement
    write_file(store.home / FOLDER / f"{kept.name}.json", seal({"format": FORMAT, **dataclasses.asdict(kept)}))
    return dataclasses.replace(kept, replaced=known is not None)


def _completed(measurement: BoardMeasurement, known: BoardMeasurement) -> BoardMeasurement:
    missing = [name for name in (*MEASURED, "note") if getattr(measurement, name) is None]
    if "milliseconds" in missing:
        missing += OF_TIMES
    kept: dict[str, Any] = {name: value for name in missing if (value := getattr(known, name)) is not None}
    if kept:
        kept["file"] = ", ".join(dict.fromkeys([*known.file.split(", "), measurement.file]))
    return dataclasses.replace(measurement, **kept)


class _Networks:
    """Which stored run a row means. What was read once is not read again."""

    def __init__(self, store: Store):
        self.store = store
        self.runs: dict[str, Run] = {}
        self.studies: dict[str, list[dict[str, Any]]] = {}

    def run(self, row: BoardRow, at: str) -> tuple[Run, str]:
        """The run, and what its model is called. Raises UserError."""
        if row.run is None:
            return self._in_study(row, at)
        try:
            run = self._read(self.store.find(row.run))
        except UserError as error:
            raise error.said_as(error.message, at) from None
        for what, given, known in (("model", row.model, run.model), ("dataset", row.dataset, run.dataset)):
            if given not in (None, known):
                raise UserError(f"run {run.key[:12]} is of the {what} {known}, not {given}", where=at)
        return run, run.model or run.key[:12]

    def _in_study(self, row: BoardRow, at: str) -> tuple[Run, str]:
        cells = self._cells(str(row.study), at)
        for what in ("model", "dataset"):
            given, known = getattr(row, what), sorted({cell[what] for cell in cells})
            if given is not None and given not in known:
                raise UserError(f"{row.study} has no {what} {given!r}", where=at, name=given, known=known)
            cells = [cell for cell in cells if given in (None, cell[what])]
        runs = [self._read(key) for key in dict.fromkeys(cell["key"] for cell in cells) if key in self.store]
        if not runs:
            raise UserError(f"no run of {row.model} in {row.study} is in the store", where=at)
        if len({network_of(run) for run in runs}) > 1:
            datasets = ", ".join(dict.fromkeys(run.dataset for run in runs))
            raise UserError(
                f"{row.model} is not one network on all datasets of {row.study}, for their classes or pixels differ: which of "
                f"{datasets}? say it in the column 'dataset'",
                where=at,
            )
        return runs[0], str(row.model)

    def _cells(self, study: str, at: str) -> list[dict[str, Any]]:
        """Of a finished study: model, dataset, key."""
        if study not in self.studies:
            folder = self.store.home / "studies"
            known = sorted(path.parent.name for path in folder.glob("*/ablation.json"))
            if study not in known:
                raise UserError(f"there is no finished study {study!r}", where=at, name=study, known=known)
            try:
                cells = read_json(folder / study / "ablation.json")["cells"]
                self.studies[study] = [
                    {name: str(cell[name]) for name in ("model", "dataset", "key")} for cell in cells
                ]
            except (KeyError, TypeError):
                raise UserError("no results of a study can be read there", where=str(folder / study)) from None
        return self.studies[study]

    def _read(self, key: str) -> Run:
        if key not in self.runs:
            try:
                self.runs[key] = Run.from_document(self.store.read(key)["run"])
            except DamagedRunError as damage:
                raise UserError(f"run {key[:12]} is damaged: {damage}") from None
        return self.runs[key]
