"""A job at which libraries have something to say."""

from __future__ import annotations

import logging
import warnings
from typing import Any


def run(*, report: Any) -> dict[str, Any]:
    warnings.warn("Glyph 128512 missing from font(s) DejaVu Sans.", UserWarning, stacklevel=1)
    logging.getLogger("PIL.Image").error("a broken picture")
    logging.warning("nobody's")
    return {"done": True}
