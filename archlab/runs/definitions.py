"""What stands at the top of a module, read from its source: definitions (functions, classes, assignments) and imports.

Comments, docstrings and the layout of lines are no part of a definition.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cached_property
from hashlib import sha256
from typing import Any

REST = ""  # the name of what a module does beside defining
BESIDE = frozenset({"examples", "fuse", "tally"})
"""What a block has beside what trains: for the conformance suite, for deployment, for the budget, which settles the width."""


class Module:
    """A module of a package: its definitions by name, what else it does as REST, and the full names of its imports."""

    def __init__(self, source: bytes, package: str):
        self.definitions: dict[str, Definition] = {}
        self.imports: dict[str, str] = {}
        for statement in ast.parse(source).body:
            within = ast.walk(statement) if isinstance(statement, (ast.If, ast.Try)) else [statement]
            self.imports.update(_imports(within, package))
            for name in _bound(statement):
                self.definitions.setdefault(name, Definition(package)).statements.append(statement)


class Definition:
    """The statements that bind a name, in a module of a package."""

    def __init__(self, package: str):
        self.statements: list[ast.stmt] = []
        self.package = package

    def registrations(self) -> Iterator[tuple[str, str]]:
        """Registry and name of each `@REGISTRY.register("name")` above it; `@register("name")` is for BLOCKS."""
        for statement in self.statements:
            for decorator in getattr(statement, "decorator_list", ()):
                match decorator:
                    case ast.Call(ast.Name("register"), [ast.Constant(str(name))]):
                        yield "BLOCKS", name
                    case ast.Call(ast.Attribute(ast.Name(registry), "register"), [ast.Constant(str(name))]):
                        yield registry, name

    @cached_property
    def digest(self) -> str:
        """Of all that the statements say."""
        return sha256(" ".join(self._read[0]).encode()).hexdigest()

    @cached_property
    def names(self) -> set[str]:
        """Dotted names in the statements, and the full names of what is imported there."""
        nodes = self._read[1]
        inner = {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}
        dotted = {
            _dotted(node) for node in nodes if isinstance(node, (ast.Attribute, ast.Name)) and id(node) not in inner
        }
        return dotted.union(full for _, full in _imports(nodes, self.package)) - {""}

    @cached_property
    def words(self) -> set[str]:
        """Strings in the statements, but those of decorators and those that are only defaults of parameters."""
        apart = {decorator for each in self.statements for decorator in getattr(each, "decorator_list", ())}
        beside = {id(node) for each in {*apart, *self._defaults} for node in ast.walk(each)}
        return {node.value for node in _strings(self._read[1]) if id(node) not in beside}

    @cached_property
    def default_words(self) -> set[str]:
        """Strings among the defaults of the parameters, of a function or of a class's constructor."""
        return {node.value for each in self._defaults for node in _strings(ast.walk(each))}

    @cached_property
    def _defaults(self) -> list[ast.expr]:
        members = [member for each in self.statements for member in (each, *getattr(each, "body", ()))]
        functions = [each for each in members if isinstance(each, ast.FunctionDef)]
        return [
            default
            for function in functions
            if function in self.statements or function.name == "__init__"
            for default in (*function.args.defaults, *function.args.kw_defaults)
            if default
        ]

    @cached_property
    def _read(self) -> tuple[list[str], list[ast.AST]]:
        """What the statements say, in words, and their nodes."""
        tokens: list[str] = []
        nodes: list[ast.AST] = []
        for statement in self.statements:
            _read(statement, tokens, nodes)
        return tokens, nodes


def _read(node: ast.AST, tokens: list[str], nodes: list[ast.AST]) -> None:
    nodes.append(node)
    tokens.append(type(node).__name__)
    for field in node._fields:
        inside = getattr(node, field, None)
        if inside is None or field == "ctx":
            continue
        if field == "body" and isinstance(node, ast.ClassDef):
            inside = [member for member in node.body if BESIDE.isdisjoint(_bound(member))]
        if isinstance(inside, ast.AST):
            tokens.append(field)
            _read(inside, tokens, nodes)
        elif not isinstance(inside, list):
            tokens += (field, repr(inside))
        elif inside:  # a field that a newer Python adds is empty
            tokens += (field, "[")
            for each in inside:
                if not isinstance(each, ast.AST):
                    tokens.append(repr(each))
                elif not _is_docstring(each):
                    _read(each, tokens, nodes)
            tokens.append("]")


def _bound(statement: ast.stmt) -> list[str]:
    """The names that a statement binds other than by an import; REST too, where it does more than binding."""
    match statement:
        case ast.FunctionDef(name) | ast.ClassDef(name):
            return [name]
        case ast.Import() | ast.ImportFrom() | ast.Expr(ast.Constant(str())):
            return []
        case ast.Assign(targets) if all(isinstance(target, (ast.Name, ast.Tuple)) for target in targets):
            return [name for target in targets for name in _stored(target)]
        case ast.AnnAssign(ast.Name(name)) | ast.AugAssign(ast.Name(name)):
            return [name]
        case ast.If(_, body, []) if all(isinstance(each, (ast.Import, ast.ImportFrom)) for each in body):
            return []
    inside = [node.name for node in ast.walk(statement) if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    return [REST, *_stored(statement), *inside]


def _stored(node: ast.AST) -> list[str]:
    return [each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)]


def _imports(nodes: Iterable[Any], package: str) -> Iterator[tuple[str, str]]:
    """The names that import statements among the nodes bind, and the full dotted names of what they stand for."""
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield (alias.asname, alias.name) if alias.asname else (alias.name.partition(".")[0],) * 2
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            for alias in node.names:
                yield alias.asname or alias.name, ".".join((*above, *filter(None, (node.module, alias.name))))


def _dotted(node: Any) -> str:
    """`a.b.c` of a name or of attributes of one; empty for anything else."""
    if isinstance(node, ast.Attribute):
        return f"{before}.{node.attr}" if (before := _dotted(node.value)) else ""
    return node.id if isinstance(node, ast.Name) else ""


def _is_docstring(node: Any) -> bool:
    return isinstance(node, ast.Expr) and bool(_strings([node.value]))


def _strings(nodes: Iterable[ast.AST]) -> list[Any]:
    return [node for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
