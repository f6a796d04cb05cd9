"""Capital letters drawn in the fonts that come with matplotlib, light on dark, slightly turned.

Split by family of typefaces, because siblings share their outlines: DejaVu trains, STIX validates, Computer Modern
tests.
"""

from __future__ import annotations

from pathlib import Path
from string import ascii_uppercase

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from archlab.data.listing import ImageArray, Listing

_SIDE = 32  # pixels
_FONTS = {
    "train": [
        f"DejaVu{family}"
        for family in (
            *("Sans", "Sans-Bold", "Sans-Oblique", "Sans-BoldOblique"),
            *("SansMono", "SansMono-Bold", "SansMono-Oblique", "SansMono-BoldOblique"),
            *("Serif", "Serif-Bold", "Serif-Italic", "Serif-BoldItalic"),
        )
    ],
    "validation": ["STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta"],
    "test": ["cmb10", "cmr10", "cmss10", "cmti10", "cmtt10"],
}
_DRAWINGS = {"train": 10, "validation": 3, "test": 8}  # of each letter in each font


def read(root: Path | None = None) -> Listing:
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    random = np.random.RandomState(0)
    pixels, labels, splits, groups = [], [], [], []
    for split, fonts in _FONTS.items():
        for font in fonts:
            for label, letter in enumerate(ascii_uppercase):
                for _ in range(_DRAWINGS[split]):
                    pixels.append(_draw(letter, str(folder / f"{font}.ttf"), random))
                    labels.append(label)
                    splits.append(split)
                    groups.append(font)
    return Listing(
        tuple(ascii_uppercase), ImageArray(np.stack(pixels)), np.array(labels), np.array(splits), np.array(groups)
    )


def _draw(letter: str, font: str, random: np.random.RandomState) -> np.ndarray:
    """uint8 (32, 32): the letter 20 to 26 pixels high in a font, up to 8 degrees and 2 pixels off."""
    image = Image.new("L", (_SIDE, _SIDE))
    middle = (_SIDE / 2 + random.uniform(-2, 2), _SIDE / 2 + random.uniform(-2, 2))
    typeface = ImageFont.truetype(font, random.randint(20, 27))
    ImageDraw.Draw(image).text(middle, letter, fill=255, font=typeface, anchor="mm")
    return np.asarray(image.rotate(random.uniform(-8, 8), Image.Resampling.BILINEAR))
