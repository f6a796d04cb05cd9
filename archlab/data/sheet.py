"""A contact sheet: some images of every class, to see what a network is asked to tell apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from archlab.data.prepared import Prepared
from archlab.foundation import write_atomically
from archlab.foundation.escaping import in_one_line

_TILE = 64  # pixels, at least
_GAP = 3
_NAME = 170  # pixels, of a class's name
_ROWS = 30  # before a further column of classes begins
_HEADING = 44  # pixels, two lines
_INK, _PAPER = (30, 30, 30), (255, 255, 255)


def contact_sheet(prepared: Prepared, path: Path, *, split: str = "train", per_class: int = 8) -> None:
    """Writes a PNG: a row a class, `per_class` images spread evenly over those of the class."""
    images, labels = prepared.images(split), prepared.labels(split)
    font = _font(15)
    side = max(_TILE, min(prepared.resolution, 2 * _TILE))
    blocks = -(-prepared.num_classes // _ROWS)
    rows = -(-prepared.num_classes // blocks)
    width = _NAME + per_class * (side + _GAP) + 4 * _GAP
    sheet = Image.new("RGB", (blocks * width, rows * (side + _GAP) + _GAP + _HEADING), _PAPER)
    draw = ImageDraw.Draw(sheet)
    heading = f"{in_one_line(prepared.entry.title)}\n{split}: {len(labels):,} images, {prepared.resolution} pixels"
    draw.text((_GAP, _GAP), heading, fill=_INK, font=font)
    for label, name in enumerate(prepared.class_names):
        left, top = label // rows * width, _HEADING + label % rows * (side + _GAP)
        of_class = np.flatnonzero(labels == label)
        _write(draw, (left + _GAP, top + side // 2), in_one_line(name), font, f"{len(of_class):,}")
        shown = of_class[np.linspace(0, len(of_class) - 1, min(per_class, len(of_class))).astype(int)]
        for column, row in enumerate(shown):
            tile = Image.fromarray(images[row]).resize((side, side), Image.Resampling.NEAREST)
            sheet.paste(tile, (left + _NAME + column * (side + _GAP), top))
    with write_atomically(path) as temporary:
        sheet.save(temporary, format="PNG")


def _write(
    draw: ImageDraw.ImageDraw, place: tuple[int, int], name: str, font: ImageFont.FreeTypeFont, count: str
) -> None:
    """A class's name, shortened to fit, and its count below."""
    while draw.textlength(name, font=font) > _NAME - 3 * _GAP:
        name = name[:-2].rstrip("…") + "…"
    draw.text((place[0], place[1] - 1), name, fill=_INK, font=font, anchor="ls")
    draw.text((place[0], place[1] + 4), count, fill=(130, 130, 130), font=font, anchor="lt")


def _font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib and has letters beyond ASCII."""
    import matplotlib

    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), size)
