"""A LiteRT file as a graph that can be changed, and back: weights inside the flatbuffer, names that mean something."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

IMAGES, PROBABILITIES = "images", "probabilities"
_ALIGNED = 16  # bytes, as the schema says of the data of buffers


def graph_of(content: bytes) -> Any:
    """The `ModelT` of LiteRT's schema."""
    from ai_edge_litert import schema_py_generated as schema

    graph = schema.ModelT.InitFromPackedBuf(content, 0)
    for buffer in graph.buffers:
        if buffer.offset > 1:  # behind the flatbuffer, where TFLite Micro finds nothing
            buffer.data = np.frombuffer(content, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
    return graph


def content_of(graph: Any) -> bytes:
    """The file, with all data inside the flatbuffer."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    class AlignedBuffer(schema.BufferT):
        """As `BufferT`, which leaves its data where they come to lie."""

        def Pack(self, builder: Any) -> int:  # noqa: N802  # as the schema has it
            if self.data is None or not len(self.data):
                return int(schema.BufferT().Pack(builder))
            data = bytes(self.data)
            builder.StartVector(1, len(data), _ALIGNED)
            builder.head -= len(data)
            builder.Bytes[builder.head : builder.head + len(data)] = data
            place = builder.EndVector()
            schema.BufferStart(builder)
            schema.BufferAddData(builder, place)
            return int(schema.BufferEnd(builder))

    for number, buffer in enumerate(graph.buffers):
        graph.buffers[number] = AlignedBuffer()
        graph.buffers[number].data = buffer.data
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(graph.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def kind_of(graph: Any, operator: Any) -> int:
    """A number of the schema's `BuiltinOperator`."""
    code = graph.operatorCodes[operator.opcodeIndex]
    return max(code.builtinCode, code.deprecatedBuiltinCode)


def values_of(graph: Any, tensor: Any) -> np.ndarray | None:
    """Of a constant of numbers; None of what is computed."""
    from ai_edge_litert import schema_py_generated as schema

    data = graph.buffers[tensor.buffer].data
    kinds = {
        schema.TensorType.FLOAT32: np.float32,
        schema.TensorType.INT32: np.int32,
        schema.TensorType.INT8: np.int8,
    }
    if data is None or not len(data) or tensor.type not in kinds:
        return None
    return np.frombuffer(bytes(data), kinds[tensor.type]).reshape(tensor.shape)


def add_constant(graph: Any, values: np.ndarray) -> int:
    """The number of a new tensor, of int32."""
    from ai_edge_litert import schema_py_generated as schema

    (subgraph,) = graph.subgraphs
    buffer, tensor = schema.BufferT(), schema.TensorT()
    buffer.data = np.frombuffer(values.astype(np.int32).tobytes(), np.uint8)
    tensor.name = f"constant/{len(subgraph.tensors)}".encode()
    tensor.type, tensor.shape, tensor.buffer = schema.TensorType.INT32, values.shape, len(graph.buffers)
    graph.buffers.append(buffer)
    subgraph.tensors.append(tensor)
    return len(subgraph.tensors) - 1


def set_kind(graph: Any, operator: Any, kind: int) -> None:
    """Of the schema's `BuiltinOperator`."""
    from ai_edge_litert import schema_py_generated as schema

    for index, code in enumerate(graph.operatorCodes):
        if max(code.builtinCode, code.deprecatedBuiltinCode) == kind:
            operator.opcodeIndex = index
            return
    own = schema.OperatorCodeT()
    own.builtinCode = own.deprecatedBuiltinCode = kind
    own.version = 1
    operator.opcodeIndex = len(graph.operatorCodes)
    graph.operatorCodes.append(own)


def drop_unused(graph: Any) -> None:
    """Takes out operators of which nothing is used."""
    (subgraph,) = graph.subgraphs
    used = {*subgraph.outputs}
    kept = []
    for operator in reversed(subgraph.operators):
        if used.intersection(operator.outputs):
            kept.append(operator)
            used.update(operator.inputs)
    subgraph.operators = kept[::-1]


def rename(graph: Any) -> None:
    """Names tensors after the modules that they come from, `layers.3.projection/17`, in the place of all their classes."""
    (subgraph,) = graph.subgraphs
    for number, tensor in enumerate(subgraph.tensors):
        steps = [step.rpartition(".")[2].partition("_")[2] for step in _last_place(tensor.name).split("/")]
        place = ".".join(step for step in steps if step).removeprefix("network.")
        tensor.name = f"{place or 'input_or_output'}/{number}".encode()
    (given,), (made,) = subgraph.inputs, subgraph.outputs
    for number, name in ((given, IMAGES), (made, PROBABILITIES)):
        subgraph.tensors[number].name = name.encode()
    (signature,) = graph.signatureDefs
    signature.inputs[0].name, signature.outputs[0].name = IMAGES.encode(), PROBABILITIES.encode()


def _last_place(name: bytes) -> str:
    """Of what was made from several modules (`;;` between them) the one that computes; activation and norm come first."""
    places = [re.sub(r";\d*$", "", each) for each in name.decode(errors="replace").split(";;")]
    return places[-1]


def set_metadata(graph: Any, entries: Mapping[str, str]) -> None:
    """Entries of the file's metadata: of each a name and a buffer of UTF-8."""
    from ai_edge_litert import schema_py_generated as schema

    for name, text in entries.items():
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(text.encode(), np.uint8)
        entry = schema.MetadataT()
        entry.name, entry.buffer = name.encode(), len(graph.buffers)
        graph.buffers.append(buffer)
        graph.metadata.append(entry)
