"""Building blocks of small vision networks; torch alone. Register one of your own with `@blocks.register("name")`."""

# The first imports fill the registries.
from blocks import (  # noqa: F401
    activations,
    conv,
    convnext,
    eca,
    inverted_residual,
    isotropic,
    mobilevit,
    norm,
    normalizations,
    patch,
    squeeze_excitation,
    star,
)
from blocks.arguments import Activation, ArgumentError, ChannelAttention, Normalization
from blocks.block import Block
from blocks.components import Component, make_activation, make_channel_attention, make_norm
from blocks.head import Head
from blocks.registry import ACTIVATIONS, BLOCKS, CHANNEL_ATTENTIONS, NORMALIZATIONS, register
from blocks.tally import Tally

__all__ = [
    "ACTIVATIONS",
    "BLOCKS",
    "CHANNEL_ATTENTIONS",
    "NORMALIZATIONS",
    "Activation",
    "ArgumentError",
    "Block",
    "ChannelAttention",
    "Component",
    "Head",
    "Normalization",
    "Tally",
    "make_activation",
    "make_channel_attention",
    "make_norm",
    "register",
]
