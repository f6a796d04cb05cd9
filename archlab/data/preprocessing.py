"""From an image to what a network is trained on: what preparation and batches do to one, as plain values that travel."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import IO, TYPE_CHECKING, Any

from archlab.data.decode import decode
from archlab.data.listing import open_image

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from archlab.data.prepared import Prepared


@dataclass(frozen=True)
class Preprocessing:
    """How an image becomes an input.

    Attributes:
        resolution: Pixels on a side.
        fit: "crop" scales the shorter side and cuts out the middle, "stretch" ignores the aspect ratio; see `decode`.
        white: What is white in images of 16 bits.
        mean, std: Of red, green and blue, of pixel values in [0, 1]: (pixel / 255 - mean) / std.
    """

    resolution: int
    fit: str
    white: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, prepared: Prepared) -> Preprocessing:
        """That of a prepared dataset."""
        described, spread = prepared.entry, (max(value, LEAST_STD) for value in prepared.std)
        mean, std = (tuple(map(float, values)) for values in (prepared.mean, spread))
        return cls(prepared.resolution, described.fit, described.white, mean, std)

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Preprocessing:
        return cls(**{**document, "mean": tuple(document["mean"]), "std": tuple(document["std"])})

    def document(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "mean": list(self.mean), "std": list(self.std)}

    def read(self, file: str | IO[bytes]) -> np.ndarray:
        """uint8 (resolution, resolution, 3) of an image file. Raises whatever Pillow raises for one that cannot be read."""
        with open_image(file) as image:
            return decode(image, self.resolution, self.fit, self.white)

    def normalized(self, images: Tensor) -> Tensor:
        """uint8 (N, R, R, 3) as float32 (N, 3, R, R) in channels_last, digit for digit as batches give it."""
        import torch

        from archlab.data import transforms

        width = images.shape[2]
        mean = (torch.tensor(self.mean) * 255).repeat(width).to(images.device)
        scale = (1 / (torch.tensor(self.std) * 255)).repeat(width).to(images.device)
        return transforms.normalized(images, mean, scale)


LEAST_STD = 1e-3  # as batches have it
