"""An activation by itself."""

from __future__ import annotations

from torch import Tensor

from blocks.arguments import Activation
from blocks.block import Block, LayerArguments
from blocks.components import make_activation
from blocks.registry import register
from blocks.same_shape import check_same_shape
from blocks.tally import Tally


@register("act")
class Act(Block):
    """Activation between blocks that end without one, as before a pre-activated head (He et al. 2016, arXiv 1603.05027)."""

    def __init__(self, *, in_channels: int, out_channels: int, stride: int = 1, act: Activation | None = "relu"):
        super().__init__()
        check_same_shape("an activation", in_channels, out_channels, stride)
        self.act = make_activation(act)
        for module in self.act.modules():  # what enters is the output of another block, which may need it again
            if hasattr(module, "inplace"):
                module.inplace = False  # type: ignore[assignment]

    def forward(self, x: Tensor) -> Tensor:
        return self.act(x)

    @classmethod
    def tally(cls, tally: Tally, layer: LayerArguments) -> None:
        check_same_shape("an activation", layer.in_channels, layer.out_channels, layer.stride)
