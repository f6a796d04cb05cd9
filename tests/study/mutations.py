"""Damage to documents: to characters, to tokens, to the tree that they are read as; all from one random generator."""

from __future__ import annotations

import copy
import itertools
import random
import re
from collections.abc import Iterator
from typing import Any

import yaml

TEXTS = (
    "",
    " ",
    "~",
    "none",
    "null",
    "-1",
    "0",
    "first",
    "references",
    "choose",
    "digits",
    "mobilenetv2",
    "a.py:b",
    "../x.yaml",
)
ODD_TEXTS = (
    "\0",
    "\ud800",
    "\x1b[31m",
    "\u202e",
    "a\nb",
    "é\u0301",
    "x" * 5000,
    "/dev/zero",
    "/",
    "nul\0.yaml",
    "\ud800.yaml",
)
NUMBERS = (0, -1, 1, 2, 3, 0.5, -0.0, 1e-300, 1e308, 2**31, 2**63, -(2**63) - 1, 10**12, 10**400)
NO_NUMBERS = (float("nan"), float("inf"), float("-inf"))
OTHERS = (
    None,
    True,
    False,
    [],
    {},
    [[]],
    [None],
    {"a": 1},
    {"choose": []},
    {"choose": [1, 2]},
    {"range": [1, 10**12]},
    {1: 2},
)
TOKENS = (
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "- ",
    "\t",
    "\n",
    "&a ",
    "*a",
    "!!python/object:os.system ",
    "? ",
    "| ",
    "'",
    '"',
    "#",
    "%",
    "<<: *a",
)


def mutate(text: str, values: list[Any], keys: list[Any], chance: random.Random) -> str:
    """`text` after one to three damages; `values` and `keys` are those of other documents."""
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        kind = chance.choices((_character, _token, _tree), (1, 2, 5))[0]
        text = kind(text, values, keys, chance)
    return text


def parts(document: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a tree: what holds it, and its key or index."""
    for key in document if isinstance(document, dict) else range(len(document)):
        yield document, key
        if isinstance(document[key], dict | list):
            yield from parts(document[key])


def _character(text: str, values: list[Any], keys: list[Any], chance: random.Random) -> str:
    at = chance.randrange(len(text) + 1)
    end = at + chance.choice((0, 1, 1, 10, 100))
    put = chance.choice(
        ("", chr(chance.choice((0, 9, 10, 27, 0x7F, 0x85, 0xD800, 0xFEFF, 0x10FFFF, chance.randrange(32, 127)))))
    )
    return text[:at] + put * chance.choice((1, 1, 1, 2000)) + text[end:]


def _token(text: str, values: list[Any], keys: list[Any], chance: random.Random) -> str:
    found = list(re.finditer(r"[\w.+-]+|[^\w\s]|\n *", text))
    if not found:
        return text
    one, other = chance.choice(found), chance.choice(found)
    put = chance.choice(
        (
            "",
            other[0],
            chance.choice(TOKENS),
            one[0] * 2,
            f"{one[0]} {other[0]}",
            "[" * chance.choice((1, 90, 3000)),
            _laughs(),
        )
    )
    return text[: one.start()] + put + text[one.end() :]


def _laughs() -> str:
    """Aliases of aliases, that grow tenfold in each line."""
    lines = ["{a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    return ", ".join(lines) + "}"


def _tree(text: str, values: list[Any], keys: list[Any], chance: random.Random) -> str:
    try:
        document = yaml.load(text, Loader=yaml.CSafeLoader)
        found = parts(document) if isinstance(document, dict | list) else ()
        places = list(itertools.islice(found, 5000))  # aliases multiply
    except Exception:  # an earlier damage; a tree too deep
        return _character(text, values, keys, chance)
    if not places:
        return text
    holder, key = chance.choice(places)
    act = chance.randrange(8)
    if act == 0:
        del holder[key]
    elif act == 1:
        other_holder, other = chance.choice(places)
        holder[key], other_holder[other] = other_holder[other], holder[key]
    elif act == 2 and isinstance(holder, dict):
        name = chance.choice((chance.choice(keys), _leaf(chance)))
        holder[name if isinstance(name, str | int | float | bool | None) else "a"] = holder.pop(key)
    elif act == 3:
        holder[key] = copy.deepcopy(chance.choice(values))
    elif act == 4:
        _add(holder, copy.deepcopy(chance.choice(values)), chance.choice(keys))
    elif act == 5:
        for _ in range(chance.choice((1, 3, 60, 200))):
            holder[key] = [holder[key]] if chance.random() < 0.5 else {"choose": holder[key]}
    else:
        holder[key] = _leaf(chance)
    try:
        return yaml.dump(document, Dumper=yaml.CSafeDumper, sort_keys=False, width=1000)
    except (RecursionError, ValueError, yaml.YAMLError):
        return text


def _leaf(chance: random.Random) -> Any:
    return copy.deepcopy(chance.choice(chance.choice((TEXTS, ODD_TEXTS, NUMBERS, NO_NUMBERS, OTHERS))))


def _add(holder: Any, value: Any, key: Any) -> None:
    if isinstance(holder, dict):
        holder[key] = value
    else:
        holder.append(value)
