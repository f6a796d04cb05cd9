"""Activation functions, by the names that architectures use."""

from __future__ import annotations

from torch import nn

from blocks.registry import ACTIVATIONS


@ACTIVATIONS.register("relu")
def relu() -> nn.Module:
    """max(0, x)."""
    return nn.ReLU(inplace=True)


@ACTIVATIONS.register("relu6")
def relu6() -> nn.Module:
    """min(max(0, x), 6) (MobileNetV1 and V2)."""
    return nn.ReLU6(inplace=True)


@ACTIVATIONS.register("silu")
def silu() -> nn.Module:
    """x * sigmoid(x), also called Swish (Ramachandran et al. 2017, arXiv 1710.05941)."""
    return nn.SiLU(inplace=True)


@ACTIVATIONS.register("gelu")
def gelu() -> nn.Module:
    """x times the normal distribution's share below x (Hendrycks and Gimpel 2016, arXiv 1606.08415)."""
    return nn.GELU()


@ACTIVATIONS.register("hard_swish")
def hard_swish() -> nn.Module:
    """x * min(max(0, x + 3), 6) / 6 (MobileNetV3, Howard et al. 2019, arXiv 1905.02244, section 5.2)."""
    return nn.Hardswish(inplace=True)


@ACTIVATIONS.register("hard_sigmoid")
def hard_sigmoid() -> nn.Module:
    """min(max(0, x + 3), 6) / 6 (MobileNetV3, Howard et al. 2019, arXiv 1905.02244, section 5.2)."""
    return nn.Hardsigmoid(inplace=True)


@ACTIVATIONS.register("sigmoid")
def sigmoid() -> nn.Module:
    """1 / (1 + exp(-x))."""
    return nn.Sigmoid()


@ACTIVATIONS.register("leaky_relu")
def leaky_relu() -> nn.Module:
    """x where it is positive, else x / 100 (Maas et al. 2013)."""
    return nn.LeakyReLU(negative_slope=0.01, inplace=True)


@ACTIVATIONS.register("tanh")
def tanh() -> nn.Module:
    """The hyperbolic tangent."""
    return nn.Tanh()
