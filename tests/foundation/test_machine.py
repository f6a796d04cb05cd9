"""What this machine is, also where the system does not say it as Linux does."""

import os
import platform

import pytest

from archlab.foundation import machine
from archlab.foundation.machine import core_count, host_of_processes


def test_cores_are_those_that_this_process_may_use(tmp_path, monkeypatch):
    for name in ("QUOTA", "QUOTA_1"):
        monkeypatch.setattr(machine, name, tmp_path / "none")
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {1, 4, 5}, raising=False)
    assert core_count() == 3
    monkeypatch.delattr(os, "sched_getaffinity")  # as on macOS
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert core_count() == 7


@pytest.mark.parametrize(("quota", "cores"), [("max", 8), ("-1", 8), ("250000", 2), ("50000", 1), ("6400000", 8)])
def test_a_container_may_have_a_share_of_the_cores(tmp_path, monkeypatch, quota, cores):
    """By both versions of control groups."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    monkeypatch.setattr(machine, "QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr(machine, "QUOTA_1", tmp_path)
    (tmp_path / "cpu.cfs_quota_us").write_text(f"{quota}\n")
    (tmp_path / "cpu.cfs_period_us").write_text("100000\n")
    assert core_count() == cores
    (tmp_path / "cpu.cfs_quota_us").unlink()
    machine.QUOTA.write_text(f"{quota} 100000\n")
    assert core_count() == cores


def test_containers_of_one_name_are_told_apart_where_the_system_tells(monkeypatch):
    monkeypatch.setattr(os, "readlink", lambda path: "pid:[17]")
    assert host_of_processes() == f"{platform.node()}-17"

    def missing(path):
        raise FileNotFoundError

    monkeypatch.setattr(os, "readlink", missing)  # as on macOS
    assert host_of_processes() == platform.node()


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Where a machine is made up of which NVIDIA's driver for Linux says nothing."""
    for name in ("DEVICES", "BOARD", "AMD", "OF_WINDOWS"):
        monkeypatch.setattr(machine, name, tmp_path / name)
    for variable in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setattr(machine, "version", lambda package: "2.6.0")
    monkeypatch.setattr(machine, "gpu_names", machine._not_numbered)
    machine._not_numbered.cache_clear()
    machine.DEVICES.mkdir()
    yield tmp_path
    machine._not_numbered.cache_clear()


def test_a_machine_without_gpus_has_none(place):
    assert machine.gpu_count() == 0 and machine.visible_gpus() == []


@pytest.mark.parametrize("cards", [["NVIDIA GeForce RTX 3060 Laptop GPU", "NVIDIA T4"], [], None])
def test_the_gpus_of_wsl_are_those_that_nvidias_driver_names(place, cards):
    (machine.DEVICES / "dxg").touch()  # which Windows lends whatever card it has
    if cards is not None:
        machine.OF_WINDOWS.mkdir()
        tool = machine.OF_WINDOWS / "nvidia-smi"
        tool.write_text("\n".join(["#!/bin/sh", *(f"echo '{card}'" for card in cards)]))
        tool.chmod(0o755)
    assert machine.gpu_names() == tuple(cards or ())
    assert machine.gpu_count() == len(cards or ())


@pytest.mark.parametrize("device", ["nvhost-gpu", "nvgpu"])
@pytest.mark.parametrize("model", ["NVIDIA Jetson Orin Nano Developer Kit", None])
def test_a_jetson_has_one(place, device, model):
    (machine.DEVICES / device).mkdir()
    if model:
        machine.BOARD.write_text(f"{model}\0")
    assert machine.gpu_names() == (model or "NVIDIA Tegra",) and machine.gpu_count() == 1


def test_cards_of_amd_count_where_torch_is_built_for_them(place, monkeypatch):
    for node, (number, name) in enumerate([("0", ""), ("50", "navi31"), ("51", "navi32")]):
        (machine.AMD / str(node)).mkdir(parents=True)
        (machine.AMD / str(node) / "gpu_id").write_text(f"{number}\n")
        (machine.AMD / str(node) / "name").write_text(f"{name}\n")
    monkeypatch.setenv("HIP_VISIBLE_DEVICES", "1")
    assert machine.gpu_count() == 0 and machine.visibility() == "CUDA_VISIBLE_DEVICES"
    machine._not_numbered.cache_clear()
    monkeypatch.setattr(machine, "version", lambda package: "2.6.0+rocm6.2.4")
    assert machine.gpu_names() == ("AMD navi31", "AMD navi32")
    assert machine.visible_gpus() == ["1"] and machine.visibility() == "HIP_VISIBLE_DEVICES"
    monkeypatch.delenv("HIP_VISIBLE_DEVICES")
    assert machine.visible_gpus() == ["0", "1"] and machine.visibility() == "CUDA_VISIBLE_DEVICES"
    machine._not_numbered.cache_clear()
    monkeypatch.setenv("ROCR_VISIBLE_DEVICES", "1")
    assert machine.visible_gpus() == ["0"]
