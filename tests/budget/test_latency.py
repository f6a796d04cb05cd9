"""Latency: the deployed form is what is timed, and the module is left as it was."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import archlab
from archlab.architecture import architecture
from archlab.budget import Latency, measure_latencies
from archlab.budget.latency import latency_of


class Watched(nn.Module):
    """Notes under which circumstances its fused form runs."""

    def __init__(self, seen: list[tuple], fused: bool = False):
        super().__init__()
        self.seen, self.fused = seen, fused
        self.convolution = nn.Conv2d(3, 4, 3)

    def __deepcopy__(self, memo):
        return Watched(self.seen, self.fused)

    def fuse(self):
        return Watched(self.seen, fused=True)

    def forward(self, x):
        weight = self.convolution.weight
        self.seen.append(
            (
                self.fused,
                self.training,
                torch.is_inference_mode_enabled(),
                torch.get_num_threads(),
                tuple(x.shape),
                x.is_contiguous(memory_format=torch.channels_last),
                weight.is_contiguous(memory_format=torch.channels_last),
            )
        )
        return self.convolution(x)


def test_the_deployed_form_is_timed_on_one_thread():
    seen = []
    threads = torch.get_num_threads()
    model = Watched(seen)
    (found,) = measure_latencies([model], 8, seconds=0.01)
    assert set(seen) == {(True, False, True, 1, (1, 3, 8, 8), True, True)}
    assert 9 <= found.n < len(seen)
    assert 0 < found.low_ms <= found.median_ms <= found.high_ms
    assert "one thread" in found.hardware
    assert model.training and torch.get_num_threads() == threads


def test_the_summary_is_the_median_and_the_quartiles():
    assert latency_of([4.0, 1.0, 2.0, 3.0, 100.0], "x") == Latency(3.0, 2.0, 4.0, 5, "x")


def test_models_take_turns():
    seen = []

    class Noting(nn.Module):
        def __init__(self, name):
            super().__init__()
            self.name = name

        def forward(self, x):
            seen.append(self.name)
            return x

    one, other = measure_latencies([Noting("one"), Noting("other")], 4, seconds=0.0)
    turns = [name for at, name in enumerate(seen) if at == 0 or seen[at - 1] != name]
    assert turns == ["one", "other"] * 3
    assert one.n == other.n == 9


def test_a_reference_is_left_as_it_was():
    model = archlab.build_model(architecture("mobileone"), 10, width=0.25, resolution=32)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    measure_latencies([model], 32, seconds=0.0)
    assert model.training and torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    weight = next(value for value in model.parameters() if value.ndim == 4)
    assert weight.is_contiguous()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA")
def test_on_a_gpu_the_model_stays_where_it_was():
    model = archlab.build_model(architecture("mobilenetv2"), 10, width=0.25, resolution=32)
    (found,) = measure_latencies([model], 32, device="cuda", seconds=0.01)
    assert found.hardware == torch.cuda.get_device_name()
    assert next(model.parameters()).device.type == "cpu"
