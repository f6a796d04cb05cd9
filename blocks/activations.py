"""Activation functions, by the names that architectures use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from blocks.registry import ACTIVATIONS


def _register(name: str, module: Callable[..., nn.Module], **arguments: Any) -> None:
    def build() -> nn.Module:
        return module(**arguments)

    build.__qualname__ = name
    ACTIVATIONS.register(name)(build)


_register("relu", nn.ReLU, inplace=True)
_register("relu6", nn.ReLU6, inplace=True)
_register("silu", nn.SiLU, inplace=True)
_register("gelu", nn.GELU)
_register("hard_swish", nn.Hardswish, inplace=True)
_register("hard_sigmoid", nn.Hardsigmoid, inplace=True)
_register("sigmoid", nn.Sigmoid)
_register("leaky_relu", nn.LeakyReLU, negative_slope=0.01, inplace=True)
_register("tanh", nn.Tanh)
