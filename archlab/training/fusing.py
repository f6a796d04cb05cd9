"""Several networks of one architecture as one: their channels side by side, their convolutions as one with more groups.

HFTA: Wang et al. 2021, arXiv 2102.02344. A map of R replicas is (N, (R C), H, W). Every tensor of the fused network is the
replicas' tensors one after the other, under the same name, so that taking them apart is cutting them into R pieces. What a
module does to channels outside its submodules needs its help, see `blocks.channels`; `is_exact` finds out where it is
missing.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from blocks.drop_path import DropPath
from blocks.normalizations import LayerNorm as ChannelNorm

CHECKED_IMAGES = 4
TOLERANCE = 1e-9  # relative to a tensor's largest value, in float64
NOISE = 0.01  # tensors smaller than this, relative to the largest of all, are held against that


def fuse(models: Sequence[nn.Module], streams: Sequence[torch.Generator]) -> nn.Module:
    """One module that is all models: (N, (R in_channels), H, W) to (N, (R num_classes)).

    Replica r draws its random numbers from `streams[r]`. The models' tensors are copied.
    """
    first, count = models[0], len(models)
    fused = _empty(first, count, streams)
    fused._parameters, fused._buffers, fused._modules = dict(first._parameters), dict(first._buffers), {}
    for name, _ in first.named_parameters(recurse=False, remove_duplicate=False):
        fused._parameters[name] = nn.Parameter(joined([model.get_parameter(name) for model in models]))
    for name, _ in first.named_buffers(recurse=False, remove_duplicate=False):
        fused._buffers[name] = joined([model.get_buffer(name) for model in models])
    for name, child in first._modules.items():
        own = None if child is None else fuse([model.get_submodule(name) for model in models], streams)
        fused._modules[name] = own
    return fused


def joined(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors of R replicas as one; (R,) for those without dimensions."""
    tensors = [tensor.detach() for tensor in tensors]
    return torch.cat(tensors) if tensors[0].ndim else torch.stack(tensors)


def taken_apart(fused: nn.Module, like: Sequence[nn.Module]) -> None:
    """Puts the fused network's parameters and buffers back into the models that it was made of."""
    parts = {name: tensor.chunk(len(like)) for name, tensor in fused.state_dict().items()}
    for replica, model in enumerate(like):
        model.load_state_dict({name: parts[name][replica].view_as(old) for name, old in model.state_dict().items()})


def _empty(module: nn.Module, count: int, streams: Sequence[torch.Generator]) -> nn.Module:
    """What takes the place of `count` modules, without their tensors and submodules."""
    if isinstance(module, nn.Linear):
        return _Linear(module, count)
    if isinstance(module, nn.LayerNorm):
        return _LayerNorm(module, count)
    if isinstance(module, nn.Dropout):
        return _Dropout(module.p, streams)
    if isinstance(module, DropPath):
        return _DropPath(module.drop_prob, streams)
    fused: Any = copy.copy(module)
    if isinstance(module, nn.Conv1d | nn.Conv2d):
        fused.groups = module.groups * count
    elif isinstance(module, nn.BatchNorm2d):
        fused.num_features = module.num_features * count
    elif isinstance(module, nn.GroupNorm):
        fused.num_groups, fused.num_channels = module.num_groups * count, module.num_channels * count
    elif hasattr(module, "replicas"):
        fused.replicas = count
    return fused


class _Linear(nn.Module):
    """(..., (R in_features)) to (..., (R out_features))."""

    weight: Tensor
    bias: Tensor | None

    def __init__(self, like: nn.Linear, replicas: int):
        super().__init__()
        self.replicas = replicas

    def forward(self, x: Tensor) -> Tensor:
        each = x.reshape(-1, self.replicas, x.shape[-1] // self.replicas).transpose(0, 1)
        weight = self.weight.unflatten(0, (self.replicas, -1)).transpose(1, 2)
        if self.bias is None:
            y = torch.bmm(each, weight)
        else:
            y = torch.baddbmm(self.bias.view(self.replicas, 1, -1), each, weight)
        return y.transpose(0, 1).reshape(*x.shape[:-1], -1)


class _LayerNorm(nn.Module):
    """Over the features of each replica: (..., (R C)), or (N, (R C), H, W) where the original was over channels."""

    weight: Tensor
    bias: Tensor

    def __init__(self, like: nn.LayerNorm, replicas: int):
        super().__init__()
        self.replicas, self.eps, self.over_channels = replicas, like.eps, isinstance(like, ChannelNorm)

    def forward(self, x: Tensor) -> Tensor:
        if self.over_channels:
            x = x.permute(0, 2, 3, 1)
        each = x.unflatten(-1, (self.replicas, -1))
        x = torch.addcmul(self.bias, F.layer_norm(each, each.shape[-1:], eps=self.eps).flatten(-2), self.weight)
        return x.permute(0, 3, 1, 2) if self.over_channels else x


class _Dropout(nn.Module):
    """Dropout of (N, (R C), ...), the random numbers of each replica those that it would draw by itself on a CPU."""

    def __init__(self, p: float, streams: Sequence[torch.Generator]):
        super().__init__()
        self.p, self.streams = p, streams

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.p:
            return x
        parts = x.detach().chunk(len(self.streams), dim=1)
        kept = [
            torch.empty_like(part).bernoulli_(1 - self.p, generator=stream)
            for part, stream in zip(parts, self.streams, strict=True)
        ]
        return x * torch.cat(kept, dim=1) / (1 - self.p)


class _DropPath(nn.Module):
    """Drops the branch of an image of a replica: (N, (R C), H, W)."""

    def __init__(self, drop_prob: float, streams: Sequence[torch.Generator]):
        super().__init__()
        self.drop_prob, self.streams = drop_prob, streams

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.drop_prob:
            return x
        shape = x.shape[0], 1, 1, 1
        kept = [x.new_empty(shape).bernoulli_(1 - self.drop_prob, generator=stream) for stream in self.streams]
        mask = torch.cat(kept, dim=1).repeat_interleave(x.shape[1] // len(kept), dim=1)
        return x * mask / (1 - self.drop_prob)


def is_exact(build: Callable[[], nn.Module], resolution: int) -> bool:
    """Whether two replicas, fused, give the outputs, gradients and buffers of separate ones, in a step in float64.

    Modules that need help and do not have it fail here, as do those that draw random numbers in ways that cannot be
    fused. `build` makes a model on the CPU.
    """
    with torch.random.fork_rng(devices=[]):
        models = [build().double().train() for _ in range(2)]
        for parameter in (parameter for model in models for parameter in model.parameters()):
            parameter.data += 0.05 * torch.randn_like(parameter)  # else all scales would be alike
        streams = [torch.Generator().manual_seed(seed) for seed in range(2)]
        images = torch.randn(2, CHECKED_IMAGES, 3, resolution, resolution, dtype=torch.float64)
        try:
            fused = fuse(models, streams)
            together = fused(images.transpose(0, 1).flatten(1, 2).contiguous(memory_format=torch.channels_last))
            together.square().sum().backward()
        except (RuntimeError, ValueError, TypeError, AttributeError, IndexError):
            return False
        apart = []
        for seed, model in enumerate(models):
            torch.manual_seed(seed)
            apart.append(model(images[seed].contiguous(memory_format=torch.channels_last)))
            apart[-1].square().sum().backward()
    pairs = [(together.detach(), torch.cat(apart, dim=1).detach())]
    for name, parameter in fused.named_parameters():
        gradients = [model.get_parameter(name).grad for model in models]
        if parameter.grad is None or any(gradient is None for gradient in gradients):
            return False
        pairs.append((parameter.grad, joined([gradient for gradient in gradients if gradient is not None])))
    pairs += [(buffer, joined([model.get_buffer(name) for model in models])) for name, buffer in fused.named_buffers()]
    if any(one.shape != other.shape for one, other in pairs):
        return False
    sizes = [float(other.abs().max()) for _, other in pairs]
    least = NOISE * max(sizes)  # gradients before a normalisation may be zero but for rounding
    errors = [float((one - other).abs().max()) for one, other in pairs]
    return all(error <= TOLERANCE * max(size, least) for error, size in zip(errors, sizes, strict=True))
