"""Mends of a LiteRT graph: batches of any size, and no operators that small runtimes lack where others do the same."""

from __future__ import annotations

from typing import Any

import numpy as np

from archlab.deploy.litert_graph import add_constant, drop_unused, kind_of, set_kind, values_of

MOST_AXES = 5  # of a transpose in TFLite Micro


def free_batch(graph: Any) -> None:
    """Says of images and probabilities that there may be any number, which LiteRT then takes, if its operators do."""
    (subgraph,) = graph.subgraphs
    for number in (*subgraph.inputs, *subgraph.outputs):
        tensor = subgraph.tensors[number]
        tensor.shapeSignature = np.array([-1, *tensor.shape[1:]], np.int32)


def flatten_transposes(graph: Any) -> None:
    """Gives transposes of many axes fewer: axes of length 1 go, and neighbours that stay neighbours become one.

    Of a convolution's map in patches, (1, H/p, p, W/p, p, C) to (1, p, p, H/p, W/p, C), five are left.
    """
    from ai_edge_litert import schema_py_generated as schema

    kinds = schema.BuiltinOperator
    (subgraph,) = graph.subgraphs
    operators = []
    for operator in subgraph.operators:
        given, made = (subgraph.tensors[number] for number in (operator.inputs[0], operator.outputs[0]))
        order = values_of(graph, subgraph.tensors[operator.inputs[1]]) if len(operator.inputs) > 1 else None
        if kind_of(graph, operator) != kinds.TRANSPOSE or order is None or len(order) <= MOST_AXES:
            operators.append(operator)
            continue
        shape, axes = fewer_axes([int(each) for each in given.shape], [int(each) for each in order])
        flat = _map_like(graph, given, shape)
        turned = _map_like(graph, made, [shape[axis] for axis in axes])
        operators.append(_reshape(graph, operator.inputs[0], flat))
        operators.append(_reshape(graph, turned, operator.outputs[0]))
        operator.inputs = [flat, add_constant(graph, np.array(axes, np.int32))]
        operator.outputs = [turned]
        operators.insert(-1, operator)
    subgraph.operators = operators


def join_softmax(graph: Any) -> None:
    """Makes one operator again of an attention's softmax over one token: exp(x - max(x)) divided by itself.

    Where the sum over one number falls away, the converter does not know it as a softmax, and its parts exist in float alone.
    """
    from ai_edge_litert import schema_py_generated as schema

    kinds = schema.BuiltinOperator
    (subgraph,) = graph.subgraphs
    maker = {number: operator for operator in subgraph.operators for number in operator.outputs}
    for operator in subgraph.operators:
        exp = maker.get(operator.inputs[0])
        if kind_of(graph, operator) != kinds.DIV or operator.inputs[0] != operator.inputs[1]:
            continue
        if exp is None or kind_of(graph, exp) != kinds.EXP or (shifted := maker.get(exp.inputs[0])) is None:
            continue
        if kind_of(graph, shifted) == kinds.SUB and subgraph.tensors[shifted.inputs[0]].shape[-1] == 1:
            set_kind(graph, operator, kinds.SOFTMAX)
            operator.inputs = [shifted.inputs[0]]
            operator.builtinOptionsType = schema.BuiltinOptions.SoftmaxOptions
            operator.builtinOptions = schema.SoftmaxOptionsT()
            operator.builtinOptions.beta = 1.0
    drop_unused(graph)


def fewer_axes(shape: list[int], order: list[int]) -> tuple[list[int], list[int]]:
    """The shape and the order of a transpose that moves the same numbers, with as few axes as can be."""
    kept = [axis for axis, length in enumerate(shape) if length > 1]
    runs: list[list[int]] = []
    for axis in order:
        if axis not in kept:
            continue
        if runs and kept.index(axis) == kept.index(runs[-1][-1]) + 1:
            runs[-1].append(axis)
        else:
            runs.append([axis])
    runs = runs or [[0]]
    before = sorted(runs)
    return [int(np.prod([shape[axis] for axis in run])) for run in before], [before.index(run) for run in runs]


def _map_like(graph: Any, tensor: Any, shape: list[int]) -> int:
    """The number of a new feature map."""
    from ai_edge_litert import schema_py_generated as schema

    (subgraph,) = graph.subgraphs
    own = schema.TensorT()
    own.name = tensor.name + f".flat/{len(subgraph.tensors)}".encode()
    own.type, own.shape, own.buffer = tensor.type, np.array(shape, np.int32), 0
    subgraph.tensors.append(own)
    return len(subgraph.tensors) - 1


def _reshape(graph: Any, given: int, made: int) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    operator = schema.OperatorT()
    set_kind(graph, operator, schema.BuiltinOperator.RESHAPE)
    shape = np.array(graph.subgraphs[0].tensors[made].shape, np.int32)
    operator.inputs, operator.outputs = [given, add_constant(graph, shape)], [made]
    operator.builtinOptionsType = schema.BuiltinOptions.ReshapeOptions
    operator.builtinOptions = schema.ReshapeOptionsT()
    operator.builtinOptions.newShape = shape
    return operator
