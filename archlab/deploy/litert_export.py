"""A trained network as a LiteRT file (.tflite): branches merged, raw pixels in, probabilities out.

In its metadata `classes` is a JSON list, `preprocessing` and `origin` are JSON objects. They can be read without archlab:

    from ai_edge_litert import schema_py_generated as schema

    file = schema.Model.GetRootAs(Path("net.tflite").read_bytes())
    entries = [file.Metadata(number) for number in range(file.MetadataLength())]
    texts = {entry.Name(): bytes(file.Buffers(entry.Buffer()).DataAsNumpy()) for entry in entries}
    classes = json.loads(texts[b"classes"])
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import nn

from archlab.deploy.deployed import Deployed, deployed, metadata, refusal
from archlab.deploy.litert_graph import content_of, graph_of, rename, set_metadata
from archlab.deploy.litert_runtime import same_in_batches
from archlab.deploy.litert_shapes import flatten_transposes, free_batch, join_softmax
from archlab.deploy.loading import LoadedNetwork
from archlab.deploy.quiet import silent


def float_content(network: LoadedNetwork) -> bytes:
    """The file, from `images`, uint8 (N, R, R, 3), to `probabilities`, float32 (N, classes).

    N is free where all operators allow it, which the shape signature of `images` says: [-1, R, R, 3]. The metadata hold
    `classes`, `preprocessing` and `origin`, as `archlab.deploy.deployed.metadata` gives them.

    Raises UserError for a network with blocks that cannot be exported; the message says where and why.
    """
    side = network.preprocessing.resolution
    content = converted(deployed(network), side)
    try:
        return finished(content, side, metadata(network, ["normalise"]))
    except Exception as error:  # of a graph of a form that nobody foresaw
        raise refusal(error, "LiteRT") from error


def converted(module: Deployed, side: int) -> bytes:
    """What the converter makes of it, for one image of `side` pixels. Raises UserError."""
    image = torch.zeros(1, side, side, 3, dtype=torch.uint8)
    try:
        with silent(), torch.no_grad():
            import litert_torch

            content: bytes = litert_torch.convert(in_plain_order(module), (image,)).model_content()
    except Exception as error:  # nearly anything, from deep inside
        raise refusal(error, "LiteRT") from error
    return content


def finished(content: bytes, side: int, entries: Mapping[str, str]) -> bytes:
    """The converter's file as it ships: with names that mean something, metadata, and mends.

    Args:
        entries: Of the metadata.
    """
    graph = graph_of(content)
    rename(graph)
    join_softmax(graph)
    flatten_transposes(graph)
    set_metadata(graph, entries)
    for_one = content_of(graph)
    free_batch(graph)
    for_many = content_of(graph)
    return for_many if same_in_batches(for_many, side) else for_one


def in_plain_order(module: nn.Module) -> nn.Module:
    """A copy whose parameters and buffers lie in memory in the order of their axes.

    litert-torch (0.10) brings constants into that order, and tells them apart by where they then lie. What it had to copy for
    that is soon gone, and another constant of the same shape can lie in the same place: it would get the first one's values.
    """
    own = copy.deepcopy(module)
    for tensor in (*own.parameters(), *own.buffers()):
        tensor.data = tensor.data.contiguous()
    return own
