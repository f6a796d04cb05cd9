"""Options that several commands have, and how a command gets several at once."""

from __future__ import annotations

from collections.abc import Callable

import click

STORE = click.option(
    "--store", metavar="PATH", help="Folder of runs and data  [default: ARCHLAB_HOME, else ./.archlab]"
)
STORE_OF_RUNS = click.option("--store", metavar="PATH", help="Folder of runs  [default: ARCHLAB_HOME, else ./.archlab]")
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")

FRAME = click.option(
    "--frame", type=click.Choice(["references", "all"]), help="Which models span the frame of the scores."
)


def together(*options: Callable[[Callable], Callable]) -> Callable[[Callable], Callable]:
    """A decorator that gives a command these options; its help lists them in this order."""

    def decorate(command: Callable) -> Callable:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate
