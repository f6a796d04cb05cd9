"""Convolutions that train as parallel branches and deploy as one.

RepVGG (Ding et al. 2021, arXiv 2101.03697, section 3.3) and MobileOne (Vasu et al. 2022, arXiv 2206.04040, section 3.2).
"""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from blocks.arguments import Activation, ChannelAttention, Initialization
from blocks.block import Block, LayerArguments
from blocks.components import (
    make_activation,
    make_channel_attention,
    make_norm,
    tally_channel_attention,
)
from blocks.conv import conv2d, conv_size
from blocks.registry import register
from blocks.tally import Tally

BATCH_NORM = "batch_norm"  # the one normalisation that a convolution can absorb


@register("multi_branch_conv")
class MultiBranchConv(Block):
    """The sum of parallel branches, activated: `branches` convolutions, a 1x1 convolution, the input, each with BatchNorm.

    The 1x1 convolution (`scale_branch`) stands beside larger odd kernels, the input (`skip_branch`) where stride and
    channels stay. One convolution with both is RepVGG's block. `fuse` makes one convolution of all.
    """

    group_arguments: ClassVar[tuple[str, ...]] = ("groups",)
    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {},
        {"branches": 4, "groups": 8},
        {"kernel": 1, "branches": 2, "channel_attention": "se"},
        {"kernel": 5, "skip_branch": False, "act": None},
        {"kernel": 5, "scale_branch": False},
    )

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        published_stride: int | None = None,
        kernel: int = 3,
        groups: int = 1,
        branches: int = 1,
        scale_branch: bool = True,
        skip_branch: bool = True,
        channel_attention: ChannelAttention | None = None,
        act: Activation | None = "relu",
        init: Initialization = "he",
    ):
        super().__init__()
        has_skip = skip_branch and (published_stride or stride) == 1 and in_channels == out_channels
        self.stride, self.kernel, self.groups = stride, kernel, groups
        self.skip = make_norm(BATCH_NORM, out_channels) if has_skip else None
        self.convs = nn.ModuleList()
        for size in kernels_of(kernel, branches, scale_branch):
            conv = conv2d(in_channels, out_channels, size, stride=stride, groups=groups, init=init)
            self.convs.append(nn.Sequential(conv, make_norm(BATCH_NORM, out_channels)))
        self.channel_attention = make_channel_attention(
            channel_attention, channels=out_channels, in_channels=in_channels
        )
        self.act = make_activation(act)

    def forward(self, x: Tensor) -> Tensor:
        y = sum(conv(x) for conv in self.convs)
        if self.skip is not None:
            y = y + self.skip(x)
        return self.act(self.channel_attention(y))

    def fuse(self) -> nn.Module:
        weight, bias = self.merged()
        out_channels, in_channels = weight.shape[0], weight.shape[1] * self.groups
        conv = conv2d(in_channels, out_channels, self.kernel, stride=self.stride, groups=self.groups, bias=True)
        conv = conv.to(weight)
        with torch.no_grad():
            conv.weight.copy_(weight)
            conv.bias.copy_(bias)  # type: ignore[union-attr]
        return nn.Sequential(conv, copy.deepcopy(self.channel_attention), copy.deepcopy(self.act))

    def residual_norms(self) -> list[nn.Module]:
        return [branch.get_submodule("1") for branch in self.convs] if self.skip is not None else []

    def merged(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of the one convolution that is equal to the sum of all branches in evaluation mode."""
        branches: list[tuple[Tensor, Any]] = []
        branch: Any  # a Sequential of two
        for branch in self.convs:
            conv, norm = branch
            margin = (self.kernel - conv.kernel_size[0]) // 2
            branches.append((F.pad(conv.weight, [margin] * 4), norm))
        if self.skip is not None:
            branches.append((identity_kernel(branches[0][0]), self.skip))
        weights, biases = zip(*(absorbed(weight, norm) for weight, norm in branches), strict=True)
        return torch.stack(weights).sum(0), torch.stack(biases).sum(0)

    @classmethod
    def channel_multiple(cls, argument: str, layer: LayerArguments) -> int:
        return layer.groups

    @classmethod
    def output_size(cls, layer: LayerArguments) -> int:
        return conv_size(layer)

    @classmethod
    def tally(cls, tally: Tally, layer: LayerArguments) -> None:
        kernels = kernels_of(layer.kernel, layer.branches, layer.scale_branch)
        skip = layer.skip_branch and layer.published_stride == 1 and layer.in_channels == layer.out_channels
        size = cls.output_size(layer)
        tally_branches(tally, layer.in_channels, layer.out_channels, kernels, size, groups=layer.groups, skip=skip)
        tally_channel_attention(tally, layer, size, channels=layer.out_channels)


def tally_branches(
    tally: Tally, in_channels: int, out_channels: int, kernels: list[int], size: int, *, groups: int = 1, skip: bool
) -> None:
    """Adds the cost of parallel convolutions, the largest last; `size`: pixels on a side of the output."""
    if tally.deployed:
        tally.conv(in_channels, out_channels, kernels[-1], size, groups=groups, bias=True)
        return
    for kernel in kernels:
        tally.conv(in_channels, out_channels, kernel, size, groups=groups, norm=BATCH_NORM)
    if skip:
        tally.norm(BATCH_NORM, out_channels)


def with_merged_branches(module: nn.Module) -> nn.Module:
    """A copy of a module in which every MultiBranchConv is fused."""
    module = copy.deepcopy(module)
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if isinstance(child, MultiBranchConv):
                setattr(parent, name, child.fuse())
    return module


def kernels_of(kernel: int, branches: int, scale_branch: bool = True) -> list[int]:
    """The kernels of the parallel convolutions, the largest last."""
    if branches < 1:
        raise ValueError(f"branches must be at least 1, not {branches}")
    if kernel % 2 == 0:
        raise ValueError(f"kernel must be odd, so that branches have one centre, not {kernel}")
    return [1] * (scale_branch and kernel > 1) + [kernel] * branches


def absorbed(weight: Tensor, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution that includes the normalisation after it."""
    assert norm.running_mean is not None and norm.running_var is not None
    factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return weight * factor[:, None, None, None], norm.bias - norm.running_mean * factor


def identity_kernel(like: Tensor) -> Tensor:
    """The weight of shape (out, in / groups, kernel, kernel), like another's, by which a convolution changes nothing."""
    kernel = torch.zeros_like(like)
    channels = torch.arange(like.shape[0], device=like.device)
    kernel[channels, channels % like.shape[1], like.shape[2] // 2, like.shape[3] // 2] = 1
    return kernel
