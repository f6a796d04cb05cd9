"""What a .tflite file holds, read without running it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from archlab.foundation import UserError

IDENTIFIER = b"TFL3"
TYPES = {0: "float32", 3: "uint8", 9: "int8"}
"""Of images, by their number in the format."""


@dataclass(frozen=True)
class Operator:
    """`kind` as the format calls it, or the name of a custom one; `output` is the name of what it computes."""

    kind: str
    output: str

    @property
    def place(self) -> str:
        """`layers.3` or `head`, where the name says it; else the name, without its number."""
        found = re.search(r"layers\.\d+|\bhead\b", self.output)
        return found[0] if found else self.output.partition("/")[0]


@dataclass(frozen=True)
class TfliteFile:
    """`operators` in the order in which they run; `takes`: numpy's name of the type of its input; `outside`: of so many
    buffers the content lies behind the flatbuffer."""

    operators: tuple[Operator, ...]
    takes: str
    outside: int


def read_tflite(content: bytes) -> TfliteFile:
    """Raises UserError where that is no whole file."""
    from ethosu.vela.tflite.Model import Model

    if content[4:8] != IDENTIFIER:
        raise UserError("this is no .tflite file")
    try:
        return _read(Model.GetRootAs(content))
    except Exception:  # a damaged file leads anywhere
        raise UserError("this is no whole .tflite file") from None


def check_weights(file: TfliteFile) -> None:
    """Raises UserError where weights lie behind the flatbuffer: TFLM computes without them, and says nothing."""
    if file.outside:
        raise UserError(f"{file.outside} of its buffers lie behind the flatbuffer, where microcontrollers do not look")


def told(operators: Iterable[Operator]) -> tuple[str, ...]:
    """Each kind once, with where it is: `SOFTMAX (head)`, `TRANSPOSE (layers.1, layers.2)`."""
    places: dict[str, dict[str, None]] = {}
    for each in operators:
        places.setdefault(each.kind, {})[each.place] = None
    return tuple(f"{kind} ({', '.join(known)})" for kind, known in places.items())


def _read(model: Any) -> TfliteFile:
    buffers = [model.Buffers(at) for at in range(model.BuffersLength())]
    for each in buffers:
        each.DataAsNumpy()  # raises where the file ends before
    kinds = [_kind(model.OperatorCodes(at)) for at in range(model.OperatorCodesLength())]
    first, operators = model.Subgraphs(0), []
    takes = TYPES[first.Tensors(first.Inputs(0)).Type()]
    for number in range(model.SubgraphsLength()):
        graph = model.Subgraphs(number)
        for at in range(graph.OperatorsLength()):
            operator = graph.Operators(at)
            output = graph.Tensors(operator.Outputs(0)).Name() or b""
            operators.append(Operator(kinds[operator.OpcodeIndex()], output.decode(errors="replace")))
    return TfliteFile(tuple(operators), takes, sum(each.Offset() > 1 for each in buffers))


def _kind(code: Any) -> str:
    from ethosu.vela.tflite.BuiltinOperator import BuiltinOperator

    if custom := code.CustomCode():
        name: str = custom.decode(errors="replace")
        return name
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    names = {value: name for name, value in vars(BuiltinOperator).items() if isinstance(value, int)}
    return names.get(number, f"operator {number}")
