"""A trained network as an ONNX graph: branches merged, batch normalisation folded, raw pixels in, probabilities out."""

from __future__ import annotations

import re
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

from archlab.deploy.deployed import Deployed, deployed, metadata, refusal
from archlab.deploy.loading import LoadedNetwork
from archlab.deploy.quiet import quiet
from archlab.deploy.resizing import resizing

OPSET = 20  # the first with Gelu in one piece
IMAGES, RESIZED, PROBABILITIES = "images", "resized", "probabilities"


def core_graph(network: LoadedNetwork) -> Any:
    """The ONNX model from `resized`, uint8 (N, R, R, 3), to `probabilities`, float32 (N, classes); N is free.

    Raises UserError for a network with blocks that cannot be exported; the message says where and why.
    """
    return graph_of(deployed(network), network.preprocessing.resolution)


def graph_of(module: Deployed, side: int, batch: int | None = None) -> Any:
    """The same, of images of `side` pixels; N is `batch` where that is given, which takes half as long to export."""
    images = torch.zeros(batch or 2, side, side, 3, dtype=torch.uint8)
    free = None if batch else ({0: torch.export.Dim("batch", min=1)},)
    try:
        with quiet(), torch.no_grad():
            program = torch.export.export(module, (images,), dynamic_shapes=free)
            exported = torch.onnx.export(
                program,
                dynamic_shapes=free and ({0: "batch"},),
                input_names=[RESIZED],
                output_names=[PROBABILITIES],
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
    except Exception as error:  # nearly anything, from deep inside
        raise refusal(error, "ONNX") from error
    assert exported is not None
    model = exported.model_proto
    _clean(model)
    _fold_batch_norms(model)
    return model


def with_resizing(core: Any, network: LoadedNetwork) -> Any:
    """The graph to ship: `images`, uint8 (N, H, W, 3) with N, H and W free, to `probabilities`; what it is in its metadata."""
    import onnx
    from onnx import compose

    preprocessing = network.preprocessing
    before = resizing(preprocessing.resolution, preprocessing.fit)
    before.ir_version = core.ir_version
    merged = compose.merge_models(before, core, io_map=[(RESIZED, RESIZED)], name=network.origin["model"] or "network")
    merged.producer_name, merged.producer_version = "archlab", version("archlab")
    del merged.metadata_props[:]
    for name, value in metadata(network, ["resize", "normalise"]).items():
        merged.metadata_props.add(key=name, value=value)
    onnx.checker.check_model(merged, full_check=True)
    return merged


def _clean(model: Any) -> None:
    """Names nodes after the modules that they come from, `layers.3.act/2`; takes out paths and stack traces of this machine."""
    for number, node in enumerate(model.graph.node):
        noted = {each.key: each.value for each in node.metadata_props}
        scopes = re.findall(r"'network\.([\w.]+)'", noted.get("pkg.torch.onnx.name_scopes", ""))
        node.name = f"{scopes[-1] if scopes else 'input_or_output'}/{number}"
    for graph in (model.graph, *model.functions):
        for each in (graph, *graph.node, *getattr(graph, "value_info", ()), *getattr(graph, "initializer", ())):
            each.doc_string = ""
            if hasattr(each, "metadata_props"):
                del each.metadata_props[:]


def _fold_batch_norms(model: Any) -> None:
    """A batch normalisation that follows no convolution, which would have taken it in, as a product and a sum; but not one of
    which the network computes the statistics, or scale and bias."""
    from onnx import helper, numpy_helper

    graph = model.graph
    values = {each.name: each for each in graph.initializer}
    shaped = (*graph.input, *graph.value_info)
    ranks = {each.name: len(each.type.tensor_type.shape.dim) for each in shaped}
    nodes = []
    for node in graph.node:
        if node.op_type != "BatchNormalization" or not values.keys() >= {*node.input[1:]}:
            nodes.append(node)
            continue
        data, *others = node.input
        epsilon = next((each.f for each in node.attribute if each.name == "epsilon"), 1e-5)
        scale, bias, mean, variance = (numpy_helper.to_array(values[name]).astype(np.float64) for name in others)
        factor = scale / np.sqrt(variance + epsilon)
        behind = [1] * ((ranks.get(data) or 4) - 2)  # axes, after that of channels
        for name, value in (("factor", factor), ("offset", bias - mean * factor)):
            tensor = value.astype(np.float32).reshape(-1, *behind)
            graph.initializer.append(numpy_helper.from_array(tensor, f"{node.name}_{name}"))
        product = f"{node.output[0]}_product"
        nodes += [
            helper.make_node("Mul", [data, f"{node.name}_factor"], [product], f"{node.name}_mul"),
            helper.make_node("Add", [product, f"{node.name}_offset"], [node.output[0]], f"{node.name}_add"),
        ]
    del graph.node[:]
    graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    kept = [each for each in graph.initializer if each.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
