"""YAML 1.2 core schema, read safely, with the line of every key kept.

PyYAML parses; resolving scalars is done here because its own resolver speaks YAML 1.1, in which `on` is true and
`1e-3` is a string.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from archlab.foundation.errors import UserError, where
from archlab.foundation.files import check_file, note_read

LARGEST_DOCUMENT = 2**20  # bytes
REMEMBERED = 2**16  # characters at most of a text that is not parsed again
MOST_NODES = 100_000  # after aliases are followed
DEEPEST = 100

_NULL = re.compile(r"(null|Null|NULL|~|)\Z")
_BOOL = re.compile(r"(true|True|TRUE|false|False|FALSE)\Z")
_INT = re.compile(r"[-+]?[0-9]+\Z")
_OCTAL = re.compile(r"0o[0-7]+\Z")
_HEX = re.compile(r"0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_NOT_FINITE = re.compile(r"([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))\Z")
_CORE = "tag:yaml.org,2002:"
_PLAIN = "plain scalar without a tag"


class Mapping(dict):
    """A dict that knows the file and the lines that it was read from."""

    def __init__(self, source: str, line: int):
        super().__init__()
        self.source, self.line = source, line
        self.lines: dict[Any, int] = {}

    def where(self, key: Any = None) -> str | None:
        return f"{self.source}:{self.lines.get(key, self.line)}" if self.source else None


class Sequence(list):
    """A list that knows the file and the lines that it was read from."""

    def __init__(self, source: str, line: int):
        super().__init__()
        self.source, self.line = source, line
        self.lines: list[int] = []

    def where(self, index: int | None = None) -> str | None:
        return f"{self.source}:{self.line if index is None else self.lines[index]}" if self.source else None


def with_lines_of(origin: dict, values: dict) -> Mapping:
    """`values` as a mapping that gives the lines of `origin` for the keys that they share, and its line for the others."""
    mapping = Mapping(getattr(origin, "source", ""), getattr(origin, "line", 0))
    mapping.lines = getattr(origin, "lines", {})
    mapping.update(values)
    return mapping


def read_yaml(path: str | Path) -> Mapping:
    """The mapping in a YAML file. Raises UserError with file and line for anything wrong in it."""
    path = Path(path)
    note_read(path)
    try:
        with check_file(path).open("rb") as file:
            text = file.read(LARGEST_DOCUMENT + 1)
        if len(text) > LARGEST_DOCUMENT:
            raise UserError(f"larger than {LARGEST_DOCUMENT >> 20} MiB", where=str(path))
        return read_yaml_text(text.decode("utf-8"), source=str(path))
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UserError("is not UTF-8 text", where=f"{path}:{line}") from None


def read_yaml_text(text: str, source: str) -> Mapping:
    """The mapping in a YAML text; `source` names it in messages."""
    try:
        node = _composed(text) if len(text) <= REMEMBERED else _composed.__wrapped__(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"{source}:{mark.line + 1}" if mark else source
        hint = " (YAML indents with spaces, not tabs)" if "'\\t'" in (error.problem or "") else ""
        problem = ", ".join(filter(None, (error.context, error.problem)))
        raise UserError(f"not valid YAML: {problem}{hint}", where=line) from None
    except yaml.reader.ReaderError as error:
        line = f"{source}:{text.count(chr(10), 0, error.position) + 1}"
        raise UserError(f"character U+{error.character:04X} cannot stand in YAML", where=line) from None
    except RecursionError:
        raise UserError(f"nested deeper than {DEEPEST}", where=source) from None
    if node is None:
        raise UserError("is empty", where=source)
    if not isinstance(node, yaml.MappingNode):
        raise UserError("expected `key: value` lines at the top", where=f"{source}:{node.start_mark.line + 1}")
    return _Constructor(source).construct(node, depth=0)


@lru_cache(maxsize=64)
def _composed(text: str) -> yaml.Node | None:
    """A search reads a few documents thousands of times; nothing changes their nodes."""
    return yaml.compose(text, Loader=_Composer)


def check_keys(mapping: dict, known: Iterable[str], what: str, at: str | None = None) -> None:
    """Raises UserError for the first key of `mapping` that is not `known`; `what` names the thing it stands in.

    `at` is FILE:LINE of mappings that know no lines.
    """
    known = list(known)
    for key in mapping:
        if key not in known:
            raise UserError(f"{what} has no key {key!r}", where=where(mapping, key) or at, name=key, known=known)


class _Composer(yaml.SafeLoader):
    """Composes nodes only. Scalars keep the tag that was written; plain ones without one get `_PLAIN`."""

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        if kind is yaml.ScalarNode:
            return _PLAIN if implicit[0] else _CORE + "str"
        return _CORE + ("map" if kind is yaml.MappingNode else "seq")


class _Constructor:
    def __init__(self, source: str):
        self.source, self.nodes = source, 0
        self.open: set[int] = set()

    def construct(self, node: yaml.Node, depth: int) -> Any:
        self.nodes += 1
        if self.nodes > MOST_NODES:
            raise UserError(f"more than {MOST_NODES:,} values, aliases followed", where=self._where(node))
        if depth > DEEPEST:
            raise UserError(f"nested deeper than {DEEPEST}", where=self._where(node))
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if id(node) in self.open:
            raise UserError("an alias stands inside its own anchor", where=self._where(node))
        self.open.add(id(node))
        assert isinstance(node, yaml.CollectionNode)
        value = self._mapping(node, depth) if isinstance(node, yaml.MappingNode) else self._sequence(node, depth)
        self.open.discard(id(node))
        return value

    def _mapping(self, node: yaml.CollectionNode, depth: int) -> Mapping:
        if node.tag != _CORE + "map":
            raise self._tag_error(node)
        mapping = Mapping(self.source, node.start_mark.line + 1)
        for key_node, value_node in node.value:
            key = self.construct(key_node, depth + 1)
            if isinstance(key, (dict, list)):
                raise UserError("a key must be a plain word or number", where=self._where(key_node))
            if key in mapping:
                raise UserError(
                    f"key {key!r} appears twice (first on line {mapping.lines[key]})", where=self._where(key_node)
                )
            mapping.lines[key] = key_node.start_mark.line + 1
            mapping[key] = self.construct(value_node, depth + 1)
        return mapping

    def _sequence(self, node: yaml.CollectionNode, depth: int) -> Sequence:
        if node.tag != _CORE + "seq":
            raise self._tag_error(node)
        sequence = Sequence(self.source, node.start_mark.line + 1)
        for item in node.value:
            sequence.lines.append(item.start_mark.line + 1)
            sequence.append(self.construct(item, depth + 1))
        return sequence

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        text = node.value
        if node.tag == _CORE + "str":
            return text
        if node.tag != _PLAIN:
            raise self._tag_error(node)
        if _NULL.match(text):
            return None
        if _BOOL.match(text):
            return text[0] in "tT"
        number = _number(text)
        if number is None:
            return text
        if abs(number) > sys.float_info.max:
            raise UserError(f"{text[:40]} is not a finite number", where=self._where(node))
        return number

    def _tag_error(self, node: yaml.Node) -> UserError:
        return UserError(f"tag {node.tag.replace(_CORE, '!!')!r} is not allowed", where=self._where(node))

    def _where(self, node: yaml.Node) -> str:
        return f"{self.source}:{node.start_mark.line + 1}"


def _number(text: str) -> int | float | None:
    """Of a plain scalar; infinite where it is none that is finite, None where it is a word."""
    if _OCTAL.match(text):
        return int(text[2:], 8)
    if _HEX.match(text):
        return int(text[2:], 16)
    if _NOT_FINITE.match(text):
        return math.inf
    if not _FLOAT.match(text):
        return None
    number = float(text)
    return int(text) if _INT.match(text) and math.isfinite(number) else number
