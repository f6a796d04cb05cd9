"""Latency: what ships is what is timed, in turns, and the networks are left as they were."""

from __future__ import annotations

import time

import pytest
import torch

import archlab
from archlab.architecture import architecture
from archlab.deploy import timing
from archlab.deploy.timing import Latency, in_turns, latency_of, time_on_cpu, time_on_gpu

TINY = {
    "name": "tiny",
    "layers": [{"conv": {"out": 8, "stride": 2}}, {"inverted_residual": {"out": 16, "expand": 2, "stride": 2}}],
}


def small(source: str | dict):
    return archlab.build_model(architecture(source), 10, width=0.25, resolution=32)


def test_the_summary_is_the_median_and_the_quartiles():
    assert latency_of([4.0, 1.0, 2.0, 3.0, 100.0], "x") == Latency(3.0, 2.0, 4.0, 5, "x")


def test_calls_take_turns():
    seen: list[str] = []
    times = in_turns([lambda: seen.append("one"), lambda: seen.append("other")], seconds=0.0)
    turns = [name for at, name in enumerate(seen) if at == 0 or seen[at - 1] != name]
    assert turns == ["one", "other"] * 3
    assert [len(found) for found in times] == [9, 9]


def test_waiting_for_others_does_not_count():
    (times,) = in_turns([lambda: time.sleep(0.05)], seconds=0.0)
    assert max(times) < 25


@pytest.mark.slow
def test_what_is_timed_is_the_exported_network_in_float_and_in_int8(monkeypatch):
    sessions = []
    monkeypatch.setattr(timing, "session_of", lambda content, threads: sessions.append((content, threads)) or Session())
    found = time_on_cpu([small("mobileone"), small(TINY)], 32, seconds=0.0)
    assert [[each.precision for each in own] for own in found] == [["float", "int8"]] * 2
    assert {threads for _, threads in sessions} == {1} and len({content for content, _ in sessions}) == 4
    assert all(b"QuantizeLinear" in content for content, _ in sessions[1::2])
    assert not any(b"QuantizeLinear" in content for content, _ in sessions[::2])


class Session:
    """Stands for one of ONNX Runtime."""

    def run(self, names, inputs):
        assert names is None and inputs["resized"].shape == (1, 32, 32, 3)


@pytest.mark.slow
def test_a_reference_is_left_as_it_was():
    model = small("mobileone")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    ((plain, small_one),) = time_on_cpu([model], 32, seconds=0.01)
    assert 0 < plain.low_ms <= plain.median_ms <= plain.high_ms and plain.n >= 9
    assert "one thread, CPU time, ONNX Runtime" in plain.hardware and small_one.hardware == plain.hardware
    assert model.training and torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    weight = next(value for value in model.parameters() if value.ndim == 4)
    assert weight.is_contiguous()


@pytest.mark.slow
def test_a_network_that_cannot_be_exported_takes_no_other_along():
    class Branching(torch.nn.Module):
        def forward(self, x):
            return x.relu() if float(x.sum()) > 0 else x

    odd = small(TINY)
    odd.layers.append(Branching())
    nothing, found = time_on_cpu([odd, small(TINY)], 32, seconds=0.0)
    assert nothing == [] and [each.precision for each in found] == ["float", "int8"]


@pytest.mark.slow
def test_a_network_that_cannot_be_quantised_has_a_latency_in_float(monkeypatch):
    def fail(self, way):
        raise RuntimeError("an unusual graph")

    monkeypatch.setattr(timing.Quantiser, "quantised", fail)
    ((plain,),) = time_on_cpu([small(TINY)], 32, seconds=0.0)
    assert plain.precision == "float"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA")
def test_on_a_gpu_the_model_stays_where_it_was():
    model = small("mobilenetv2")
    (found,) = time_on_gpu([model], 32, seconds=0.01)
    assert found.hardware == torch.cuda.get_device_name()
    assert next(model.parameters()).device.type == "cpu"
