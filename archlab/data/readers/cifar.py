"""CIFAR-10 and CIFAR-100 as their owners publish them: Python 2 pickles, read without running what is in them."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from archlab.data.listing import ImageArray, Listing
from archlab.data.readers.places import locate
from archlab.foundation import UserError


def read(root: Path | None, *, train: list[str], test: list[str], meta: str, labels: str, class_names: str) -> Listing:
    """Options: the files of each part, the file that names the classes, and the keys of labels and of names."""
    folder = locate(root, meta, *train, *test)
    names = load_pickle(folder / meta).get(class_names)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UserError(f"holds no list {class_names!r}", where=str(folder / meta))
    pixels, targets, splits, files = [], [], [], []
    for split, batches in (("train", train), ("test", test)):
        for batch in batches:
            images, of_batch = _batch(folder / batch, labels, len(names))
            pixels.append(images)
            targets.append(of_batch)
            splits += [split] * len(images)
            files += [f"{batch}[{i}]" for i in range(len(images))]
    return Listing(tuple(names), ImageArray(np.concatenate(pixels), files), np.concatenate(targets), np.array(splits))


def _batch(path: Path, key: str, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """uint8 (N, 32, 32, 3) and int64 (N,): rows of 1,024 red, then green, then blue values."""
    batch = load_pickle(path)
    data, labels = batch.get("data"), np.array(batch.get(key, []))
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.ndim != 2 or data.shape[1] != 3072:
        raise UserError("data: expected bytes in rows of 3,072", where=str(path))
    if labels.dtype.kind not in "iu" or labels.shape != (len(data),) or not np.isin(labels, np.arange(classes)).all():
        raise UserError(f"{key}: expected {len(data)} class numbers below {classes}", where=str(path))
    return data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1).copy(), labels.astype(np.int64)


def load_pickle(path: Path) -> dict[str, Any]:
    """The dictionary in a pickle that holds nothing but plain values and NumPy arrays; anything else is refused."""
    try:
        value = _Plain(io.BytesIO(path.read_bytes()), encoding="latin1").load()
    except UserError:
        raise
    except Exception as error:  # a damaged pickle raises nearly anything
        raise UserError(f"is not a batch of CIFAR: {error or type(error).__name__}", where=str(path)) from None
    if not isinstance(value, dict):
        raise UserError("is not a batch of CIFAR", where=str(path))
    return value


def _latin1(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"encoding {encoding!r} is not allowed")
    return text.encode("latin1")


_RECONSTRUCT = np.zeros(0).__reduce__()[0]
_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _latin1,  # how Python 3 writes bytes in the old format
}


class _Plain(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it would call {module}.{name}: refused")
        return _ALLOWED[module, name]
