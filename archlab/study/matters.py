"""What difference matters to a study: `1 point`, `0.05 of xScore`, or both."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any

from archlab.foundation import UserError, check_keys, where
from archlab.foundation.metric import Metric
from archlab.foundation.settings import Within, read_value

MEASURES = ("points", "xscore")
_WRITTEN = re.compile(r"([0-9]*\.?[0-9]+) ?(?:(?P<points>points?)|of (?P<xscore>xscore))", re.IGNORECASE)


def read_matters(given: Any, metric: Metric, at: str | None) -> dict[str, float]:
    """By measure (`points`, `xscore`) the least difference that matters, above 0; empty for None.

    Raises UserError; also for points of a metric that is not told in them.
    """
    found = _read(given, at)
    if "points" in found and not metric.is_share:
        raise UserError(f"matters: {metric.words} is in {metric.unit}, not in points: say `0.05 of xScore`", where=at)
    return found


def _read(given: Any, at: str | None) -> dict[str, float]:
    if given is None:
        return {}
    if isinstance(given, dict):
        check_keys(given, MEASURES, "matters", at)
        above_0 = Annotated[float, Within(0, strictly=True)]
        return {
            name: read_value(above_0, value, f"matters: {name}", where(given, name) or at)
            for name, value in given.items()
        }
    written = _WRITTEN.fullmatch(given.strip()) if isinstance(given, str) else None
    if not written or not 0 < float(written[1]) < math.inf:
        raise UserError(
            f"matters is a difference above 0, `1 point` or `0.05 of xScore`, or both: {{points: 1, xscore: 0.05}}, "
            f"not {given!r}",
            where=at,
        )
    return {"points" if written["points"] else "xscore": float(written[1])}


def in_words(matters: dict[str, float]) -> str:
    """`1 point`, `0.05 of xScore`, or both."""
    parts = {"points": "point" if matters.get("points") == 1 else "points", "xscore": "of xScore"}
    return " and ".join(f"{matters[name]:g} {unit}" for name, unit in parts.items() if name in matters)
