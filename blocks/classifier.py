"""The classifier of a head that is a list of layers."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from blocks.arguments import Initialization, Normalization
from blocks.block import Block, LayerArguments
from blocks.components import make_norm
from blocks.conv import conv2d
from blocks.registry import NORMALIZATIONS, register
from blocks.tally import Tally


@register("classifier")
class Classifier(Block):
    """A score of each class for every pixel, by a 1x1 convolution: after `mean`, the linear layer that most networks end in.

    Before `mean`, the scores are averaged over the map (SqueezeNet, arXiv 1602.07360). With `averaged` above 1, they are the
    mean of so many classifiers, each after a normalisation of its own where `norm` is given (LeViT, Graham et al. 2021,
    arXiv 2104.01136; RepViT, arXiv 2307.09283); `fuse` makes one of them.
    """

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {},
        {"bias": False, "norm": "layer_norm"},
        {"averaged": 2, "norm": "batch_norm"},
        {"averaged": 3, "bias": False},
    )

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        bias: bool = True,
        averaged: int = 1,
        norm: Normalization | None = None,
        init: Initialization = "normal",
    ):
        super().__init__()
        check_stride(stride)
        self.norms = nn.ModuleList(make_norm(norm, in_channels) for _ in range(averaged))
        self.classifiers = nn.ModuleList(
            conv2d(in_channels, out_channels, 1, bias=bias, init=init) for _ in range(averaged)
        )

    def forward(self, x: Tensor) -> Tensor:
        scores = [classifier(norm(x)) for norm, classifier in zip(self.norms, self.classifiers, strict=True)]
        return sum(scores[1:], scores[0]) / len(scores)

    def fuse(self) -> nn.Module:
        norm: Any = self.norms[0]
        first: Any = self.classifiers[0]
        is_affine = isinstance(norm, nn.Identity) or type(norm) is NORMALIZATIONS["batch_norm"]
        if len(self.norms) == 1 or not is_affine:
            return self
        forms = [affine_form(*each) for each in zip(self.norms, self.classifiers, strict=True)]
        weight, bias = (torch.stack(each).mean(0) for each in zip(*forms, strict=True))
        has_bias = first.bias is not None or not isinstance(norm, nn.Identity)
        fused = conv2d(weight.shape[1], weight.shape[0], 1, bias=has_bias).to(weight)
        with torch.no_grad():
            fused.weight.copy_(weight)
            if fused.bias is not None:
                fused.bias.copy_(bias)
        return fused

    @classmethod
    def tally(cls, tally: Tally, layer: LayerArguments) -> None:
        check_stride(layer.stride)
        known = layer.norm is None or "batch_norm" in layer.norm
        if tally.deployed and layer.averaged > 1 and known:
            has_bias = layer.bias or layer.norm is not None
            tally.conv(layer.in_channels, layer.out_channels, 1, layer.in_size, bias=has_bias)
            return
        entering, scores = tally.maps.hold(), []
        for at in range(layer.averaged):
            tally.maps.again(entering)
            if at == layer.averaged - 1:
                tally.maps.release(entering)
            elif layer.norm is not None:
                tally.maps.put(layer.in_channels * layer.in_size**2)
            tally.norm(layer.norm, layer.in_channels)
            tally.conv(layer.in_channels, layer.out_channels, 1, layer.in_size, bias=layer.bias)
            scores.append(tally.maps.hold())
        for each in scores:
            tally.maps.release(each)


def affine_form(norm: Any, classifier: Any) -> tuple[Tensor, Tensor]:
    """Weight and bias of the convolution that includes the batch normalisation before it, or none."""
    weight = classifier.weight
    bias = weight.new_zeros(len(weight)) if classifier.bias is None else classifier.bias
    if isinstance(norm, nn.Identity):
        return weight, bias
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    shift = norm.bias - norm.running_mean * scale
    return weight * scale[:, None, None], bias + weight.flatten(1) @ shift


def check_stride(stride: int) -> None:
    if stride != 1:
        raise ValueError(f"a classifier scores every pixel, so stride must be 1, not {stride}")
