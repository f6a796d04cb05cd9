"""Small .tflite files, written operator by operator: an input, a convolution, a mean, a classifier, a softmax."""

from __future__ import annotations

import numpy as np
from tflite_micro.tensorflow.lite.micro.compression import model_editor as editor
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

WIDTH, CLASSES = 8, 3
INT8, INT32, UINT8 = schema.TensorType.INT8, schema.TensorType.INT32, schema.TensorType.UINT8


class _Made:
    """A file that grows by one operator after the other."""

    def __init__(self):
        self.model = editor.Model(description="made by a test")
        self.graph = self.model.add_subgraph()
        self.value = None

    def tensor(self, name, shape, kind=INT8, scale=0.05, zero=0, axis=None, data=None):
        quantisation = editor.Quantization(scales=scale, zero_points=zero, axis=axis) if scale else None
        data = None if data is None else np.asarray(data)
        return self.graph.add_tensor(name=name, shape=shape, dtype=kind, quantization=quantisation, data=data)

    def add(self, kind, weights, output, options):
        node = self.graph.add_operator(
            opcode=getattr(schema.BuiltinOperator, kind), inputs=[self.value, *weights], outputs=[output]
        )
        node._fb.builtinOptions = options
        node._fb.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
        self.value = output


def small_tflite(
    *, side: int = 8, takes: str = "uint8", then: str | None = None, scale: float = 6 / 255, in_float: bool = False
) -> bytes:
    """Images (1, side, side, 3) of raw pixels to three probabilities, quantised unless `in_float`.

    `then`: an operator after the convolution; what it gives has twice the scale, which pooling must not change.
    """
    chance, made = np.random.default_rng(0), _Made()
    half = side // 2
    shape = (1, side, side, 3)
    kind, zero = (UINT8, 0) if takes == "uint8" else (INT8, -128)
    images = made.value = made.tensor("images", shape, kind, 1 / 255, zero)
    if takes == "uint8":
        made.add("QUANTIZE", [], made.tensor("pixels", shape, INT8, 1 / 255, -128), schema.QuantizeOptionsT())
    kernel = chance.integers(-127, 128, (WIDTH, 3, 3, 3), dtype=np.int8)
    weights = [
        made.tensor("kernel", kernel.shape, INT8, [0.01] * WIDTH, [0] * WIDTH, 0, kernel),
        made.tensor("bias", (WIDTH,), INT32, [0.01 / 255] * WIDTH, [0] * WIDTH, 0, np.zeros(WIDTH, np.int32)),
    ]
    options = schema.Conv2DOptionsT()
    options.padding, options.strideW, options.strideH = schema.Padding.SAME, 2, 2
    options.fusedActivationFunction = schema.ActivationFunctionType.RELU6
    made.add("CONV_2D", weights, made.tensor("layers.0;conv", (1, half, half, WIDTH), INT8, scale, -128), options)
    if then:
        output = made.tensor("layers.1;then", (1, half, half, WIDTH), INT8, 2 * scale, -128)
        made.add(then, [], output, _one_by_one() if "POOL" in then else schema.GeluOptionsT())
        scale *= 2
    axes = made.tensor("axes", (2,), INT32, None, data=np.array([1, 2], np.int32))
    made.add("MEAN", [axes], made.tensor("mean", (1, WIDTH), INT8, scale, -128), schema.ReducerOptionsT())
    rows = chance.integers(-127, 128, (CLASSES, WIDTH), dtype=np.int8)
    weights = [
        made.tensor("rows", rows.shape, INT8, 0.02, data=rows),
        made.tensor("offsets", (CLASSES,), INT32, 0.02 * scale, data=np.zeros(CLASSES, np.int32)),
    ]
    made.add("FULLY_CONNECTED", weights, made.tensor("head", (1, CLASSES), scale=0.1), schema.FullyConnectedOptionsT())
    softmax = schema.SoftmaxOptionsT()
    softmax.beta = 1.0
    made.add("SOFTMAX", [], made.tensor("head;softmax", (1, CLASSES), INT8, 1 / 256, -128), softmax)
    if in_float:
        probabilities = made.tensor("probabilities", (1, CLASSES), schema.TensorType.FLOAT32, None)
        made.add("DEQUANTIZE", [], probabilities, schema.DequantizeOptionsT())
    made.graph.inputs, made.graph.outputs = [images], [made.value]
    return bytes(made.model.build())


def _one_by_one():
    options = schema.Pool2DOptionsT()
    options.filterWidth = options.filterHeight = options.strideW = options.strideH = 1
    return options


def with_weights_behind(content: bytes) -> bytes:
    """The same with its weights behind the flatbuffer, as converters write files that are large."""
    import flatbuffers

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    held = [bytes(each.data) if each.data is not None and len(each.data) else b"" for each in model.buffers]
    for each, data in zip(model.buffers, held, strict=True):
        if data:
            each.data, each.offset, each.size = None, 2, len(data)  # a stand-in that takes as much room as what follows

    def packed():
        builder = flatbuffers.Builder(2**16)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())

    behind = bytearray()
    start = -(-len(packed()) // 16) * 16
    for each, data in zip(model.buffers, held, strict=True):
        if data:
            each.offset = start + len(behind)
            behind += data + bytes(-len(data) % 16)
    return packed().ljust(start, b"\0") + bytes(behind)
