"""What is done to training images, and by how much: settings, and the random numbers that an epoch needs.

Every number is a function of (seed, epoch, index of the image) alone, or of (seed, epoch, number of the batch) for what
happens to a batch as a whole. Batch size, order and the number of workers change nothing, and switching one augmentation
on leaves the others' numbers as they were. `archlab.data.transforms` applies them.

A user's own augmentation is a function `augmentation(images, random, **arguments) -> images` of uint8 (N, 3, height, width)
tensors, on the CPU or a GPU. `random(*shape)` gives it uniform numbers (N, *shape) from 0 to below 1, float32 and where the
images are, from a stream of each image's own; with no other source of chance the function keeps the promise above.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

import numpy as np

from archlab.foundation.settings import Within

WORTH_SMOOTHING = 0.75  # of the pixels on a side that are left
TRIES = 10  # of a crop or an erased box that does not fit, as in torchvision
ERASED_AREA, ERASED_RATIO = (0.02, 0.33), (0.3, 3.3)
Step = Literal["shift", "crop", "flip", "randaugment", "jitter", "own"]
STEPS: tuple[Step, ...] = get_args(Step)
JITTERS = ("brightness", "contrast", "saturation", "hue")
OWN = ("images", "random")  # what a user's own augmentation is given by position
_STREAMS = ("order", "shift", "crop", "flip", "randaugment", "jitter", "erasing", "mix", "dropout")


@dataclass(frozen=True)
class Crop:
    """A box of random area (share of the image) and aspect ratio, enlarged to the image's size."""

    scale: Annotated[tuple[float, float], Within(0.01, 2)] = (0.08, 1.0)
    ratio: Annotated[tuple[float, float], Within(0.1, 10)] = (3 / 4, 4 / 3)


def smoothed_side(crop: Crop, stored: int, pixels: int) -> int:
    """The side that images of `stored` pixels are smoothed and shrunk to before boxes of them are seen at `pixels`, since these
    alone would see some of the pixels of a large box only: the smallest box has all that is seen still. `stored` where that is
    not much less."""
    least = min(math.sqrt(crop.scale[0] * min(crop.ratio[0], 1 / crop.ratio[1])), 1.0)
    side = math.ceil(pixels / least)
    return side if side <= WORTH_SMOOTHING * stored else stored


@dataclass(frozen=True)
class RandAugment:
    """Operations of random kind, one after the other (Cubuk et al. 2020, arXiv 1909.13719); magnitudes are 0 to 30."""

    operations: Annotated[int, Within(1, 8)] = 2
    magnitude: Annotated[int, Within(0, 30)] = 9


@dataclass(frozen=True)
class Jitter:
    """Brightness, contrast and saturation times 1 +- an amount, hue plus a share of the colour circle; in random order."""

    brightness: Annotated[float, Within(0)] = 0.0
    contrast: Annotated[float, Within(0)] = 0.0
    saturation: Annotated[float, Within(0)] = 0.0
    hue: Annotated[float, Within(0, 0.5)] = 0.0


@dataclass(frozen=True)
class Augment:
    """All augmentations, in the order in which they are usually applied; the defaults do nothing.

    Attributes:
        shift: Most pixels that an image moves along each axis; black comes in.
        flip: Mirrors half of the images, where the dataset allows it.
        erasing: Probability that a box of 2 to 33 % of the area becomes the mean colour.
        cutmix: Alpha of the Beta distribution of the share kept (Yun et al. 2019, arXiv 1905.04899), on every batch.
        mixup: The same for Zhang et al. 2018, arXiv 1710.09412. With both, each batch takes one of them by lot.
        cutmix_labels: Mixed by the `area` that is kept, as there, or by the share `drawn`: less, where the box is clipped.
        own: The user's own, in their order, applied before an image is erased or mixed: `DIGEST:NAME` with arguments.
        order: Which of shift, crop, flip, randaugment, jitter and own come first, in this order; the others follow as usual.
            Erasing and mixing come last.
    """

    shift: Annotated[int, Within(0)] = 0
    crop: Crop | None = None
    flip: bool = False
    randaugment: RandAugment | None = None
    jitter: Jitter | None = None
    erasing: Annotated[float, Within(0, 1)] = 0.0
    cutmix: Annotated[float, Within(0)] = 0.0
    mixup: Annotated[float, Within(0)] = 0.0
    cutmix_labels: Literal["area", "drawn"] = "area"
    own: tuple[dict[str, dict[str, Any]], ...] = ()
    order: tuple[Step, ...] = ()

    @property
    def steps(self) -> tuple[Step, ...]:
        """What is applied to each image, in order."""
        return (*self.order, *(step for step in STEPS if step not in self.order))


def generator(stream: str, seed: int, epoch: int) -> np.random.Generator:
    """The random numbers of one purpose in one epoch."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, epoch, _STREAMS.index(stream)])))


def numbers_by_image(name: str, seed: int, epoch: int, rows: np.ndarray) -> Callable[..., np.ndarray]:
    """Random numbers of one purpose for the images `rows` of one epoch: a function that gives (N, *shape) in [0, 1).

    Each image has a stream of its own, so neither the shape nor how often it is called changes another's numbers.
    """
    key = np.random.SeedSequence([seed, epoch, *name.encode()]).generate_state(2, np.uint64)
    streams: list[np.random.Generator] = []

    def numbers(*shape: int) -> np.ndarray:
        if not streams:  # 10 us an image, which functions without chance need not pay
            streams.extend(np.random.Generator(np.random.Philox(key=key, counter=[0, row, 0, 0])) for row in rows)
        return np.stack([stream.random(shape, np.float32) for stream in streams])

    return numbers


def draw_images(
    augment: Augment,
    count: int,
    resolution: int,
    seed: int,
    epoch: int,
    *,
    shapes: np.ndarray | None = None,
    pixels: int | None = None,
) -> dict[str, np.ndarray]:
    """Random numbers for `count` images of one epoch, the first axis being the image; only of what is switched on.

    shift (N, 2) down and right, 0 to 2 * shift · crop, erasing (N, 4) top, left, height, width in pixels (height 0: no
    box) · flip (N,) · randaugment (N, operations, 2) in [0, 1) · jitter (N, 4) factors · jitter_order (N, 4).

    Args:
        shapes: Height and width (N, 2) of the images that are cropped; None: `resolution` each.
        pixels: On a side of what is erased; None: `resolution`.
    """
    drawn: dict[str, np.ndarray] = {}
    if augment.shift:
        rng = generator("shift", seed, epoch)
        drawn["shift"] = rng.integers(0, 2 * augment.shift, (count, 2), endpoint=True)
    if augment.crop:
        sides = np.full((count, 2), resolution) if shapes is None else shapes
        drawn["crop"] = _crops(augment.crop, sides, generator("crop", seed, epoch))
    if augment.flip:
        drawn["flip"] = generator("flip", seed, epoch).random(count) < 0.5
    if augment.randaugment:
        rng = generator("randaugment", seed, epoch)
        drawn["randaugment"] = rng.random((count, augment.randaugment.operations, 2))
    if augment.jitter:
        rng = generator("jitter", seed, epoch)
        amounts = np.array([getattr(augment.jitter, name) for name in JITTERS])
        centres = np.array([1.0, 1.0, 1.0, 0.0])
        lowest = np.maximum(centres - amounts, [0.0, 0.0, 0.0, -0.5])
        drawn["jitter"] = rng.uniform(lowest, centres + amounts, (count, 4)).astype(np.float32)
        drawn["jitter_order"] = rng.permuted(np.tile(np.arange(4), (count, 1)), axis=1)
    if augment.erasing:
        rng = generator("erasing", seed, epoch)
        sides = np.full((count, 2), pixels or resolution)
        boxes = _boxes(ERASED_AREA, ERASED_RATIO, sides, sides - 1, rng)
        drawn["erasing"] = boxes * (rng.random((count, 1)) < augment.erasing)
    return drawn


def draw_batches(augment: Augment, count: int, seed: int, epoch: int) -> dict[str, np.ndarray]:
    """Random numbers for `count` batches of one epoch: cutmix (N,) whether it is one · kept (N,) share · centre (N, 2)."""
    if not (augment.cutmix or augment.mixup):
        return {}
    rng = generator("mix", seed, epoch)
    either = rng.random(count) < 0.5
    cutmix = either if augment.cutmix and augment.mixup else np.full(count, bool(augment.cutmix))
    kept = [rng.beta(alpha, alpha, count) if alpha else np.ones(count) for alpha in (augment.cutmix, augment.mixup)]
    return {"cutmix": cutmix, "kept": np.where(cutmix, *kept), "centre": rng.random((count, 2))}


def _crops(crop: Crop, shapes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Where no box fits, the middle of the image at the nearest ratio that is allowed, as in torchvision."""
    boxes = _boxes(crop.scale, (1 / crop.ratio[1], 1 / crop.ratio[0]), shapes, shapes, rng)
    height, width = shapes.T
    sides = np.stack(
        [np.minimum(height, np.round(width / crop.ratio[0])), np.minimum(width, np.round(height * crop.ratio[1]))], 1
    ).astype(np.int64)
    centred = np.hstack([(shapes - sides) // 2, sides])
    return np.where(boxes[:, 2:3] > 0, boxes, centred)


def _boxes(
    area: tuple[float, float],
    ratio: tuple[float, float],
    shapes: np.ndarray,
    largest: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """(N, 4): the first of TRIES boxes with sides up to `largest` (N, 2), at a random place; zeros where none fits.

    `shapes` (N, 2) and `ratio` are height and width, and height by width.
    """
    count = len(shapes)
    areas = rng.uniform(*area, (count, TRIES)) * shapes.prod(1, keepdims=True)
    ratios = np.exp(rng.uniform(np.log(ratio[0]), np.log(ratio[1]), (count, TRIES)))
    heights, widths = np.round(np.sqrt(areas * ratios)), np.round(np.sqrt(areas / ratios))
    fits = (heights > 0) & (heights <= largest[:, :1]) & (widths > 0) & (widths <= largest[:, 1:])
    first = np.arange(count), fits.argmax(1)
    sides = np.stack([heights[first], widths[first]], 1)
    places = np.floor(rng.random((count, 2)) * (shapes - sides + 1))
    return (np.hstack([places, sides]) * fits[first][:, None]).astype(np.int64)
