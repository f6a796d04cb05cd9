"""The contract of a block: a module from feature map to feature map that an architecture can name."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import nn

from blocks.tally import Tally


class Block(nn.Module):
    """A module from (N, in_channels, H, W) to (N, out_channels, output_size(H), output_size(W)).

    A subclass has a keyword-only constructor: `in_channels`, `out_channels` and `stride` are given by the assembler, the
    rest by the user, annotated as `blocks.arguments` says. It initialises itself as its paper says and raises ValueError
    for arguments that no module can have. A user writes `out` for `out_channels`. Small inputs make strides smaller, but
    parameters must not change: where they depend on the stride, the constructor and `tally` take `published_stride` too.
    """

    channel_arguments: ClassVar[tuple[str, ...]] = ()
    """Arguments that are channel counts, so that a width scales them; `out_channels` always is one."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = ({},)
    """Arguments that the conformance suite tries; needed where some are required."""

    @classmethod
    def published_stride(cls, stride: int, arguments: dict[str, Any]) -> int:
        """The stride at the published resolution, for the layer's `stride`; another one where arguments settle it."""
        return stride

    @classmethod
    def channel_multiple(cls, argument: str, arguments: dict[str, Any]) -> int:
        """What the channel count `argument` (or "out_channels") must be a multiple of, for groups or heads to divide it."""
        return 1

    @classmethod
    def output_size(cls, size: int, /, *, stride: int, **arguments: Any) -> int:
        """Pixels along one axis of the output, for `size` along the same axis of the input."""
        return -(-size // stride)

    @classmethod
    def tally(
        cls, tally: Tally, size: int, /, *, in_channels: int, out_channels: int, stride: int, **arguments: Any
    ) -> None:
        """Adds the cost at an input of `size` x `size` pixels. Without one, the block is built and measured instead."""
        raise NotImplementedError

    def fuse(self) -> nn.Module:
        """The block as deployed, training branches merged; the block itself where it has none. Evaluation mode."""
        return self

    def residual_norms(self) -> list[nn.Module]:
        """The last normalisation of each residual branch: a recipe may start its scale at zero."""
        return []
