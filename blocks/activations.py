"""Activation functions, by the names that architectures use."""

from __future__ import annotations

from torch import nn

from blocks.registry import ACTIVATIONS


@ACTIVATIONS.register("relu")
def relu() -> nn.Module:
    return nn.ReLU(inplace=True)


@ACTIVATIONS.register("relu6")
def relu6() -> nn.Module:
    return nn.ReLU6(inplace=True)


@ACTIVATIONS.register("silu")
def silu() -> nn.Module:
    return nn.SiLU(inplace=True)


@ACTIVATIONS.register("gelu")
def gelu() -> nn.Module:
    return nn.GELU()


@ACTIVATIONS.register("hard_swish")
def hard_swish() -> nn.Module:
    return nn.Hardswish(inplace=True)


@ACTIVATIONS.register("hard_sigmoid")
def hard_sigmoid() -> nn.Module:
    return nn.Hardsigmoid(inplace=True)


@ACTIVATIONS.register("sigmoid")
def sigmoid() -> nn.Module:
    return nn.Sigmoid()


@ACTIVATIONS.register("leaky_relu")
def leaky_relu() -> nn.Module:
    return nn.LeakyReLU(negative_slope=0.01, inplace=True)


@ACTIVATIONS.register("tanh")
def tanh() -> nn.Module:
    return nn.Tanh()
