from standin import make_run

from archlab.deploy import latencies
from archlab.runs import Store


def test_measured_once_together_and_remembered(tmp_path, monkeypatch, timed):
    monkeypatch.setattr(latencies, "MEASURE", "standin:time_models")
    monkeypatch.setattr(latencies, "TOGETHER", 2)
    store = Store(tmp_path)
    runs = [make_run(model=f"m{at}", width=float(at)) for at in (1, 2, 3, 4, 5)]
    said = []
    found = latencies.latencies(runs, store, None, said.append)
    assert said == ["timing 5 networks in ONNX Runtime, once"]
    assert found == {run.key: [{"median_ms": run.width}] for run in (*runs[:2], runs[4])}, (
        "m3 took m4 with it, and no others"
    )
    again = [make_run(seed=7, model=run.model, width=run.width, dataset_digest="other") for run in runs]
    found = latencies.latencies(again, store)
    assert again[0].key in found
    assert (store.home / "timed").read_text().split() == ["m1", "m2", "m3", "m4", "m5", "m3", "m4"]
    assert latencies.latencies([make_run(model="m1", width=1.0, num_classes=11)], store)
    assert (store.home / "timed").read_text().split()[-1] == "m1"


def test_beside_another_while_the_machine_is_busy(tmp_path, monkeypatch, timed):
    monkeypatch.setattr(latencies, "MEASURE", "standin:time_models")
    store = Store(tmp_path)
    one, two, three = (make_run(model=f"m{at}", width=float(at)) for at in (1, 2, 3))
    assert latencies.latency_beside(one, two, store) == 0.5
    assert latencies.latency_beside(two, one, store) == 2.0, "measured again, at this moment"
    assert (store.home / "timed").read_text().split() == ["m1", "m2", "m2", "m1"]
    assert latencies.latency_beside(one, three, store) is None
