"""The formats of image files that can be read here: two of them not by everybody's libraries."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import IO

from PIL import Image, UnidentifiedImageError, features

HEIC = (".heic", ".heif", ".hif")  # as phones have
WITH_HEIC = "after pip install 'archlab[heic]'"
_ALWAYS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    "PPM": (".ppm", ".pgm", ".pbm"),
}


@cache
def formats() -> dict[str, tuple[str, ...]]:
    """By their names in Pillow, with the endings of their files. Others run programs (EPS) or are no images.

    Pillow has AVIF from 11.3 on; HEIF, which phones call HEIC, comes with the extra `heic`.
    """
    known = dict(_ALWAYS)
    if "avif" in features.modules and features.check_module("avif"):
        known["AVIF"] = (".avif",)
    if find_spec("pillow_heif"):
        from pillow_heif import register_heif_opener

        register_heif_opener()
        known["HEIF"] = HEIC
    return known


@cache
def suffixes() -> tuple[str, ...]:
    """The endings of files that can be read, in small letters."""
    return tuple(suffix for each in formats().values() for suffix in each)


def open_image(file: str | IO[bytes]) -> Image.Image:
    """An image of one of the formats that datasets come in. Raises OSError for anything else."""
    try:
        return Image.open(file, formats=list(formats()))
    except UnidentifiedImageError:
        if isinstance(file, str) and file.lower().endswith(HEIC) and "HEIF" not in formats():
            raise OSError(f"HEIC is read {WITH_HEIC}") from None
        raise
