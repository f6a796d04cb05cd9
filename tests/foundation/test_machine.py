"""What this machine is, also where the system does not say it as Linux does."""

import os

import pytest

from archlab.foundation import machine
from archlab.foundation.machine import core_count


def test_cores_are_those_that_this_process_may_use(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "QUOTA", tmp_path / "none")
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {1, 4, 5}, raising=False)
    assert core_count() == 3
    monkeypatch.delattr(os, "sched_getaffinity")  # as on macOS
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert core_count() == 7


@pytest.mark.parametrize(("quota", "cores"), [("max", 8), ("250000", 2), ("50000", 1), ("6400000", 8)])
def test_a_container_may_have_a_share_of_the_cores(tmp_path, monkeypatch, quota, cores):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    monkeypatch.setattr(machine, "QUOTA", tmp_path / "cpu.max")
    machine.QUOTA.write_text(f"{quota} 100000\n")
    assert core_count() == cores
