"""Options of commands that take a study: which, and what counts in the place of what it says."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from archlab.cli.completion import STUDY
from archlab.cli.options import together
from archlab.study.source import StudySource, override

spec_option = partial(
    click.option, "--spec", metavar="STUDY", shell_complete=STUDY, help="A study of archlab's, or a YAML file."
)
override_options = together(
    click.option("--suite", metavar="SUITE", help="In the place of the study's: a name or a file."),
    click.option("--datasets", metavar="A,B,...", help="In the place of the study's suite: any of the catalogue's."),
    click.option("--recipe", metavar="RECIPE", help="In the place of the study's: a name or a file."),
    click.option(
        "--seeds", metavar="N", help="In the place of the study's: how many, a list, `0,3,7`, or from and to, `2-30`."
    ),
)
"""The options that `overridden` takes."""


def overridden(
    study: str,
    *,
    suite: str | None,
    datasets: str | None,
    recipe: str | None,
    seeds: str | None,
    matters: str | None = None,
    frame: str | None = None,
) -> StudySource:
    """The study as the options have it; as written without any."""
    return override(
        study,
        suite=suite,
        datasets=None if datasets is None else [name.strip() for name in datasets.split(",") if name.strip()],
        recipe=recipe,
        seeds=None if seeds is None else _seeds(seeds),
        matters=matters,
        frame=frame,
    )


def _seeds(text: str) -> Any:
    """A number, a list of them, from and to, or the text itself, which the study refuses."""
    first, dash, most = (part.strip() for part in text.partition("-"))
    if dash and first.isdecimal() and most.isdecimal():
        return {"from": int(first), "to": int(most)}
    numbers = [part.strip() for part in text.split(",")]
    if not all(number.isdecimal() for number in numbers if number) or not any(numbers):
        return text
    found = [int(number) for number in numbers if number]
    return found if "," in text else found[0]
