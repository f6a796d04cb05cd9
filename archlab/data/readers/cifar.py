"""CIFAR-10 and CIFAR-100 as their owners publish them: Python 2 pickles, read without running what is in them."""

from __future__ import annotations

import io
import pickle
import pickletools
from pathlib import Path
from typing import Any

import numpy as np

from archlab.data.listing import ImageArray, Listing
from archlab.data.readers.places import locate
from archlab.foundation import UserError, check_file


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
    data, labels = batch.get("data"), batch.get(key)
    if not isinstance(data, np.ndarray) or data.ndim != 2 or data.shape[1] != 3072:
        raise UserError("data: expected bytes in rows of 3,072", where=str(path))
    if (
        not isinstance(labels, list)
        or len(labels) != len(data)
        or not all(type(label) is int and 0 <= label < classes for label in labels)
    ):
        raise UserError(f"{key}: expected {len(data)} class numbers below {classes}", where=str(path))
    return data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1).copy(), np.array(labels, np.int64)


def load_pickle(path: Path) -> dict[str, Any]:
    """The dictionary in a pickle that holds nothing but plain values and arrays of bytes; anything else is refused.

    Nothing of NumPy runs: arrays are made anew of their bytes.
    """
    try:
        content = check_file(path).read_bytes()
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=str(path)) from None
    try:
        for opcode, argument, _ in pickletools.genops(content):
            if opcode.name in _MEMO and int(argument or 0) > len(content):
                raise pickle.UnpicklingError("its memory would be larger than the file")
        value = _Plain(io.BytesIO(content), encoding="latin1").load()
    except Exception as error:  # a damaged pickle raises nearly anything
        raise UserError(f"is not a batch of CIFAR: {error or type(error).__name__}", where=str(path)) from None
    if not isinstance(value, dict):
        raise UserError("is not a batch of CIFAR", where=str(path))
    return {key: each.array if isinstance(each, _Array) else each for key, each in value.items()}


_MEMO = ("PUT", "BINPUT", "LONG_BINPUT")


class _Bytes:
    """Makes the bytes of a text: how Python 3 writes bytes in the old format."""

    def __new__(cls, text: str, encoding: str) -> bytes:  # type: ignore[misc]
        if encoding != "latin1":
            raise pickle.UnpicklingError(f"encoding {encoding!r} is not allowed")
        return text.encode("latin1")

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("bytes have no state")


class _Dtype:
    """Stands for numpy.dtype, of which an array of bytes needs no more than the name."""

    def __init__(self, name: str, *_: Any):
        if name != "u1":
            raise pickle.UnpicklingError(f"it holds an array of {name!r}, expected bytes")

    def __setstate__(self, state: Any) -> None:
        """Byte order and alignment: a byte has none."""


class _Array:
    """Stands for an array that is made in two steps, empty and then of its shape and bytes."""

    def __init__(self, *_: Any):
        self.array = np.zeros(0, np.uint8)

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, is_fortran, content = state
        if not isinstance(dtype, _Dtype):
            raise pickle.UnpicklingError("it holds an array without a type")
        content = content.encode("latin1") if isinstance(content, str) else content
        self.array = np.frombuffer(content, np.uint8).reshape(shape, order="F" if is_fortran else "C")


_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _Bytes,
}


class _Plain(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it would call {module}.{name}: refused")
        return _ALLOWED[module, name]
