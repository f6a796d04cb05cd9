"""What `import archlab` offers to programs and notebooks."""

from __future__ import annotations

from typing import Literal

from archlab.architecture import SMALLEST_MAP, Architecture, InputSpec, Network, architecture, references
from archlab.architecture import build_model as _build_model
from archlab.budget import Budget, measure
from archlab.budget import fit_width as _fit_width
from archlab.budget.budget import DEFAULT_PARAMS
from archlab.budget.conformance import check_block
from archlab.scoring import xscore

__all__ = ["architecture", "build_model", "check_block", "fit_width", "measure", "references", "xscore"]


def build_model(
    architecture: Architecture,
    num_classes: int,
    *,
    width: float = 1.0,
    in_channels: int = 3,
    resolution: int | None = None,
    smallest_map: int | None = SMALLEST_MAP,
) -> Network:
    """The network of an architecture, a torch module from (N, in_channels, H, W) to (N, num_classes), initialised.

    Args:
        width: Multiplies every channel count, each then rounded to a multiple of 8 or of what its groups or heads need; at
            width 1 the published counts stand.
        resolution: Pixels on a side of the images to come: smaller than published ones make early strides 1. None leaves
            the strides as published.
        smallest_map: Least pixels on a side of the last map that strides are made smaller for; None keeps them.

    Raises:
        UserError: A block refuses its arguments; the message names the layer.
    """
    return _build_model(architecture, InputSpec(num_classes, resolution, smallest_map, in_channels), width)


def fit_width(
    architecture: Architecture,
    *,
    num_classes: int,
    params: int | None = DEFAULT_PARAMS,
    macs: int | None = None,
    of: Literal["trained", "deployed"] = "trained",
    in_channels: int = 3,
    resolution: int | None = None,
    smallest_map: int | None = SMALLEST_MAP,
) -> float:
    """The largest width, in steps of 0.001, at which the network has at most `params` parameters and `macs` MACs.

    1 where neither is given, or where the width changes nothing.

    Args:
        of: Whether the network as trained or the fused one is held against the budget.
        resolution, smallest_map: As for `build_model`; they decide the MACs.

    Raises:
        UserError: Not even the narrowest network keeps the budget; the message says what that one needs.
    """
    spec = InputSpec(num_classes, resolution, smallest_map, in_channels)
    return _fit_width(architecture, spec, Budget(params, macs, of))
