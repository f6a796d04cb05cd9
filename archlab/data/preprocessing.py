"""From an image to what a network is trained on: what preparation and batches do to one, as plain values that travel."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import IO, TYPE_CHECKING, Any

from archlab.data.decode import decode
from archlab.data.formats import open_image
from archlab.foundation import UserError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from archlab.data.prepared import Prepared


@dataclass(frozen=True)
class Preprocessing:
    """How an image becomes an input.

    Attributes:
        resolution: Pixels on a side of an image as it is stored.
        fit: "crop" scales the shorter side and cuts out the middle, "stretch" ignores the aspect ratio; see `decode`.
        white: What is white in images of 16 bits.
        mean, std: Of red, green and blue, of pixel values in [0, 1]: (pixel / 255 - mean) / std.
        pixels, test_resize: What the network sees of a stored image; see `archlab.data.view.View`.
    """

    resolution: int
    fit: str
    white: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    pixels: int | None = None
    test_resize: int | None = None

    @classmethod
    def of(cls, prepared: Prepared, recipe: dict[str, Any]) -> Preprocessing:
        """That of a prepared dataset and of a run's recipe, in its canonical form."""
        described, given = prepared.entry, recipe.get("normalisation")
        mean, std = (given["mean"], given["std"]) if given else (prepared.mean, prepared.std)
        return cls(
            prepared.resolution,
            recipe.get("fit") or described.fit,
            described.white,
            tuple(map(float, mean)),
            tuple(max(float(value), LEAST_STD) for value in std),
            recipe.get("pixels"),
            recipe.get("test_resize"),
        )

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Preprocessing:
        return cls(**{**document, "mean": tuple(document["mean"]), "std": tuple(document["std"])})

    def document(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "mean": list(self.mean), "std": list(self.std)}

    def read(self, file: str | IO[bytes]) -> np.ndarray:
        """uint8 (resolution, resolution, 3) of an image file. Raises whatever Pillow raises for one that cannot be read, and
        UserError where a recipe sees images in their own shape."""
        if self.fit == "whole":
            raise UserError("its recipe sees images in their own shape, which is not read from files yet")
        with open_image(file) as image:
            return decode(image, self.resolution, self.fit, self.white)

    def seen(self, images: Tensor) -> Tensor:
        """What the network sees of stored images (N, R, R, 3): they themselves, or float32 of another size."""
        from archlab.data.view import View

        return View(self.pixels, self.test_resize).middle(images, None, test=True)

    def normalized(self, images: Tensor) -> Tensor:
        """uint8 (N, R, R, 3) as float32 (N, 3, R, R) in channels_last, digit for digit as batches give it."""
        import torch

        from archlab.data import transforms

        images = self.seen(images)
        width = images.shape[2]
        mean = (torch.tensor(self.mean) * 255).repeat(width).to(images.device)
        scale = (1 / (torch.tensor(self.std) * 255)).repeat(width).to(images.device)
        return transforms.normalized(images, mean, scale)


LEAST_STD = 1e-3  # as batches have it
