"""The contract of a block: a module from feature map to feature map that an architecture can name."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, ClassVar

from torch import nn

from blocks.arguments import takes
from blocks.tally import Tally


class LayerArguments(SimpleNamespace):
    """The arguments of one block of a network by attribute: the block's own, checked and complete, beside those below."""

    in_size: int
    """Pixels on a side of the map that enters."""
    in_channels: int
    out_channels: int
    stride: int
    published_stride: int
    """The stride at the published resolution, of which a small input may make a smaller `stride`."""

    def of_constructor(self, entry: Callable) -> dict[str, Any]:
        """Those that the constructor of a registered class takes."""
        return {name: value for name, value in vars(self).items() if takes(entry, name)}


class Block(nn.Module):
    """A module from (N, in_channels, H, W) to (N, out_channels, output size of H, output size of W).

    A subclass has a keyword-only constructor: `in_channels`, `out_channels` and `stride` are given by the assembler, the
    rest by the user (who writes `out` for `out_channels`), annotated as

        int                    from 1 on, or from a smaller default
        Natural                from 0 on
        Kernels                from 1 on, or a list of several such numbers
        float                  from 0 on, or from a smaller default
        Probability            from 0 to below 1
        bool, str, Literal[...]
        Activation, Normalization, ChannelAttention, Initialization
        ... | None             also `none`

    It initialises itself as its paper says and raises ValueError for arguments that no module can have. Small inputs make
    strides smaller, but parameters must not change: where they depend on the stride, the constructor takes
    `published_stride: int | None = None` too.

    Class methods are closed forms of a layer's arguments, which are attributes: `layer.in_size`, `layer.in_channels`,
    `layer.out_channels`, `layer.stride`, `layer.published_stride` and the user's, checked and complete:

        @classmethod
        def tally(cls, tally, layer):
            tally.conv(layer.in_channels, layer.out_channels, layer.kernel, cls.output_size(layer), norm=layer.norm)

    Operators are tallied in the order in which they run, and a map that one to come still needs is held, for memory depends on
    it: `with tally.maps.beside():` around a branch that is added to its input, `with tally.maps.gate(channels):` around what
    weighs it; `blocks.feature_maps` has the rest.

    `archlab.check_block` tests whether a block keeps all of this.

    Attributes:
        channel_arguments: Arguments that are channel counts, so that a width scales them; `out_channels` always is one.
        group_arguments: Arguments that are numbers of groups of the channels that enter. Where a width leaves channels that
            they do not divide, there are the most below that do; as many groups as channels are so at every width.
        starts_itself: Whether its weights start as it says even where an architecture has an `init` for all layers.
        examples: Arguments that `archlab.check_block` tries by itself; needed where some are required.
    """

    channel_arguments: ClassVar[tuple[str, ...]] = ()
    group_arguments: ClassVar[tuple[str, ...]] = ()
    starts_itself: ClassVar[bool] = False
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({},)

    @classmethod
    def published_stride(cls, layer: LayerArguments) -> int:
        """The stride at the published resolution, from `layer.stride` and the user's arguments."""
        return layer.stride

    @classmethod
    def channel_multiple(cls, argument: str, layer: LayerArguments) -> int:
        """What a channel count, "out_channels" among them, must be a multiple of, for groups or heads to divide it.

        From the user's arguments alone.
        """
        return 1

    @classmethod
    def output_size(cls, layer: LayerArguments) -> int:
        """Pixels along one axis of the output, from `layer.in_size`, `layer.stride` and the user's arguments."""
        return -(-layer.in_size // layer.stride)

    @classmethod
    def tally(cls, tally: Tally, layer: LayerArguments) -> None:
        """Adds the cost at an input of `layer.in_size` x `layer.in_size` pixels; ValueError for what the constructor refuses.

        Without one, the block is built and measured instead.
        """
        raise NotImplementedError

    def fuse(self) -> nn.Module:
        """The block as deployed, training branches merged; the block itself where it has none. Evaluation mode."""
        return self

    def residual_norms(self) -> list[nn.Module]:
        """The last normalisation of each residual branch: a recipe may start its scale at zero."""
        return []
