"""How much of their range images of 16 bits use: cameras and scanners give 10, 12 or 14 bits and leave the others empty."""

from __future__ import annotations

import numpy as np

from archlab.data.listing import Images

WHITES = (255, 1023, 4095, 16383)  # of 8, 10, 12 and 14 bits
_LOOKED_AT = 100  # images


def narrow_white(images: Images) -> int | None:
    """The least of `WHITES` that no grey image of 16 bits or more exceeds, by a look at some; None where one exceeds all of
    them, or there is none of 16 bits."""
    count, largest = len(images.names), -1
    for index in np.linspace(0, count - 1, min(_LOOKED_AT, count)).astype(int).tolist():
        try:
            with images.open(index) as image:
                if image.mode.startswith("I"):
                    largest = max(largest, int(np.asarray(image).max()))
        except Exception:  # noqa: S112 (preparing will say which images cannot be read)
            continue
        if largest > WHITES[-1]:
            break
    return next((white for white in WHITES if 0 <= largest <= white), None)
