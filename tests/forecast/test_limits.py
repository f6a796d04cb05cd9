"""Measurements that hang, and do not hear of SIGTERM: each has a limit, and one Ctrl-C ends them."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest
from processes import all_gone
from standin import make_run

from archlab.deploy import latencies
from archlab.executors import Interrupted, Settings, Task
from archlab.forecast import plan, planning, smoke
from archlab.forecast.costs import Work
from archlab.runs import Store


@pytest.fixture
def store(tmp_path, monkeypatch, timed):
    """A store on a machine where every measurement hangs."""
    monkeypatch.setattr(planning, "work_of", lambda run, home: Work(8, 16, 2, 8, 20))
    for name in ("MEASURE", "TRY"):
        monkeypatch.setattr(planning, name, Task("standin:hang", keep=False))
    monkeypatch.setattr(latencies, "MEASURE", "standin:hang")
    return Store(tmp_path)


def _plan(store, limit):
    planned = plan([make_run()], store, Settings(workers=1, time_limit=limit))
    assert [prediction for _, prediction in planned.missing] == [None]


def _smoke(store, limit):
    (failure,) = smoke([make_run()], store, Settings(workers=1, time_limit=limit))
    assert "time limit" in failure.cause


def _latencies(store, limit):
    assert latencies.latencies([make_run()], store, limit) == {}


def _beside(store, limit):
    """What a search asks for."""
    assert latencies.latency_beside(make_run(0), make_run(1, model="other"), 1.0, store, limit) is None


EACH = [_plan, _smoke, _latencies, _beside]


def hanging(store):
    return [int(line) for line in (store.home / "hanging").read_text().split()]


@pytest.mark.slow
@pytest.mark.parametrize("measure", EACH)
def test_the_limit_of_a_run_is_one_of_measurements_too(store, measure):
    began = time.monotonic()
    measure(store, 1.0)
    assert time.monotonic() - began < 10 and all_gone(hanging(store), within=1)


@pytest.mark.slow
@pytest.mark.parametrize("measure", EACH)
def test_a_measurement_has_a_limit_of_its_own(store, monkeypatch, measure):
    assert planning.LIMIT <= 600
    monkeypatch.setattr(planning, "LIMIT", 1.0)
    measure(store, None)
    assert all_gone(hanging(store), within=1)


@pytest.mark.parametrize("measure", EACH)
def test_one_interrupt_ends_a_measurement(store, measure):
    def interrupt():
        while not (store.home / "hanging").exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    began = time.monotonic()
    with pytest.raises(Interrupted):
        measure(store, None)
    thread.join()
    assert time.monotonic() - began < 10 and all_gone(hanging(store), within=1)
