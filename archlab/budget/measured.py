"""Counting a torch module with fvcore."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from fvcore.nn import FlopCountAnalysis, parameter_count
from torch import nn

from archlab.architecture import Network
from archlab.budget.cost import Cost
from archlab.budget.operators import HANDLES, is_free
from archlab.foundation import UserError
from blocks import Block
from blocks.classifier import Classifier


class UncountableError(UserError):
    """A module runs an operator that nobody can count."""


def measure(model: nn.Module, resolution: int, in_channels: int = 3) -> Cost:
    """The cost of a module for one image of (in_channels, resolution, resolution), on whatever device it lies.

    fvcore counts parameters and multiply-accumulates; its gaps are mended as `archlab.budget.operators` says. The classifier
    is the block of that name, else the last linear layer; deployed is what the module's `fuse()` returns, where it has such a
    method. The module is left as it was.

    Raises:
        UserError: The module does not run on such an image; an UncountableError where it runs an operator that nobody can
            count.
    """
    params = parameter_count(model)[""]
    if any(parameter.is_meta for parameter in model.parameters()):
        model = copy.deepcopy(model).to_empty(device="cpu")  # tracing needs memory, not values
    with _evaluation(model):
        macs, activations = _run(model, resolution, in_channels)
        fused, macs_deployed = model, macs
        if hasattr(type(model), "fuse"):  # a layer may have that name too
            # timm's networks fuse themselves
            unfused: Any = model if isinstance(model, (Network, Block)) else copy.deepcopy(model)
            parameters = list(unfused.parameters())
            fused = unfused.fuse()
            if list(map(id, fused.parameters())) != list(map(id, parameters)):
                macs_deployed = _run(fused, resolution, in_channels)[0]
    modules = list(model.modules())
    classifiers = [module for module in modules if isinstance(module, Classifier)]
    linears = [module for module in modules if isinstance(module, nn.Linear)]
    last = classifiers or linears[-1:]
    classifier = sum(parameter.numel() for module in last for parameter in module.parameters())
    return Cost(
        params=params,
        params_without_classifier=params - classifier,
        params_deployed=parameter_count(fused)[""],
        macs=macs,
        activations=activations,
        macs_deployed=macs_deployed,
    )


def _run(model: nn.Module, resolution: int, in_channels: int) -> tuple[int, int]:
    """Multiply-accumulates and activations of one image."""
    like = next((parameter for parameter in model.parameters() if parameter.is_floating_point()), torch.empty(0))
    image = torch.zeros(1, in_channels, resolution, resolution, dtype=like.dtype, device=like.device)
    analysis = FlopCountAnalysis(model, image).set_op_handle(**HANDLES)
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
    try:
        counted = analysis.by_operator()
    except RuntimeError as error:
        reason = str(error).partition("\n")[0]
        raise UserError(f"the model does not run on an image of {resolution} pixels: {reason}") from error
    uncounted = sorted(name for name in analysis.unsupported_ops() if not is_free(name))
    if uncounted:
        raise UncountableError(f"nobody can count the multiply-accumulates of {', '.join(uncounted)}")
    return int(counted["macs"]), int(counted["activations"])


@contextmanager
def _evaluation(model: nn.Module) -> Iterator[None]:
    """Evaluation mode, no gradients, and attention by operators that can be counted; all restored at the end."""
    training = {module: module.training for module in model.modules()}
    fused_attention = torch.backends.mha.get_fastpath_enabled()
    model.eval()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused_attention)
        for module, mode in training.items():
            module.training = mode
