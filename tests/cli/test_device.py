import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from archlab.deploy import targets
from archlab.deploy.estimate import Estimate
from archlab.foundation import UserError
from archlab.runs import Store

sys.path.insert(0, str(Path(__file__).parents[1] / "runs"))
from standin import make_run, make_trained

ORIGIN = {"key": "ab" * 32, "model": "starnet", "dataset": "glyphs", "resolution": 16}
UNKNOWN = dict.fromkeys(
    (
        "cycles",
        "inferences_per_second",
        "ms",
        "sram",
        "least_sram",
        "least_sram_ms",
        "flash",
        "arena",
        "arena_maps",
        "images",
        "same_as_litert",
        "largest_difference",
    )
)


@pytest.fixture
def device(command, monkeypatch, tmp_path):
    """Calls `archlab device`; network and estimates are made up, and those of `failing` targets fail."""

    def call(*arguments, failing=()):
        def made_up(target):
            if target in failing:
                return Estimate(target, "made up", cause=f"{target} is gone")
            if target == "tflm":
                return Estimate(
                    target,
                    "TFLM",
                    flash=2048,
                    arena=5008,
                    arena_maps=4000,
                    images=8,
                    same_as_litert=7,
                    largest_difference=0.0039,
                )
            npu = {
                "cycles": 1234567,
                "inferences_per_second": 405.0,
                "ms": 2.469,
                "sram": 1536,
                "least_sram": 1024,
                "least_sram_ms": 3.0,
                "flash": 3072,
            }
            return Estimate(target, "Vela", **npu, on_cpu=("SOFTMAX (head)", "PACK (x)"))

        monkeypatch.setattr(
            "archlab.deploy.loading.load", lambda key, **_: SimpleNamespace(origin=ORIGIN | {"key": key})
        )
        monkeypatch.setattr(targets, "check_installed", lambda chosen: None)
        monkeypatch.setattr(targets, "counted", lambda network: (10240, 20480))
        monkeypatch.setattr(targets, "estimates", lambda network, chosen: map(made_up, chosen))
        return command("device", *arguments, "--store", tmp_path)

    return call


@pytest.fixture
def run(tmp_path):
    """In the store."""
    made = make_run(0)
    Store(tmp_path).put(made, make_trained(made))
    return made


def test_estimates_stand_beside_each_other(device):
    code, out, err = device("abab")
    assert (code, err) == (0, "")
    assert out.startswith("starnet on glyphs, int8, one image of 16 pixels\n")
    rows = {line.split()[0]: line.rstrip() for line in out.split("\n\n")[1].splitlines()}
    assert list(rows) == ["target", "archlab", "ethos-u55-128", "ethos-u85-256", "tflm"]
    assert re.search(r"10\.0 +20\.0$", rows["archlab"])
    assert re.search(r"1\.5 +3\.0 +1,234,567 +2\.47 +405$", rows["ethos-u55-128"])
    assert re.search(r"4\.9 +2\.0$", rows["tflm"])
    notes = out.split("\n\n")[2]
    assert "ethos-u55-128: compiled for size it needs 1 KiB of SRAM and 3 ms" in notes
    assert "ethos-u85-256: falls back to the CPU, whose cycles do not count: SOFTMAX (head); PACK (x)" in notes
    assert (
        "tflm: it needs an arena of 5,008 bytes, 4,000 of them for feature maps;" in notes
        and "on 7 of 8 images; a probability differs by at most 3.9e-03" in notes
    )


def test_json(device):
    code, out, err = device("abab", "--json", failing=["tflm"])
    assert code == 0 and err == "failed: tflm: tflm is gone\n"
    found = json.loads(out)
    assert list(found) == ["key", "model", "dataset", "peak_memory", "flash", "targets"]
    assert [found[name] for name in found if name != "targets"] == ["abab", "starnet", "glyphs", 10240, 20480]
    *npus, tflm = found["targets"]
    assert [each["target"] for each in npus] == ["ethos-u55-128", "ethos-u85-256"]
    assert npus[0]["on_cpu"] == ["SOFTMAX (head)", "PACK (x)"] and npus[0]["cycles"] == 1234567
    failed = {"target": "tflm", "estimated_by": "made up", "on_cpu": [], **UNKNOWN, "cause": "tflm is gone"}
    assert tflm == failed and npus[0].keys() == failed.keys()


def test_chosen_targets_alone_each_once(device):
    out = device("abab", "--target", "tflm", "--target", "tflm", "--json")[1]
    assert [each["target"] for each in json.loads(out)["targets"]] == ["tflm"]


def test_exit_code_1_where_all_fail(device):
    code, out, err = device("abab", failing=targets.TARGETS)
    assert code == 1
    assert err.splitlines() == [f"failed: {target}: {target} is gone" for target in targets.TARGETS]
    assert re.search(r"archlab +10\.0 +20\.0", out) and "made up" not in out  # what is counted is still said
    assert device("abab", "--target", "tflm", failing=["tflm"])[0] == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "either KEY or --import is needed"),
        (["abc", "--import", "board.csv"], "KEY and --import exclude each other"),
        (["--import", "board.csv", "--target", "tflm"], "--import takes targets and datasets from its file"),
        (["abc", "--target", "ethos-u55-12"], "ethos-u55-128"),
    ],
)
def test_what_does_not_go_together_is_an_error(device, arguments, words):
    code, out, err = device(*arguments)
    assert code == 2 and out == "" and words in err and len(err.splitlines()) == 1


def test_targets_are_those_that_can_be_estimated():
    from archlab.cli.device import TARGETS

    assert targets.TARGETS == TARGETS


def test_what_is_missing_is_said_before_the_run_is_sought(command, tmp_path, monkeypatch):
    def absent(chosen):
        raise UserError("archlab device needs ethosu: pip install 'archlab[microcontroller]'")

    monkeypatch.setattr(targets, "check_installed", absent)
    code, out, err = command("device", "abc", "--store", tmp_path)
    assert (code, out) == (2, "") and err.startswith("error: archlab device needs ethosu: pip install")


# measurements of boards


def test_measurements_are_imported(command, run, tmp_path):
    (tmp_path / "board.csv").write_text(
        f"run,target,precision,milliseconds,peak_memory\n{run.key[:10]},My board,int8,12.5,64K\n"
    )
    code, out, err = command("device", "--import", tmp_path / "board.csv", "--store", tmp_path)
    assert (code, err) == (0, "")
    assert out == f"{run.model} in int8 on My board: 12.5 ms, 64 KiB of memory\n"
    out = command("device", "--import", tmp_path / "board.csv", "--store", tmp_path, "--json")[1]
    (found,) = json.loads(out)
    assert (found["target"], found["milliseconds"], found["peak_memory"]) == ("My board", 12.5, 65536)


def test_a_wrong_row_is_named_by_its_line(command, run, tmp_path):
    (tmp_path / "board.csv").write_text(f"run,target,milliseconds\n{run.key},b,-1\n")
    code, out, err = command("device", "--import", tmp_path / "board.csv", "--store", tmp_path)
    assert (code, out) == (2, "") and f"{tmp_path / 'board.csv'}:2: " in err
    assert command("device", "--import", tmp_path / "none.csv", "--store", tmp_path / "none")[0] == 2
    assert not (tmp_path / "none").exists()
