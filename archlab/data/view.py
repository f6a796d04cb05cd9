"""How a network sees the images of a dataset, whatever size and shape they are stored at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from archlab.data import transforms
from archlab.data.entries import Normalisation


@dataclass(frozen=True)
class View:
    """What networks are shown.

    Attributes:
        pixels: On a side; None: as stored.
        test_resize: Pixels of the shorter side of an image of which a test sees the middle `pixels`; None: as many.
        normalisation: Instead of the dataset's.
    """

    pixels: int | None = None
    test_resize: int | None = None
    normalisation: Normalisation | None = None

    def middle(self, images: Tensor, shapes: np.ndarray | None, *, test: bool) -> Tensor:
        """The middle of stored images (N, R, R, 3) at the view's size; the same type where nothing is to be done, else float32.

        Args:
            shapes: Height and width (N, 2) that whole images had before they were stretched into their square.
            test: Whether `test_resize` counts.
        """
        stored = images.shape[1]
        pixels = self.pixels or stored
        resize = (self.test_resize if test else None) or pixels
        if shapes is not None:
            sides = shapes.min(1, keepdims=True) * (pixels / resize)
            boxes = np.hstack([(shapes - sides) / 2, np.repeat(sides, 2, axis=1)])
            return transforms.resized_crops(images, stored_boxes(boxes, shapes, stored), pixels)
        if resize != stored:
            images = transforms.resized(images, resize)
        return transforms.centre(images, pixels) if resize != pixels else images


def stored_boxes(boxes: np.ndarray, shapes: np.ndarray, stored: int) -> np.ndarray:
    """Boxes (N, 4: top, left, height, width) of images as they were, in pixels of their stored squares."""
    return boxes * (stored / np.hstack([shapes, shapes]))
