import dataclasses
import os
from importlib.metadata import PackageNotFoundError

import pytest
from standin import make_run

from archlab.architecture import architecture
from archlab.deploy import extras, latencies, time_models
from archlab.deploy.timing import Latency
from archlab.executors.channel import send
from archlab.runs import Store


@pytest.mark.slow
def test_measured_once_together_and_remembered(tmp_path, monkeypatch, timed):
    monkeypatch.setattr(latencies, "MEASURE", "standin:time_models")
    monkeypatch.setattr(latencies, "TOGETHER", 2)
    store = Store(tmp_path)
    runs = [make_run(model=f"m{at}", width=float(at)) for at in (1, 2, 3, 4, 5)]
    said = []
    found = latencies.latencies(runs, store, None, said.append)
    assert said == ["timing 5 networks in ONNX Runtime, once"]
    assert found == {run.key: [{"median_ms": run.width, "hardware": "here"}] for run in (*runs[:2], *runs[3:])}, (
        "m3 took m4 with it, which is measured alone"
    )
    again = [make_run(seed=7, model=run.model, width=run.width, dataset_digest="other") for run in runs]
    found = latencies.latencies(again, store)
    assert again[0].key in found
    assert (store.home / "timed").read_text().split() == ["m1", "m2", "m3", "m4", "m3", "m4", "m5", "m3"]
    assert latencies.latencies([make_run(model="m1", width=1.0, num_classes=11)], store)
    assert (store.home / "timed").read_text().split()[-1] == "m1"


def test_what_is_told_of_models_that_are_timed_together_fits_into_one_message():
    """Also with a GPU and where names are long: else each would be timed again, alone."""
    on_cpu = "Intel(R) Xeon(R) Platinum 8259CL CPU @ 2.50GHz, one thread, CPU time, ONNX Runtime 1.22.0"
    hardware = (on_cpu, on_cpu, "NVIDIA GeForce RTX 3060 Laptop GPU")
    of_one = [dataclasses.asdict(Latency(*[1.1603450000000001] * 3, 172, each)) for each in hardware]
    told = {f"{number:064x}": of_one for number in range(latencies.TOGETHER)}
    read, write = os.pipe()
    send(write, job="f" * 64, value={"state": "finished", "latencies": told})
    assert os.read(read, 2**16).endswith(b"\n")


def test_beside_another_while_the_machine_is_busy_and_kept_as_if_it_was_not(tmp_path, monkeypatch, timed):
    monkeypatch.setattr(latencies, "MEASURE", "standin:time_models")
    store = Store(tmp_path)
    one, two, three = (make_run(model=f"m{at}", width=float(at)) for at in (1, 2, 3))
    assert latencies.latency_beside(one, two, 10.0, store) == 5.0, "half of what the other takes at rest"
    assert len(latencies.not_timed([one, two, make_run(seed=7, model="m2", width=2.0)], store)) == 1
    assert latencies.latency_beside(one, two, 20.0, store) == 5.0, "once and for all"
    assert latencies.latencies([one], store) == {one.key: [{"median_ms": 5.0, "hardware": "here"}]}
    assert (store.home / "timed").read_text().split() == ["m1", "m2"]
    assert latencies.latency_beside(two, three, 10.0, store) is None
    assert latencies.not_timed([two], store), "what failed is tried again"


def test_of_a_gpu_that_others_keep_busy_nothing_is_kept(tmp_path, monkeypatch):
    def measured(runs, *_):
        of_gpu = {"median_ms": 8.0, "hardware": "a card"}
        return {run.key: [{"median_ms": 2 * run.width, "hardware": "here"}, of_gpu] for run in runs}

    monkeypatch.setattr(latencies, "_measured", measured)
    one, two, store = make_run(model="m1", width=1.0), make_run(model="m2", width=2.0), Store(tmp_path)
    assert latencies.latency_beside(one, two, 2.0, store) == 1.0
    assert latencies.latency_beside(one, two, 9.0, store) == 1.0, "once and for all"
    assert latencies.not_timed([one], store), "all of it is timed at rest"


def test_a_gpu_that_cannot_be_timed_takes_no_latency_of_the_cpu_along(monkeypatch):
    def busy(*_):
        raise RuntimeError("CUDA error: CUDA-capable device(s) is/are busy or unavailable")

    of_cpu = Latency(1.0, 0.9, 1.1, 9, "here")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr(time_models, "time_on_cpu", lambda models, resolution: [[of_cpu] for _ in models])
    monkeypatch.setattr(time_models, "time_on_gpu", busy)
    design = architecture({"name": "tiny", "layers": [{"conv": {"out": 8, "stride": 2}}]}).canonical()
    run = latencies.run_to_time("tiny", design, 1.0, classes=10, resolution=32, smallest_map=2)
    found = time_models.time_models(run, runs=[run.document()], own_files=[])
    assert found == {"latencies": {run.key: [dataclasses.asdict(of_cpu)]}}


def test_ctrl_c_loses_nothing_that_was_measured(tmp_path, monkeypatch):
    def measured(together, *_):
        if runs[2] in together:
            raise KeyboardInterrupt
        return {run.key: [{"median_ms": run.width}] for run in together}

    monkeypatch.setattr(latencies, "TOGETHER", 2)
    monkeypatch.setattr(latencies, "_measured", measured)
    store, runs = Store(tmp_path), [make_run(model=f"m{at}", width=float(at)) for at in (1, 2, 3)]
    with pytest.raises(KeyboardInterrupt):
        latencies.latencies(runs, store)
    assert latencies.not_timed(runs, store) == runs[2:]


def test_what_a_model_is_trained_on_does_not_matter_to_its_time():
    canonical = architecture("starnet").canonical()
    one = latencies.run_to_time("a", canonical, 0.5, classes=10, resolution=32, smallest_map=2)
    assert latencies._name(one) == latencies._name(dataclasses.replace(one, model="b", dataset="c", seed=3, recipe={}))
    for other in ({"width": 0.6}, {"num_classes": 11}, {"resolution": 64}, {"smallest_map": None}):
        assert latencies._name(one) != latencies._name(dataclasses.replace(one, **other))


def test_every_figure_of_the_cpu_is_scaled_and_none_of_another_device():
    found = latencies._divided({"median_ms": 6.0, "low_ms": 4.0, "high_ms": 8.0, "n": 9, "hardware": "cpu"}, 2.0)
    assert found == {"median_ms": 3.0, "low_ms": 2.0, "high_ms": 4.0, "n": 9, "hardware": "cpu"}


def test_the_runtime_is_known_by_whatever_package_brings_it(monkeypatch):
    def version(name):
        if name != "onnxruntime-gpu":
            raise PackageNotFoundError(name)
        return "1.99"

    monkeypatch.setattr(extras, "version", version)
    monkeypatch.setattr(extras, "packages_distributions", lambda: {"onnxruntime": ["onnxruntime-gpu"]})
    assert extras.onnx_runtime_version.__wrapped__() == "1.99"
