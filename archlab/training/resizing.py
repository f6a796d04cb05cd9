"""Progressive resizing: images that are small at first and grow to their whole size (EfficientNetV2, Tan and Le 2021, arXiv
2104.00298, section 4).

Their side grows from half of the whole in equal steps, in STAGES stages that are as long as each other, rounded to multiples of
8 and never below 16, which all references take at any size. What is augmented and mixed is the whole image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlab.foundation import UserError

if TYPE_CHECKING:
    from archlab.architecture import Architecture, InputSpec

STAGES = 3  # with the whole size four, as in the paper
SMALLEST, MULTIPLE = 16, 8


def sides(pixels: int) -> tuple[int, ...]:
    """Pixels on a side in each stage, for images of `pixels`; as large as they are where they cannot be smaller."""
    shares = [(1 + stage / STAGES) / 2 for stage in range(STAGES)]
    rounded = (MULTIPLE * round(share * pixels / MULTIPLE) for share in shares)
    return tuple(min(max(side, SMALLEST), pixels) for side in rounded)


def check_sides(architecture: Architecture, spec: InputSpec, share: float) -> None:
    """Raises UserError where nothing would be left of smaller images in a network that is assembled for whole ones."""
    from archlab.architecture.plan import map_sizes, strides_for  # with torch, which recipes are read without

    pixels = spec.resolution or architecture.resolution
    for side in sides(pixels) if share else ():
        if min(map_sizes(architecture, strides_for(architecture, spec), side)) < 1:
            raise UserError(
                f"{architecture.name}: progressive: nothing is left of images of {side} pixels in a network for {pixels}",
                where=architecture.where,
            )


def side_at(step: int, steps: int, share: float, pixels: int) -> int:
    """Pixels on a side in a step, counted from 0, of a training in whose first `share` images are smaller."""
    stage = int(STAGES * step / (share * steps)) if share else STAGES
    return sides(pixels)[stage] if stage < STAGES else pixels
