"""The keys under `search:` in a study."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from archlab.foundation import UserError, where, with_lines_of
from archlab.foundation.settings import Within, read_settings
from archlab.training import Recipe, load_recipe


@dataclass(frozen=True)
class SearchSettings:
    """How a study is searched. The study's own recipe and seeds are those of the final table.

    Attributes:
        trials: Designs to try.
        seed: Of the sampler.
        objective: Beside the xScore, MACs or the latency on this machine's CPU can be an objective: then designs are not
            stopped early, and a Pareto front is found.
        keep: Share of the designs that goes on at a rung.
        datasets: How many of the suite's datasets the search looks at; none means four where there are seven or more and
            seven references to choose them by, else all.
        finalists: Designs that are trained again for the final table.
        recipe: Of the trials; None means the study's.
        start: Designs to try first: values by name, the rest as the base stands.
    """

    trials: Annotated[int, Within(1)] = 50
    seed: Annotated[int, Within(0)] = 0
    objective: Literal["xscore", "xscore_and_macs", "xscore_and_latency"] = "xscore"
    keep: Annotated[float, Within(0.01, 1)] = 0.25
    datasets: Annotated[int, Within(2)] | None = None
    finalists: Annotated[int, Within(1)] = 3
    recipe: Recipe | None = None
    start: Sequence[dict[str, Any]] = ()


def parse_search(given: Any, at: str | None, folder: Path) -> SearchSettings:
    """The settings of a study's `search:`; the values of `start` are checked by the study. Raises UserError."""
    if not isinstance(given, dict):
        raise UserError(f"search takes keys by name, not {given!r}", where=at)
    plain = with_lines_of(given, {key: value for key, value in given.items() if key not in ("recipe", "start")})
    settings = read_settings(SearchSettings, plain, "search", at=at)
    if "recipe" in given:
        recipe = load_recipe(given["recipe"], at=where(given, "recipe") or at, folder=folder)
        settings = dataclasses.replace(settings, recipe=recipe)
    start = given.get("start", [])
    if not isinstance(start, list) or not all(isinstance(values, dict) for values in start):
        raise UserError("search: start is a list of designs, `- {kernel: 5}`", where=where(given, "start") or at)
    return dataclasses.replace(settings, start=start)
