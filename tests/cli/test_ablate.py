"""`archlab ablate`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from archlab.cli.tables import print_gains
from archlab.data import open_prepared
from archlab.report.material import read_material
from tests.repeated import WHOLE

STUDY = """
name: tiny
question: Is deeper better?
base: {name: net, layers: [{conv: {out: 8, stride: 2}}, {inverted_residual: {out: 16, expand: 2, stride: 2}}]}
choices:
  depth: {one: [], two: [{set: {repeat: 2}, where: {block: inverted_residual}}]}
budget: {params: 20k, fit: width}
compare: [other.yaml, third.yaml]
suite: [digits, textures]
recipe: {like: quick, steps: 4}
seeds: 2
"""
OTHER = "name: other\nlayers: [{conv: {out: 16, stride: 4}}]\n"
THIRD = "name: third\nlayers: [{conv: {out: 8, kernel: 5, stride: 2}}, {conv: {out: 24, stride: 2}}]\n"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """The data, and counts and speeds of this machine, which all stores here share."""
    home = tmp_path_factory.mktemp("shared")
    for name in ("digits", "textures"):
        open_prepared(name, home, 32)
    for part in ("counts", "speeds"):
        (home / "cache" / part).mkdir(parents=True, exist_ok=True)
    return home


@pytest.fixture
def folder(tmp_path, monkeypatch, shared):
    """A working directory with tiny.yaml and the architectures that it names."""
    for store in ("store", "undisturbed", "store 0", "store 1", "store 2", "store 6"):
        (tmp_path / store / "cache").mkdir(parents=True)
        for part in ("datasets", "cache/counts", "cache/speeds"):
            (tmp_path / store / part).symlink_to(shared / part)
    for name, text in (("tiny", STUDY), ("other", OTHER), ("third", THIRD)):
        (tmp_path / f"{name}.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def ablate(folder, command):
    """Calls `archlab ablate --spec tiny.yaml`."""

    def call(*arguments, spec="tiny.yaml"):
        return command("ablate", "--store", "store", "--workers", "2", "--spec", spec, *arguments)

    return call


@pytest.mark.slow
def test_a_plan_counts_the_runs_that_nothing_sees(ablate, folder):
    (folder / "unseen.yaml").write_text(STUDY.replace("suite:", "unseen: [cifar10]\nsuite:"))
    code, printed, _ = ablate("--dry-run", "--json", spec="unseen.yaml")
    plan = json.loads(printed)
    assert code == 0 and plan["unseen"] == ["cifar10"] and [each["dataset"] for each in plan["missing"]] == ["cifar10"]
    assert sum(cell["dataset"] == "cifar10" for cell in plan["cells"]) == 4
    code, printed, _ = ablate("--dry-run", spec="unseen.yaml")
    assert code == 0 and "8 of them on cifar10, which no choice and no score sees" in printed


def test_gains_on_datasets_seen_and_not_seen_are_printed_side_by_side(capsys):
    ends = [
        {"difference": at, "low": None if at > 2 else at - 1.0, "high": None if at > 2 else at + 1.0}
        for at in (2.0, 3.0)
    ]
    named = {"choice": "depth", "option": "two", "against": "one", "kind": "raw", "measure": "points"}
    gain = {**named, "seen": ends[0], "unseen": ends[1], "holds": None}
    print_gains({"seen": ["digits"], "datasets": ["elpv"], "gains": [gain], "by_dataset": []})
    assert capsys.readouterr().out.splitlines()[-1].split() == [
        "depth=two",
        "one",
        "raw",
        "points",
        "+2.000",
        "+1.000",
        "+3.000",
        "+3.000",
    ]
    print_gains({"seen": ["digits"], "datasets": ["elpv"], "gains": [], "by_dataset": []})
    assert "no gain is known" in capsys.readouterr().out
    print_gains(None)
    assert not capsys.readouterr().out


@pytest.mark.slow
def test_trains_once_scores_saves_and_finds_everything_again(ablate, folder, timed):
    code, planned, _ = ablate("--dry-run", "--json")
    plan = json.loads(planned)
    assert code == 0 and len(plan["runs"]) == 4 * 2 * 2 and {run["state"] for run in plan["runs"]} == {"to compute"}
    assert plan["wall_seconds"] > 0 and not list(folder.glob("store/runs/??/*"))

    code, printed, progress = ablate()
    assert code == 0, progress
    assert "16 runs were trained" in progress and "[16/16]" in progress
    for word in ("net", "other", "third", "net+depth=two", "xScore", "digits", "Is deeper better?"):
        assert word in printed
    saved = json.loads((folder / "store/studies/tiny/ablation.json").read_text())
    assert (folder / "store/studies/tiny/scores.csv").read_text().count("\n") == 5
    latencies = json.loads((folder / "store/studies/tiny/latencies.json").read_text())
    assert latencies.keys() == {"net", "other", "third", "net+depth=two"}
    assert all(0 < found[0]["low_ms"] <= found[0]["median_ms"] <= found[0]["high_ms"] for found in latencies.values())

    code, document, progress = ablate("--json")
    assert code == 0 and "nothing was trained" in progress
    kept = read_material("tiny", folder / "store").provenance["time of the last training"]
    assert kept.startswith("predicted ") and "of work, took" in kept
    assert json.loads(document) == {**saved, "computed": 0}
    assert json.loads((folder / "store/studies/tiny/latencies.json").read_text()) == latencies

    code, planned, _ = ablate("--dry-run")
    assert code == 0 and "16 runs, all stored: nothing to compute" in planned


@pytest.mark.slow
def test_smoke_tries_everything_and_stores_nothing(ablate, folder):
    code, printed, progress = ablate("--smoke")
    assert code == 0 and printed == "" and "every model trains on every dataset" in progress
    assert not list(folder.glob("store/runs/??/*"))


@pytest.mark.slow
def test_smoke_names_what_would_fail(own_code_forgotten, ablate, folder):
    own = "import blocks\nfrom torch import nn\n\n\n@blocks.register('breaks_in_smoke')\nclass Breaks(blocks.Block):\n"
    own += (
        "    def __init__(self, *, in_channels: int, out_channels: int, stride: int = 1):\n        super().__init__()\n"
    )
    own += "        self.conv = nn.Conv2d(in_channels, out_channels, 1, stride)\n\n    def forward(self, x):\n"
    own += "        if self.training:\n            raise ValueError('not in training')\n        return self.conv(x)\n"
    (folder / "own.py").write_text(own)
    (folder / "other.yaml").write_text("name: other\nblocks: own.py\nlayers: [{breaks_in_smoke: {out: 8}}]\n")
    code, printed, progress = ablate("--smoke", "--json")
    assert code == 1
    failed = json.loads(printed)["failed"]
    assert {entry["model"] for entry in failed} == {"other"} and len(failed) == 2
    assert "ValueError: not in training (own.py:13)" in progress


@pytest.mark.slow
def test_fresh_stores_under_different_load_give_the_same_numbers(ablate):
    documents = []
    for load in (0, 2, 6) if WHOLE else (0, 1):
        burning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(load)]
        try:
            code, document, progress = ablate("--json", "--seeds", "1", "--store", f"store {load}")
        finally:
            for process in burning:
                process.kill()
                process.wait()
        assert code == 0, progress
        documents.append(json.loads(document))
    assert all(document == documents[0] for document in documents) and len(documents[0]["cells"]) == 2 * 8


@pytest.mark.slow
def test_a_killed_study_goes_on_and_ends_with_the_same_table(ablate, folder):
    code, undisturbed, progress = ablate("--json", "--seeds", "1", "--store", "undisturbed")
    assert code == 0, progress
    arguments = ["ablate", "--spec", "tiny.yaml", "--seeds", "1", "--store", "store", "--workers", "1"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([sys.executable, "-m", "archlab", *arguments], **quiet)
    deadline = time.monotonic() + 120
    while len(list(folder.glob("store/runs/??/*"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    code, continued, progress = ablate("--json", "--seeds", "1")
    assert code == 0, progress
    assert "to compute" in progress and " 0 stored" not in progress
    same = json.loads(continued)
    assert {**same, "computed": 8} == json.loads(undisturbed)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("question:", "qestion:"), "error: tiny.yaml:3: a study has no key 'qestion' - did you mean 'question'?"),
        (("digits,", "digit,"), "error: tiny.yaml:9: no dataset is called 'digit' - did you mean 'digits'?"),
        (("repeat: 2", "repeat: 0"), "error: tiny.yaml:6: repeat must be a whole number of at least 1, not 0"),
        (("20k", "10"), "cannot keep the budget of 10 parameters: it needs at least"),
        (("fit: width", "fit: none"), "above the budget of 20,000"),
        (("compare: [other.yaml", "compare: [nothing.yaml"), "error: tiny.yaml:8: there is no file 'nothing.yaml'"),
        (("seeds: 2", "seeds:\t2"), "error: tiny.yaml:11: not valid YAML"),
    ],
)
def test_says_what_is_wrong_in_one_line(ablate, folder, change, message):
    text = STUDY.replace(*change)
    if change[0] == "fit: width":
        text = text.replace("out: 16", "out: 512")
    (folder / "tiny.yaml").write_text(text)
    code, printed, complaint = ablate()
    assert (code, printed) == (2, "") and message in complaint and complaint.count("\n") == 1


def test_an_unknown_study_is_named(ablate):
    code, _, complaint = ablate(spec="qick")
    assert code == 2 and "there is no study 'qick'" in complaint and "did you mean 'quick'?" in complaint


ARCHLAB = f"'{sys.executable}' -m archlab ablate --spec tiny.yaml --workers 2"


@pytest.mark.slow
def test_streams_that_nobody_hears_and_a_store_that_must_not_be_written(folder):
    """A study with closed and full streams is computed; then, read-only, it prints its table and ends with 0."""

    def shell(command):
        return subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=300)

    (folder / "tiny.yaml").write_text(STUDY.replace("seeds: 2", "seeds: 1"))
    assert shell(f"{ARCHLAB} --store store <&- >&- 2>/dev/full").returncode == 0
    (folder / "store/studies/tiny/scores.csv").unlink()
    if os.getuid() == 0:  # for whom a mode forbids nothing
        mount = "mount --bind store store && mount -o remount,bind,ro store"
        if shell(f"unshare -m bash -c '{mount}'").returncode:
            pytest.skip("nothing can be mounted here")
        done = shell(f'unshare -m bash -c "{mount} && {ARCHLAB} --store store"')
    else:
        shell("chmod -R a-w store")
        done = shell(f"{ARCHLAB} --store store")
        shell("chmod -R u+w store")
    assert done.returncode == 0, done.stderr
    assert "net+depth=two" in done.stdout and "nothing was trained; results are not written: " in done.stderr
    assert not (folder / "store/studies/tiny/scores.csv").exists() and "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", ["ablate --spec tiny.yaml --store", "runs list --store", "train net.yaml --dataset digits --store"]
)
def test_a_store_whose_name_is_no_text_is_refused_in_a_line(folder, command):
    program = [sys.executable, "-m", "archlab", *command.split(), b"st\xffore"]
    done = subprocess.run(program, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "a folder of runs needs a name in UTF-8" in done.stderr
