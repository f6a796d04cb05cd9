"""Options that several commands have, and how a command gets several at once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from archlab.cli.streams import documents_alone, echo
from archlab.foundation import UserError, home_to_read
from archlab.foundation.words import seconds_in


class _Path(click.Path):
    """With the home folder in the place of a ~, which a shell leaves as it is in `--output=~/net.onnx`."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            expanded = Path(value).expanduser() if str(value).startswith("~") else Path(value)
        except RuntimeError:
            raise UserError("nobody's home folder is called so", where=str(value)) from None
        return super().convert(expanded, param, ctx)


class _Time(click.ParamType):
    """Seconds, of `90s`, `30m`, `1h30m` or a number of seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        with suppress(ValueError):
            value = float(value)
        try:
            return seconds_in(value)
        except UserError as error:
            self.fail(error.message, param, ctx)


PATH = _Path()
TIME = _Time()
SERIES = click.option(
    "--series", is_flag=True, help="Images in a folder within a class, or called film3_01 and film3_02, stay together."
)
STORE = click.option(
    "--store", metavar="PATH", help="Folder of runs and data  [default: ARCHLAB_HOME, else ./.archlab]"
)
STORE_OF_RUNS = click.option("--store", metavar="PATH", help="Folder of runs  [default: ARCHLAB_HOME, else ./.archlab]")


def _alone(context: click.Context, _: click.Parameter, as_json: bool) -> bool:
    if as_json:
        context.find_root().with_resource(documents_alone())  # which is closed where parsing fails, too
    return as_json


JSON = click.option("--json", "as_json", is_flag=True, callback=_alone, help="Print one JSON document.")
WINNERS_DATASET = click.option("--dataset", help="Which of the datasets that a winner was trained on.")

FRAME = click.option(
    "--frame", type=click.Choice(["references", "all"]), help="Which models span the frame of the scores."
)


def place_to_read(store: str | None) -> Path:
    """The folder of runs and data, for a command that makes none; where there is none, that is said."""
    place = home_to_read(store)
    if not place.is_dir():
        echo(f"nothing is stored in {place} yet", err=True)
    return place


def together(*options: Callable[[Callable], Callable]) -> Callable[[Callable], Callable]:
    """A decorator that gives a command these options; its help lists them in this order."""

    def decorate(command: Callable) -> Callable:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate
