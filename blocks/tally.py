"""Counting by closed form: parameters, multiply-accumulates, activations and memory from a block's arguments alone."""

from __future__ import annotations

from typing import Any

from blocks.feature_maps import FeatureMaps


class Tally:
    """Adds up the cost of operators, batch 1, in the order in which they run.

    `size` is the height and width of the *output*, in pixels. With `deployed`, blocks with training branches add the cost
    of their fused form instead.

    Attributes: params (all parameters), macs (multiply-accumulates of convolutions, linears and attention products),
    activations (output elements of the same operators), maps (of a deployed network: which of their outputs are alive; what
    is used once more later, as by a residual connection, is held there).
    """

    __slots__ = ("activations", "deployed", "macs", "maps", "params")

    def __init__(self, deployed: bool = False):
        self.deployed = deployed
        self.maps = FeatureMaps()
        self.params = self.macs = self.activations = 0

    def conv(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int | tuple[int, int],
        size: int | tuple[int, int],
        *,
        groups: int = 1,
        bias: bool = False,
        norm: Any = None,
    ) -> None:
        """A convolution and the normalisation after it, None for none. Raises ValueError for channels that none has."""
        check_channels(in_channels, out_channels, groups)
        area = kernel * kernel if isinstance(kernel, int) else kernel[0] * kernel[1]
        pixels = size * size if isinstance(size, int) else size[0] * size[1]
        weights = area * (in_channels // groups) * out_channels
        self.params += weights + (out_channels if bias else 0)
        self.macs += weights * pixels
        self.activations += out_channels * pixels
        self.maps.put(out_channels * pixels)
        self.norm(norm, out_channels)

    def depthwise(self, channels: int, kernel: int, size: int, *, bias: bool = False, norm: Any = None) -> None:
        self.conv(channels, channels, kernel, size, groups=channels, bias=bias, norm=norm)

    def norm(self, norm: Any, channels: int) -> None:
        """A normalisation, None for none."""
        if norm is not None:
            self.parameters(2 * channels)

    def linear(self, in_features: int, out_features: int, *, tokens: int = 1, bias: bool = True) -> None:
        self.params += in_features * out_features + (out_features if bias else 0)
        self.macs += tokens * in_features * out_features
        self.activations += tokens * out_features
        self.maps.put(tokens * out_features)

    def attention(self, tokens: int, dim: int, *, sequences: int = 1, heads: int = 1) -> None:
        """Scaled dot products of `tokens` with each other and with the values; `dim` over all heads.

        Queries, keys and values are the map at hand.
        """
        scores, values = sequences * heads * tokens * tokens, sequences * tokens * dim
        self.macs += 2 * sequences * tokens * tokens * dim
        self.activations += scores + values
        attended = self.maps.hold()
        self.maps.put(scores)
        self.maps.put(values)
        self.maps.release(attended)

    def parameters(self, number: int) -> None:
        """Parameters outside the operators above, such as scales."""
        self.params += number


def check_channels(in_channels: int, out_channels: int, groups: int = 1) -> None:
    """Raises ValueError where groups do not divide the channels, or there are none."""
    if in_channels < 1 or out_channels < 1:
        raise ValueError(f"a convolution cannot have {in_channels} -> {out_channels} channels")
    if in_channels % groups or out_channels % groups:
        raise ValueError(f"{groups} groups do not divide {in_channels} -> {out_channels} channels")
