"""Every registered block keeps its promises, and a block that breaks one is told which."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import archlab
import blocks
from archlab.foundation import UserError
from blocks import Block, LayerArguments
from blocks.conv import conv2d

EXAMPLES = [(name, example) for name in blocks.BLOCKS for example in blocks.BLOCKS[name].examples]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=[f"{name}-{list(given)}" for name, given in EXAMPLES])
def test_every_registered_block_keeps_its_promises(name, example):
    archlab.check_block(name, **example)


class Sound(Block):
    """Convolution and normalisation, without a fault."""

    def __init__(self, *, in_channels: int, out_channels: int, stride: int = 1, kernel: int = 3, hidden: int = 16):
        super().__init__()
        self.conv = conv2d(in_channels, out_channels, kernel, stride=stride)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x):
        return self.norm(self.conv(x))

    @classmethod
    def tally(cls, tally, layer):
        tally.conv(layer.in_channels, layer.out_channels, layer.kernel, cls.output_size(layer), norm="batch_norm")


@pytest.fixture
def faults_of(own_code_forgotten):
    """The message for a block that is registered for one test."""

    def check(block: type[Block]) -> str:
        blocks.register("broken")(block)
        with pytest.raises(AssertionError) as caught:
            archlab.check_block("broken")
        lines = str(caught.value).splitlines()
        assert lines[0] == f"broken breaks {len(lines) - 1} of its promises:"
        return "\n".join(lines[1:])

    return check


@pytest.mark.slow
def test_a_sound_block_passes(own_code_forgotten):
    blocks.register("sound")(Sound)
    archlab.check_block("sound")
    archlab.check_block("sound", kernel=5)


def test_wrong_output_size(faults_of):
    class Shrinks(Sound):
        @classmethod
        def output_size(cls, layer):
            return layer.in_size // layer.stride

        @classmethod
        def tally(cls, tally, layer):
            raise NotImplementedError

    faults = faults_of(Shrinks)
    assert "output size: an input of (3, 3) pixels gives (16, 2, 2), declared is (16, 1, 1)" in faults
    assert len(faults.splitlines()) == 1


def test_wrong_channels(faults_of):
    class Doubles(Sound):
        def forward(self, x):
            return torch.cat([super().forward(x)] * 2, dim=1)

    assert "output size: an input of (1, 1) pixels gives (32, 1, 1), declared is (16, 1, 1)" in faults_of(Doubles)


def test_parameter_that_nothing_reaches(faults_of):
    class Idle(Sound):
        def __init__(self, **given):
            super().__init__(**given)
            self.spare = nn.Parameter(torch.zeros(3))

    faults = faults_of(_with_constructor(Idle))
    assert "gradients: none reaches spare (16 to 16 channels, stride 1)" in faults
    assert "counting: tally counts 2,336 parameters at 8 pixels, there are 2,339" in faults


def test_images_of_a_batch_that_see_each_other(faults_of):
    class Mixes(Sound):
        def forward(self, x):
            return super().forward(x - x.mean())

    assert "single image: in evaluation mode an image's output depends on the others" in faults_of(Mixes)


def test_a_tensor_outside_the_module(faults_of):
    class Keeps(Sound):
        def __init__(self, **given):
            super().__init__(**given)
            self.kept = torch.randn(1, device="cpu")

        def forward(self, x):
            return super().forward(x) * (1 + self.kept[:, None, None])

    faults = faults_of(_with_constructor(Keeps))
    assert "meta device: " in faults
    assert "state_dict: a block that loaded the state_dict of another gives another output" in faults


def test_channels_first_output(faults_of):
    class First(Sound):
        def forward(self, x):
            return super().forward(x).contiguous(memory_format=torch.contiguous_format)

    assert "channels_last: the output has strides (1024, 64, 8, 1)" in faults_of(First)


def test_bfloat16_that_overflows(faults_of):
    class Overflows(Sound):
        def forward(self, x):
            y = super().forward(x)
            return y * (float("inf") if torch.is_autocast_enabled("cpu") else 1.0)

    assert "bfloat16 autocast: the output is far from that in float32" in faults_of(Overflows)


def test_a_branch_that_export_cannot_follow(faults_of):
    class Depends(Sound):
        def forward(self, x):
            return super().forward(x) if x.sum() > -1e9 else x

    assert "torch.export: " in faults_of(Depends)


def test_initialisation_that_ignores_the_seed(faults_of):
    class Unseeded(Sound):
        def __init__(self, **given):
            super().__init__(**given)
            generator = torch.Generator(device="cpu")
            generator.seed()
            if not self.conv.weight.is_meta:
                nn.init.normal_(self.conv.weight, generator=generator)

    assert "initialisation: conv.weight differs under the same seed" in faults_of(_with_constructor(Unseeded))


def test_fusing_that_changes_the_output(faults_of):
    class Fuses(Sound):
        def fuse(self):
            return self.conv

    faults = faults_of(Fuses)
    assert "fusing: the fused output differs by " in faults
    assert "of the largest value" in faults


def test_a_tally_that_forgets(faults_of):
    class Forgets(Sound):
        @classmethod
        def tally(cls, tally, layer):
            tally.conv(layer.in_channels, layer.out_channels, layer.kernel, layer.in_size, norm="batch_norm")

    assert "counting: tally counts 186,624 multiply-accumulates at 9 pixels, there are 57,600" in faults_of(Forgets)


def test_an_operator_that_nobody_can_count(faults_of):
    class Inverts(Sound):
        def forward(self, x):
            return super().forward(x) * torch.linalg.inv(x.new_ones(1, 1))

    assert "counting: UncountableError: nobody can count the multiply-accumulates of aten::linalg_inv" in faults_of(
        Inverts
    )


def test_heads_that_a_width_does_not_keep(faults_of):
    class Heads(Sound):
        channel_arguments = ("hidden",)

        def __init__(self, **given):
            super().__init__(**given)
            if given["hidden"] % 16:
                raise ValueError(f"16 heads do not divide {given['hidden']}")

    assert "scaling: at width 0.35 it fails: 16 heads do not divide 8" in faults_of(_with_constructor(Heads))


@pytest.mark.parametrize("name", ["hiden", "out_channels"])
def test_channel_argument_that_no_user_gives(faults_of, name):
    class Misnamed(Sound):
        channel_arguments = (name,)

    assert f"scaling: channel_arguments names {name!r}, which is no argument" in faults_of(Misnamed)


def test_refusing_what_is_counted(faults_of):
    class Refuses(Sound):
        def __init__(self, **given):
            super().__init__(**given)
            if given["stride"] == 3:
                raise ValueError("stride 3 is too much")

    expected = "refusing: tally counts what the constructor refuses: 16 to 24 channels, stride 3: stride 3 is too much"
    assert expected in faults_of(_with_constructor(Refuses))


def test_refusing_everything(faults_of):
    class Never(Sound):
        def __init__(self, **given):
            raise ValueError("no")

    assert "channels and strides: it refuses all; 16 to 16 channels, stride 1: no" in faults_of(
        _with_constructor(Never)
    )


def test_parameters_that_change_with_the_resolution(faults_of):
    class Skips(Sound):
        def __init__(self, **given):
            super().__init__(**given)
            same = given["stride"] == 1 and given["in_channels"] == given["out_channels"]
            self.skip = nn.BatchNorm2d(given["in_channels"]) if same else None

        def forward(self, x):
            return super().forward(x) + (self.skip(x) if self.skip else 0)

        @classmethod
        def tally(cls, tally, layer):
            raise NotImplementedError

    assert faults_of(_with_constructor(Skips)) == (
        "  resolution: with the stride reduced to 1, parameters change: take published_stride too"
        " (16 to 16 channels, stride 2)"
    )


def test_parameters_that_only_change_their_names(faults_of):
    class Renames(Sound):
        def __init__(self, **given):
            super().__init__(**given)
            setattr(self, "wide" if given["stride"] > 1 else "narrow", nn.BatchNorm2d(given["in_channels"]))

        def forward(self, x):
            return super().forward((self.wide if hasattr(self, "wide") else self.narrow)(x))

        @classmethod
        def tally(cls, tally, layer):
            raise NotImplementedError

    said = faults_of(_with_constructor(Renames))
    assert "with the stride reduced to 1, parameters have other names: there is no wide.bias, wide." in said
    assert "published_stride" not in said


def test_a_constructor_that_fails_is_told_once(faults_of):
    class Failing(Sound):
        def __init__(self, **given):
            super().__init__(**given)
            self.nowhere  # noqa: B018

    said = faults_of(_with_constructor(Failing))
    assert said.startswith("  constructor: AttributeError: ") and "'nowhere'" in said and "\n" not in said


@pytest.mark.parametrize("method", ["published_stride", "channel_multiple"])
def test_a_number_that_fails_is_told(faults_of, method):
    class Failing(Sound):
        pass

    setattr(Failing, method, classmethod(lambda cls, *told: told[-1].nowhere))
    said = faults_of(Failing)
    assert said.startswith("  channels and strides: AttributeError: ") and "'nowhere'" in said and "\n" not in said


def test_residual_norm_of_another_module(faults_of):
    class Foreign(Sound):
        def residual_norms(self):
            return [nn.BatchNorm2d(3)]

    assert "residual norms: BatchNorm2d is not a normalisation of the block" in faults_of(Foreign)


def test_argument_with_a_name_of_the_layer(faults_of):
    class Repeats(Sound):
        def __init__(self, *, in_channels: int, out_channels: int, stride: int = 1, repeat: int = 2):
            super().__init__(in_channels=in_channels, out_channels=out_channels, stride=stride)

        @classmethod
        def tally(cls, tally, layer):
            super().tally(tally, LayerArguments(**vars(layer), kernel=3))

    assert faults_of(Repeats) == (
        "  arguments: 'repeat' belongs to the layer, so that no architecture can give it to the block"
    )


def test_unknown_block_and_argument():
    with pytest.raises(UserError, match="there is no block 'inverted_residul' - did you mean 'inverted_residual'"):
        archlab.check_block("inverted_residul")
    with pytest.raises(UserError, match="conv has no argument 'kernl' - did you mean 'kernel'"):
        archlab.check_block("conv", kernl=3)


def _with_constructor(block: type[Block]) -> type[Block]:
    """The block with the arguments of `Sound` written out, from which they are read."""
    constructor = block.__init__

    def __init__(self, *, in_channels: int, out_channels: int, stride: int = 1, kernel: int = 3, hidden: int = 16):
        constructor(
            self, in_channels=in_channels, out_channels=out_channels, stride=stride, kernel=kernel, hidden=hidden
        )

    block.__init__ = __init__
    return block
