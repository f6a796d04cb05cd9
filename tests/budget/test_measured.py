"""Operators that fvcore alone would miss or miscount, and those that nobody can count."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from archlab.budget import measure
from archlab.foundation import UserError
from tests.budget import independent


class Tokens(nn.Module):
    """A layer on tokens in place of pixels: (N, C, H, W) to (N, H W, C), then the layer."""

    def __init__(self, layer: nn.Module):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x.flatten(2).transpose(1, 2))


class SelfAttention(nn.Module):
    def __init__(self, dim: int, heads: int, need_weights: bool, **given):
        super().__init__()
        self.attention = nn.MultiheadAttention(dim, heads, batch_first=True, **given)
        self.need_weights = need_weights

    def forward(self, x):
        return self.attention(x, x, x, need_weights=self.need_weights)[0]


class Calls(nn.Module):
    """A function of the image and a weight."""

    def __init__(self, function, *shape: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(shape))
        self.function = function

    def forward(self, x):
        return self.function(x, self.weight)


MODULES = {
    "convolution": lambda: nn.Conv2d(8, 16, 3, stride=2, padding=1),
    "grouped": lambda: nn.Conv2d(8, 16, 3, groups=4),
    "dilated": lambda: nn.Conv2d(8, 16, 3, dilation=2),
    "same padding": lambda: nn.Conv2d(8, 16, (3, 5), padding="same"),
    "circular padding": lambda: nn.Conv2d(8, 16, 3, padding=1, padding_mode="circular"),
    "transposed": lambda: nn.ConvTranspose2d(8, 16, 3, stride=2),
    "one axis": lambda: nn.Sequential(nn.Flatten(2), nn.Conv1d(8, 4, 3)),
    "normalised": lambda: nn.Sequential(
        nn.BatchNorm2d(8), nn.GroupNorm(2, 8), nn.Conv2d(8, 4, 1), nn.InstanceNorm2d(4)
    ),
    "pooled": lambda: nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(8, 4, 1), nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(1)),
    "resized": lambda: nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(8, 4, 1)),
    "linear on tokens": lambda: Tokens(nn.Linear(8, 24, bias=False)),
    "attention": lambda: Tokens(SelfAttention(8, 2, need_weights=False)),
    "attention with weights": lambda: Tokens(SelfAttention(8, 2, need_weights=True)),
    "attention with an extra key": lambda: Tokens(SelfAttention(8, 2, need_weights=True, add_bias_kv=True)),
    "encoder layer": lambda: Tokens(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)),
    "cross attention": lambda: Calls(lambda x, w: F.scaled_dot_product_attention(x.flatten(2), w, w), 1, 5, 144),
    "masked attention": lambda: Calls(
        lambda x, w: F.scaled_dot_product_attention(x.flatten(2), x.flatten(2), x.flatten(2), attn_mask=w), 8, 8
    ),
    "product": lambda: Calls(lambda x, w: x @ w, 12, 3),
    "product of a batch by one": lambda: Calls(lambda x, w: w @ x, 5, 12),
    "product with an addend": lambda: Calls(lambda x, w: torch.baddbmm(w, x[0], x[0]), 8, 12, 12),
    "einsum": lambda: Calls(lambda x, w: torch.einsum("bchw,cd->bdhw", x, w), 8, 5),
    "einsum that sums first": lambda: Calls(lambda x, w: torch.einsum("bchw,cd->bd", x, w), 8, 5),
    "einsum without a product": lambda: Calls(lambda x, w: torch.einsum("bchw,c->bchw", x, w), 8),
    "gates": lambda: Calls(
        lambda x, w: F.conv2d(x * w.sigmoid() + x.abs().sqrt().cumsum(1), w.expand(4, 8, 1, 1)), 8, 1, 1
    ),
    "standardised weights": lambda: Calls(lambda x, w: F.conv2d(x, (w - w.mean()) / w.std()), 4, 8, 3, 3),
    "no product": lambda: Calls(
        lambda x, w: F.softmax(x + w, 1).flip(1).roll(1, 2).repeat(1, 2, 1, 1).amax(1), 8, 1, 1
    ),
}


@pytest.mark.parametrize("name", MODULES)
def test_counts_as_torch_does(name):
    model = MODULES[name]()
    cost = measure(model, 12, in_channels=8)
    assert (cost.macs, cost.activations) == independent.run(model, 12, in_channels=8)
    assert cost.params == cost.params_deployed == independent.parameters(model)
    assert cost.macs == cost.macs_deployed


def test_a_product_with_a_vector_counts():
    """torch's own counter does not see it."""
    cost = measure(Calls(lambda x, w: x @ w, 12), 12, in_channels=8)
    assert (cost.macs, cost.activations) == (8 * 12 * 12, 8 * 12)


class Opaque(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x @ x


UNCOUNTABLE = {
    "lstm": lambda: Tokens(nn.LSTM(8, 8)),
    "tensordot": lambda: Calls(lambda x, w: torch.tensordot(x, w, dims=1), 12, 3),
    "cdist": lambda: Calls(lambda x, w: torch.cdist(x, w), 12, 12),
    "Opaque": lambda: Calls(lambda x, w: Opaque.apply(x) + w, 1),
    "fft_rfft2": lambda: Calls(lambda x, w: torch.fft.rfft2(x).real + w, 1),
    "einsum": lambda: Calls(lambda x, w: torch.einsum("...w,wd->...d", x, w), 12, 3),
    "bilinear": lambda: Calls(lambda x, w: F.bilinear(x, x, w), 4, 12, 12),
}


@pytest.mark.parametrize("operator", UNCOUNTABLE)
def test_an_operator_that_nobody_can_count_is_named(operator):
    with pytest.raises(UserError, match=f"count.*{operator}|{operator}.*count"):
        measure(UNCOUNTABLE[operator](), 12, in_channels=8)


def test_the_model_is_left_as_it_was():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5))
    model[1].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state, fused_attention = torch.get_rng_state(), torch.backends.mha.get_fastpath_enabled()
    measure(model, 8)
    assert [module.training for module in model] == [True, False, True]
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())
    assert torch.backends.mha.get_fastpath_enabled() == fused_attention
    assert torch.is_grad_enabled()


def test_float64_counts_the_same():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 2))
    assert measure(model, 8) == measure(model.double(), 8)


def test_shared_parameters_count_once_and_their_products_twice():
    convolution = nn.Conv2d(3, 3, 3, padding=1, bias=False)
    cost = measure(nn.Sequential(convolution, convolution), 8)
    assert (cost.params, cost.macs) == (81, 2 * 81 * 64)


class Branches(nn.Module):
    """Two parallel convolutions that fuse into one."""

    def __init__(self):
        super().__init__()
        self.wide, self.narrow = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(3, 4, 1)

    def forward(self, x):
        return self.wide(x) + self.narrow(x)

    def fuse(self):
        return self.wide


class FusesItself(Branches):
    """As networks of timm do."""

    def forward(self, x):
        return self.wide(x) if self.narrow is None else super().forward(x)

    def fuse(self):
        self.narrow = None
        return self


@pytest.mark.parametrize("kind", [Branches, FusesItself])
def test_the_fused_form_is_what_is_deployed(kind):
    model = kind()
    cost = measure(model, 8)
    assert (cost.params, cost.params_deployed) == (4 * 28 + 4 * 4, 4 * 28)
    assert (cost.macs, cost.macs_deployed) == (64 * 4 * (27 + 3), 64 * 4 * 27)
    assert model.narrow is not None, "the model is left as it was"


class Fusion(nn.Module):
    def __init__(self):
        super().__init__()
        self.fuse = nn.Conv2d(3, 4, 1)

    def forward(self, x):
        return self.fuse(x)


def test_a_layer_called_fuse_is_not_called():
    cost = measure(Fusion(), 8)
    assert cost.params == cost.params_deployed == 16 and cost.macs == cost.macs_deployed == 12 * 64


def test_an_image_too_small_is_an_error_in_one_line():
    with pytest.raises(UserError, match="does not run on an image of 2 pixels"):
        measure(nn.Conv2d(3, 4, 5), 2)


def test_the_classifier_is_the_last_linear_layer():
    cost = measure(nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.ReLU(), nn.Linear(5, 3)), 2)
    assert (cost.params, cost.params_without_classifier) == (65 + 18, 65)
