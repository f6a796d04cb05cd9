"""The stored form of a finished run: six files in one directory, each held against a checksum.

run.json (what was run), history.jsonl (an epoch a line), weights.safetensors, model.json (what else its network needs to be
used elsewhere, see `archlab.runs.carried`), class_scores.npz (what it says of validation and test images), and result.json:
everything else, with the checksums of the others and of itself. Runs stored before have no model.json or class_scores.npz, and
a study can leave the latter out.
"""

from __future__ import annotations

import errno
import json
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from zipfile import ZipFile

from archlab.foundation import UserError, read_file
from archlab.foundation.metric import RENAMED
from archlab.runs.run import Run, digest

if TYPE_CHECKING:
    from archlab.training.class_scores import ClassScores

FORMAT = 1
"""Version of the stored form; what a newer one has written is refused in words."""

FILES = ("run.json", "history.jsonl", "weights.safetensors")
MODEL = "model.json"
CLASS_SCORES = "class_scores.npz"
MOST_SCORES = 2**31  # bytes that a file of class scores may unpack to


class Result(Protocol):
    """What training returns, as far as the store cares (`archlab.training.loop.Trained`).

    One with `carried` and `class_scores` (`archlab.executors.training.TrainedRun`) has these stored too.
    """

    @property
    def metrics(self) -> dict[str, dict[str, float]]: ...
    @property
    def history(self) -> list[dict[str, Any]]: ...
    @property
    def weights(self) -> dict[str, Any]: ...
    @property
    def mode(self) -> dict[str, Any]: ...
    @property
    def seconds(self) -> float: ...
    @property
    def peak_memory(self) -> int | None: ...


class DamagedRunError(Exception):
    """A run's directory is not as it was written."""


def write_run(folder: Path, run: Run, result: Result) -> None:
    """Writes the files of a run into an existing folder. Raises ValueError for numbers that are not finite."""
    import numpy
    from safetensors.numpy import save_file

    (folder / "run.json").write_bytes(_text(run.document()))
    (folder / "history.jsonl").write_bytes(b"".join(_text(row) + b"\n" for row in result.history))
    weights = {name: numpy.asarray(value, order="C") for name, value in result.weights.items()}
    save_file(weights, folder / "weights.safetensors")
    files = list(FILES)
    if (carried := getattr(result, "carried", None)) is not None:
        (folder / MODEL).write_bytes(_text(carried))
        files.append(MODEL)
    if class_scores := getattr(result, "class_scores", None):
        _save_class_scores(folder / CLASS_SCORES, class_scores)
        files.append(CLASS_SCORES)
    document = {
        "format": FORMAT,
        "key": run.key,
        "metrics": result.metrics,
        "mode": result.mode,
        "seconds": result.seconds,
        "peak_memory": result.peak_memory,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "archlab": _version(),
        "files": {name: sha256((folder / name).read_bytes()).hexdigest() for name in files},
    }
    document = json.loads(_text(document))  # the checksum is over what a reader will see
    (folder / "result.json").write_bytes(_text({**document, "checksum": digest(document)}))


def read_run(folder: Path, key: str) -> dict[str, Any]:
    """The document of the run `key` in its folder, weights aside. Raises DamagedRunError and UserError."""
    result = _parse(_read(folder / "result.json"))
    if not isinstance(result.get("format"), int) or result["format"] > FORMAT:
        raise UserError(
            f"was written by a newer archlab (format {result.get('format')}; this one reads up to {FORMAT})",
            where=str(folder),
        )
    try:
        is_whole = result.pop("checksum", None) == digest(result)
    except ValueError:  # NaN, or a number too large to be finite, which no run is stored with
        is_whole = False
    if not is_whole:
        raise DamagedRunError("result.json does not have its checksum")
    files = result.pop("files")
    run = _parse(_checked(folder / "run.json", files))
    if result["key"] != key or Run.from_document(run).key != key:
        raise DamagedRunError("the directory's name is not the run's key")
    history = [_parse(line) for line in _checked(folder / "history.jsonl", files).splitlines()]
    metrics = {split: _renamed(values) for split, values in result["metrics"].items()}
    return {**result, "run": run, "history": history, "metrics": metrics}


def _renamed(values: dict[str, float]) -> dict[str, float]:
    """Values by metric, under the names that they have today."""
    return {RENAMED.get(name, name): value for name, value in values.items()}


def verify_run(folder: Path, key: str) -> None:
    """Reads every byte of the run `key`. Raises DamagedRunError and UserError."""
    read_run(folder, key)
    files = _files(folder)
    for name in files:
        _checked(folder / name, files)


def read_model(folder: Path) -> dict[str, Any] | None:
    """What the run in a folder carries; None where it was stored before runs did. Raises DamagedRunError."""
    files = _files(folder)
    return _parse(_checked(folder / MODEL, files)) if MODEL in files else None


def read_class_scores(folder: Path) -> dict[str, ClassScores]:
    """By split; none where the run has kept none. Raises DamagedRunError."""
    import numpy

    from archlab.training.class_scores import ClassScores

    files = _files(folder)
    if CLASS_SCORES not in files:
        return {}
    content = BytesIO(_checked(folder / CLASS_SCORES, files))
    try:
        with ZipFile(content) as packed:
            if sum(each.file_size for each in packed.infolist()) > MOST_SCORES:
                raise DamagedRunError(f"{CLASS_SCORES} is larger than class scores can be")
        with numpy.load(content, allow_pickle=False) as arrays:
            splits = [name.removesuffix("_labels") for name in arrays if name.endswith("_labels")]
            return {split: ClassScores(arrays[split], arrays[f"{split}_labels"]) for split in splits}
    except DamagedRunError:
        raise
    except Exception:  # whatever a packed file that nobody of archlab wrote makes NumPy and zipfile raise
        raise DamagedRunError(f"{CLASS_SCORES} holds no class scores") from None


def _save_class_scores(path: Path, class_scores: dict[str, ClassScores]) -> None:
    import numpy

    arrays = {split: each.scores for split, each in class_scores.items()}
    arrays |= {f"{split}_labels": each.labels for split, each in class_scores.items()}
    numpy.savez_compressed(path, allow_pickle=False, **arrays)


def read_weights(folder: Path) -> bytes:
    """The safetensors file of the run in a folder. Raises DamagedRunError."""
    return _checked(folder / "weights.safetensors", _files(folder))


def key_in(folder: Path) -> str:
    """The key of the run in a folder, whatever the folder is called. Raises DamagedRunError."""
    return str(_parse(_read(folder / "result.json")).get("key"))


def _files(folder: Path) -> dict[str, str]:
    """The checksums of a run's files, by name."""
    return _parse(_read(folder / "result.json"))["files"]


def _text(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, allow_nan=False).encode()


def _read(path: Path) -> bytes:
    try:
        return read_file(path)
    except (FileNotFoundError, NotADirectoryError):
        raise DamagedRunError(f"{path.name} is missing") from None
    except IsADirectoryError:
        raise DamagedRunError(f"{path.name} is a folder") from None
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ELOOP):
            raise DamagedRunError(f"{path.name} is no file") from None
        # it may be whole
        raise UserError(f"cannot be read: {error.strerror}", where=str(path)) from None


def _parse(text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise DamagedRunError("not a JSON document")
    return value


def _checked(path: Path, files: dict[str, str]) -> bytes:
    content = _read(path)
    if sha256(content).hexdigest() != files.get(path.name):
        raise DamagedRunError(f"{path.name} does not have its checksum")
    return content


@cache
def _version() -> str:
    return version("archlab")
