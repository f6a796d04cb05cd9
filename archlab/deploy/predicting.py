"""Classes and probabilities of image files, read exactly as preparation reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from archlab.data.readers.places import images_below
from archlab.deploy.loading import LoadedNetwork
from archlab.foundation import UserError, check_file
from archlab.training.evaluation import evaluation_batch_size


@dataclass(frozen=True)
class Prediction:
    """Of one file: float32 probabilities in the order of the class names; or None, and why it cannot be read."""

    file: str
    class_name: str | None = None
    probabilities: np.ndarray | None = None
    unreadable: str | None = None

    def document(self, class_names: list[str]) -> dict[str, Any]:
        assert self.probabilities is not None
        by_class = dict(zip(class_names, self.probabilities.tolist(), strict=True))
        return {"file": self.file, "class": self.class_name, "probabilities": by_class}


def image_files(paths: Iterable[str | Path]) -> list[str]:
    """The files themselves, whatever they are called, and the images in the folders, at any depth, hidden ones left out; of
    folders that cannot be looked into these themselves.

    Raises UserError for a path that does not exist, and for a folder without images.
    """
    files: list[str] = []
    for path in map(str, paths):
        if Path(path).is_dir():
            closed: list[UserError] = []
            found, _ = images_below(path, hidden=(".",), linked=True, unreadable=closed)
            found = sorted([*found, *(str(error.where) for error in closed)])
            if not found:
                raise UserError("holds no images", where=path)
            files += found
        elif Path(path).exists():
            files.append(path)
        else:
            raise UserError("there is no such file or folder", where=path)
    return files


def predict(network: LoadedNetwork, files: Iterable[str]) -> Iterator[Prediction]:
    """A prediction a file, in their order, computed in batches on the device where the network is.

    Raises UserError where the network's recipe sees images in their own shape.
    """
    size = evaluation_batch_size(network.preprocessing.pixels or network.preprocessing.resolution)
    read: list[tuple[str, np.ndarray | str]] = []
    for file in files:
        read.append((file, _pixels(network, file)))
        if len(read) == size:
            yield from _predicted(network, read)
            read = []
    yield from _predicted(network, read)


def _pixels(network: LoadedNetwork, file: str) -> np.ndarray | str:
    """Of a file; where it cannot be read, why. Raises UserError for a network that takes no files."""
    try:
        path = str(check_file(Path(file)))
    except UserError as error:
        return error.message
    try:
        return network.preprocessing.read(path)
    except UserError:
        raise
    except Exception as error:  # Pillow raises nearly anything on damaged bytes
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return reason or type(error).__name__


def _predicted(network: LoadedNetwork, read: list[tuple[str, np.ndarray | str]]) -> Iterator[Prediction]:
    pixels = [value for _, value in read if not isinstance(value, str)]
    rows = iter(network.probabilities(torch.from_numpy(np.stack(pixels))).cpu().numpy() if pixels else ())
    for file, value in read:
        if isinstance(value, str):
            yield Prediction(file, unreadable=value)
        else:
            row = next(rows)
            yield Prediction(file, network.class_names[int(row.argmax())], row)
