"""From any image file to uint8 RGB of one size: the one place where pixels are converted."""

from __future__ import annotations

import numpy as np
from PIL import Image

LARGEST = 2**27  # pixels of an image before it is resized: 384 MiB decoded
_ORIENTATION = 0x0112  # EXIF tag
_ON_THEIR_SIDE = (5, 6, 7, 8)  # its values
_TURNS = {  # by its values; Pillow's own `exif_transpose` writes all of EXIF anew, which fails where a tag is odd
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIXTEEN_BITS = 2**16 - 1


def decode(image: Image.Image, resolution: int, fit: str = "crop", white: int = 65535) -> np.ndarray:
    """uint8 (resolution, resolution, 3) of an open image.

    Turned as EXIF says; of an animation the first frame; transparency on white; grey, palette and CMYK become RGB.
    16-bit grey is scaled so that `white`, and what is brighter, becomes 255. `fit`: "crop" scales the shorter side to
    `resolution` and cuts out the middle; "stretch" ignores the aspect ratio; so does "whole", of which the shape is kept
    beside the pixels, so that crops and tests see images in it.

    Raises ValueError for an image of more than `LARGEST` pixels or of pixels without an agreed range (floating point, 32 bits
    that are not within 16), and whatever Pillow raises for a damaged one.
    """
    _check_size(image)
    if image.format in ("JPEG", "MPO"):  # the second is what phones write that put another picture behind the first
        image.draft(None, (2 * resolution, 2 * resolution))  # decodes at 1/2, 1/4 or 1/8, never below this size
    image.load()
    if (turn := _TURNS.get(_orientation(image))) is not None:
        image = image.transpose(turn)
    image = _as_rgb(image, white)
    if image.size == (resolution, resolution):
        return np.asarray(image)
    side = min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    box = (left, top, left + side, top + side) if fit == "crop" else None
    return np.asarray(image.resize((resolution, resolution), Image.Resampling.BILINEAR, box=box))


def shape_of(image: Image.Image) -> tuple[int, int]:
    """Height and width of an open image, turned as EXIF says. Raises ValueError for more than `LARGEST` pixels."""
    _check_size(image)
    turned = _orientation(image) in _ON_THEIR_SIDE
    return image.size if turned else (image.height, image.width)


def _check_size(image: Image.Image) -> None:
    if image.width * image.height > LARGEST:
        raise ValueError(f"{image.width} x {image.height} is more than {LARGEST:,} pixels")


def _orientation(image: Image.Image) -> int:
    """As EXIF says; 1, which is upright, where EXIF is malformed."""
    if image.format in ("PNG", "TIFF"):
        image.load()  # which turns a TIFF; `getexif` loads a PNG, of which damaged pixels are not malformed EXIF
    try:
        return image.getexif().get(_ORIENTATION, 1)
    except MemoryError:
        raise
    except Exception:  # Pillow raises nearly anything on malformed EXIF
        return 1


def _as_rgb(image: Image.Image, white: int) -> Image.Image:
    if image.mode == "F":
        raise ValueError("floating-point pixels have no agreed range")
    if image.mode.startswith("I"):
        wide = np.asarray(image).astype(np.int64)
        most = max(white, _SIXTEEN_BITS)
        if wide.min() < 0 or wide.max() > most:
            raise ValueError(f"pixel values from {wide.min()} to {wide.max()} are outside 0 to {most}")
        return Image.fromarray((np.minimum(wide, white, out=wide) * 255 // white).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")
