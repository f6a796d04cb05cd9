"""Which metric a table holds, and which way of it is better."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from difflib import SequenceMatcher
from pathlib import Path

from archlab.foundation import UserError
from archlab.foundation.json_files import read_json
from archlab.foundation.metric import METRICS, RENAMED, Metric
from archlab.scoring.reading import metric_in

STUDY = "study.json"  # beside the results of a study
SLIP = 0.9  # how alike a name and one of archlab's are, where one is meant as the other
LOWER = {"error", "errors", "loss", "latency", "time", "seconds", "ms", "mse", "rmse", "mae", "perplexity", "distance"}
"""Words of metrics whose lowest value is mostly the best."""


def metric_of(path: str | Path, name: str | None = None, *, lower_is_better: bool = False) -> tuple[Metric, list[str]]:
    """The metric of a table, and what is not certain about it: the one that is named, else that which the table holds.

    Raises UserError where archlab knows that its highest value is best, or `name` is a slip of the pen.
    """
    found = Metric.of(RENAMED.get(name, name)) if name else metric_in(path)
    if lower_is_better:
        if found.name in METRICS and found.higher_is_better:
            raise UserError(f"--lower-is-better: {found.words} is better when higher")
        return replace(found, higher_is_better=False), []
    if found.name in METRICS:
        return found, []
    if known := _of_study(Path(path).parent / STUDY, found.name):
        return known, []
    meant = next(filter(lambda each: _is_slip(found.name, each), METRICS), None)
    if name and meant:
        raise UserError(f"archlab has no metric {name!r}", name=meant, known=METRICS)
    if name and not LOWER & set(re.split(r"[\W_]+", name.casefold())):
        return found, []
    nearest = f" ({meant}?)" if meant else ""
    said = f"archlab does not know the metric {found.name}{nearest}: its highest value counts as the best"
    return found, [f"{said}; with --lower-is-better its lowest does"]


def _is_slip(name: str, known: str) -> bool:
    one, two = (re.sub(r"[\W_]", "", each.casefold()) for each in (name, known))
    return SequenceMatcher(None, one, two).ratio() >= SLIP


def _of_study(path: Path, name: str) -> Metric | None:
    """The metric of the user's own of that name that a study beside the table was scored by."""
    with suppress(OSError, UserError, AttributeError, KeyError, TypeError, ValueError):
        document = read_json(path)["metric"]
        if isinstance(document, dict) and document["name"] == name:
            return Metric.from_document(document)
    return None
