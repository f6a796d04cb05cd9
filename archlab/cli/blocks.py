"""`archlab blocks`: what an architecture can be made of."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator
from typing import Any

import click

from archlab.cli.completion import BLOCK
from archlab.cli.options import JSON
from archlab.cli.streams import echo
from archlab.cli.tables import print_table
from archlab.foundation import UserError


@click.command()
@click.argument("name", required=False, shell_complete=BLOCK)
@JSON
def blocks(name: str | None, as_json: bool) -> None:
    """The blocks and parts of blocks that an architecture can name.

    NAME is one of them, to see its arguments, or a Python file of your own blocks.
    """
    if name and name.endswith(".py"):
        found = _of_file(name)
    else:
        everything = list(_entries())
        found = [entry for entry in everything if name in (None, entry["name"])]
        if not found:
            raise UserError(f"there is no block {name!r}", name=name, known=[entry["name"] for entry in everything])
    if as_json:
        echo(json.dumps({"blocks": found}, indent=2))
    elif name:
        for entry in found:
            _show(entry)
    else:
        columns = ("name", "kind", "meaning")
        print_table(columns, [[entry["name"], entry["kind"], entry["description"].split("\n")[0]] for entry in found])
        echo("\n`archlab blocks NAME` shows the arguments of one")


def _entries() -> Iterator[dict[str, Any]]:
    import blocks
    from blocks.registry import REGISTRIES

    for registry in REGISTRIES:
        for name in registry:
            yield {"name": name, "kind": registry.kind, "file": registry.file(name), **_described(registry[name])}
    yield {"name": "head", "kind": "head", "file": inspect.getfile(blocks.Head), **_described(blocks.Head)}


def _of_file(file: str) -> list[dict[str, Any]]:
    from pathlib import Path

    from archlab.foundation.own_code import load_file

    load_file(Path(file), at=None)
    found = [entry for entry in _entries() if entry["file"] and Path(entry["file"]) == Path(file).resolve()]
    if not found:
        raise UserError("registers no block: decorate one with `@blocks.register(NAME)`", where=file)
    return found


def _described(entry: Any) -> dict[str, Any]:
    """What it does, where it comes from, and what it takes."""
    from blocks.arguments import arguments

    source = inspect.getdoc(sys.modules[entry.__module__]) or ""
    meaning = inspect.getdoc(entry) if entry.__doc__ else None
    scaled = ("out", *getattr(entry, "channel_arguments", ()))
    return {
        "description": meaning or source.split("\n")[0],
        "source": " ".join(source.split("\n\n")[0].split()),
        "arguments": [
            {
                "name": argument.name,
                "value": _values(argument),
                "default": None if argument.default is inspect.Parameter.empty else argument.default,
                "required": argument.default is inspect.Parameter.empty,
                "scales_with_width": argument.name in scaled,
            }
            for argument in arguments(entry).values()
        ],
    }


def _values(argument: Any) -> str:
    """What may be given, in words."""
    from blocks.registry import Registry

    kind = argument.kind
    if isinstance(kind, Registry):
        words = " | ".join(kind)
    elif isinstance(kind, tuple):
        words = " | ".join(map(str, kind))
    elif kind in (int, float):
        words = f"{'whole number' if kind is int else 'number'} from {argument.least:g}"
        words += f" to below {argument.below:g}" if argument.below < float("inf") else ""
        words += ", or a list of several" if argument.several else ""
    else:
        words = {bool: "true | false", str: "word"}[kind]
    return f"{words} | none" if argument.optional else words


def _show(entry: dict[str, Any]) -> None:
    kind = entry["kind"]
    title = kind if kind == entry["name"] else f"{entry['name']} ({kind})"
    echo(f"{title}: {entry['source']}\n\n{entry['description']}\n")
    rows = [
        [
            argument["name"],
            "required" if argument["required"] else _yaml(argument["default"]),
            argument["value"] + (" (scales with the width)" if argument["scales_with_width"] else ""),
        ]
        for argument in entry["arguments"]
    ]
    if kind == "block":
        rows += [
            ["out", "those of the input", "channels of the output, a whole number from 1 (scales with the width)"],
            ["stride", "1", "a whole number from 1"],
        ]
    if rows:
        print_table(("argument", "default", "values"), rows)


def _yaml(value: Any) -> str:
    """As one writes it in an architecture."""
    return "none" if value is None else json.dumps(value).strip('"')
