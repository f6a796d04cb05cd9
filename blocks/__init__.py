"""Building blocks of small vision networks; torch alone. Register one of your own with `@blocks.register("name")`."""

# The first imports fill the registries.
from blocks import (  # noqa: F401
    act,
    activations,
    additive_mobilevit,
    bottleneck,
    classifier,
    conv,
    convnext,
    depthwise_separable,
    dropout,
    eca,
    fire,
    ghost_bottleneck,
    initialization,
    inverted_residual,
    isotropic,
    mean,
    mobileone,
    mobilevit,
    multi_branch_conv,
    norm,
    normalizations,
    patch,
    pool,
    residual,
    shuffle_unit,
    squeeze_excitation,
    star,
)
from blocks.arguments import (
    Activation,
    ArgumentError,
    ChannelAttention,
    Initialization,
    Kernels,
    Natural,
    Normalization,
    Probability,
)
from blocks.block import Block, LayerArguments
from blocks.components import Component, initialize, make_activation, make_channel_attention, make_norm
from blocks.contract import check_contract, check_part
from blocks.head import Head
from blocks.registry import ACTIVATIONS, BLOCKS, CHANNEL_ATTENTIONS, INITIALIZATIONS, NORMALIZATIONS, register
from blocks.tally import Tally

BLOCKS.contract = check_contract
ACTIVATIONS.contract = NORMALIZATIONS.contract = CHANNEL_ATTENTIONS.contract = INITIALIZATIONS.contract = check_part

__all__ = [
    "ACTIVATIONS",
    "BLOCKS",
    "CHANNEL_ATTENTIONS",
    "INITIALIZATIONS",
    "NORMALIZATIONS",
    "Activation",
    "ArgumentError",
    "Block",
    "ChannelAttention",
    "Component",
    "Head",
    "Initialization",
    "Kernels",
    "LayerArguments",
    "Natural",
    "Normalization",
    "Probability",
    "Tally",
    "initialize",
    "make_activation",
    "make_channel_attention",
    "make_norm",
    "register",
]
