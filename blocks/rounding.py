"""Rounding channel counts."""

from __future__ import annotations


def round_channels(count: float, multiple: int = 8) -> int:
    """`count` rounded to a multiple, never below 90 % of it (MobileNetV2's rule, arXiv 1801.04381, reference code)."""
    rounded = max(multiple, int(count + multiple / 2) // multiple * multiple)
    return rounded if rounded >= 0.9 * count else rounded + multiple
