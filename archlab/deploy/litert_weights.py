"""What a network needs so that litert-torch converts it rightly."""

from __future__ import annotations

import copy

from torch import nn


def in_plain_order(module: nn.Module) -> nn.Module:
    """A copy whose parameters and buffers lie in memory in the order of their axes.

    litert-torch (0.10) brings constants into that order, and tells them apart by where they then lie. What it had to copy for
    that is soon gone, and another constant of the same shape can lie in the same place: it would get the first one's values.
    """
    own = copy.deepcopy(module)
    for tensor in (*own.parameters(), *own.buffers()):
        tensor.data = tensor.data.contiguous()
    return own
