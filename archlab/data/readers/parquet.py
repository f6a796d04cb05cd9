"""Parquet files with a row an image, as Hugging Face writes them: the image's bytes (or a path to it) and a label."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from archlab.data.formats import open_image
from archlab.data.listing import ImageFiles, Images, Listing
from archlab.data.readers.labels import SPLIT_NAMES, Row, column, part_named, table_listing
from archlab.foundation import UserError, check_file


def read(
    root: Path | None,
    *,
    path: Path,
    image: str = "image",
    label: str = "label",
    group: str | None = None,
    split: str | None = None,
) -> Listing:
    """Options: `path` of a file, or of a folder whose files begin with the name of their part (train-00000-of-00002) or lie
    in a folder called so (train/0000.parquet); columns `image`, `label`, `group`, `split`."""
    place = root or path
    folder, shards = (place, _files(place)) if place.is_dir() else (place.parent, [place])
    if not shards:
        raise UserError("holds no .parquet files", where=str(place))
    rows: list[Row] = []
    counts: list[int] = []
    for shard in shards:
        table = _columns(shard, [name for name in (label, group, split) if name], image)
        counts.append(len(table))
        part = _part_of(shard.relative_to(folder))
        part = part if len(shards) > 1 or part == "train" else ""
        splits = [part_named(word, str(shard)) for word in _text(shard, table, split)] if split else [part] * len(table)
        groups = _text(shard, table, group) if group else [""] * len(table)
        rows += map(Row, [""] * len(table), _text(shard, table, label), splits, groups)
    return table_listing(_images(shards, counts, image, folder), rows, place)


def _files(folder: Path) -> list[Path]:
    """Those at any depth; Spark writes folders of such names, too."""
    return [path for path in sorted(folder.rglob("[!.]*.parquet")) if not path.is_dir()]


def _part_of(shard: Path) -> str:
    """The part that the file of this path is called as, or the nearest folder above it."""
    folders = (folder.removesuffix(".parquet") for folder in reversed(shard.parts[:-1]))
    words = (shard.stem.partition("-")[0], *folders)
    return next((SPLIT_NAMES[word.lower()] for word in words if word.lower() in SPLIT_NAMES), "")


def _columns(path: Path, names: list[str], image: str | None = None) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        known = pq.read_schema(check_file(path)).names
        for name in (*names, *filter(None, [image])):
            column(name, known, path)
        return pq.read_table(path, columns=names)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise UserError(f"is not a Parquet file: {error}", where=str(path)) from None


def _values(path: Path, table: Any, name: str) -> list[Any]:
    import pyarrow as pa

    try:
        values = table[name].to_pylist()
    except UnicodeDecodeError:
        raise UserError(f"column {name!r} is not UTF-8 text", where=str(path)) from None
    except (ValueError, OverflowError, pa.ArrowException) as error:
        raise UserError(f"column {name!r} cannot be read: {error}", where=str(path)) from None
    if None in values:
        raise UserError(f"row {values.index(None)} has no {name}", where=str(path))
    return values


def _text(path: Path, table: Any, name: str) -> list[str]:
    """A column as text without blanks around it; numbers that Hugging Face's metadata names get their names."""
    values = _values(path, table, name)
    names = _names_in(table.schema.metadata, name)
    if names is not None and all(type(value) is int for value in values):
        unknown = [row for row, value in enumerate(values) if not 0 <= value < len(names)]
        if unknown:
            raise UserError(f"row {unknown[0]} has {name} {values[unknown[0]]}, of {len(names)}", where=str(path))
        values = [names[value] for value in values]
    words = [_word(value, f"row {row} has a {name}", path) for row, value in enumerate(values)]
    if "" in words:
        raise UserError(f"row {words.index('')} has no {name}", where=str(path))
    return words


def _word(value: Any, told: str, path: Path) -> str:
    if isinstance(value, (list, dict)):
        raise UserError(f"{told} of several values: one is expected", where=str(path))
    if isinstance(value, float) and math.isnan(value):
        return ""
    try:
        return (value.decode() if isinstance(value, bytes) else str(value)).strip()
    except UnicodeDecodeError:
        raise UserError(f"{told} that is not UTF-8 text", where=str(path)) from None


def _names_in(metadata: dict[bytes, bytes] | None, column: str) -> list[str] | None:
    """The names that Hugging Face's metadata give the numbers of a column; None where they say nothing of the kind."""
    try:
        names = json.loads((metadata or {})[b"huggingface"])["info"]["features"][column]["names"]
    except (KeyError, TypeError, ValueError, RecursionError, IndexError):
        return None
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else None


def _images(shards: list[Path], counts: list[int], image: str, folder: Path) -> Images:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kind = pq.read_schema(shards[0]).field(image).type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return ParquetImages(shards, counts, image, folder)
    files = [name for shard in shards for name in _values(shard, _columns(shard, [image]), image)]
    return ImageFiles(folder, files)


class ParquetImages:
    """Images that are bytes in rows of Parquet files; the row group of the last one is kept."""

    def __init__(self, shards: list[Path], counts: list[int], column: str, folder: Path):
        self.shards, self.column = shards, column
        self._called = [str(shard.relative_to(folder)) for shard in shards]
        self.starts = np.cumsum([0, *counts])
        self.names: Sequence[str] = [
            f"{called}[{row}]" for called, n in zip(self._called, counts, strict=True) for row in range(n)
        ]
        self._kept: tuple[int, int, int, Any] = (-1, 0, 0, None)  # shard, first row, last row + 1, values

    def open(self, index: int) -> Image.Image:
        shard = int(np.searchsorted(self.starts, index, side="right")) - 1
        value = self._value(shard, index - int(self.starts[shard]))
        content = value.get("bytes") if isinstance(value, dict) else value
        if not isinstance(content, bytes):
            raise ValueError("the row holds no image")
        return open_image(io.BytesIO(content))

    def fingerprint(self) -> str:
        named = [(called, shard.stat()) for called, shard in zip(self._called, self.shards, strict=True)]
        parts = [f"{called} {now.st_size} {now.st_mtime_ns}" for called, now in named]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def _value(self, shard: int, row: int) -> Any:
        kept, first, last, values = self._kept
        if kept != shard or not first <= row < last:
            import pyarrow.parquet as pq

            first, path = 0, self.shards[shard]
            if not path.is_file():
                raise OSError(errno.ENODEV, "the file of the images is there no longer", str(path))
            with pq.ParquetFile(path) as file:
                for group in range(file.num_row_groups):
                    last = first + file.metadata.row_group(group).num_rows
                    if row < last:
                        values = file.read_row_group(group, columns=[self.column])[self.column]
                        break
                    first = last
            self._kept = (shard, first, last, values)
        return values[row - first].as_py()
