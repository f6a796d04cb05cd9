"""Real runs, with torch, of a network of a few thousand parameters."""

import dataclasses
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest
from processes import all_gone, descendants
from safetensors.numpy import load_file

import archlab
from archlab.architecture.own_blocks import own_blocks_of
from archlab.data import open_prepared
from archlab.executors import Settings, execute
from archlab.forecast import plan, smoke
from archlab.runs import Run, Store, code_digest
from archlab.training.reading import load_recipe
from tests.repeated import WHOLE, repeated


def small_runs(
    home: Path, seeds: int, *, steps: int = 8, width: float = 0.25, blocks: str | None = None, block: str = "conv"
) -> list[Run]:
    design = archlab.architecture(
        {
            "name": "small",
            "blocks": blocks,
            "resolution": 32,
            "layers": [
                {block: {"out": 32, "kernel": 3, "stride": 2}},
                {"inverted_residual": {"out": 64, "expand": 3, "stride": 2, "repeat": 2}},
            ],
            "head": {"dropout": 0.2},
        }
    )
    recipe = load_recipe({"like": "quick", "steps": steps}).settled("small", "digits").canonical()
    data, own_files = open_prepared("digits", home, 32), own_blocks_of(design)
    return [
        Run(
            architecture=design.canonical(),
            width=width,
            num_classes=data.num_classes,
            dataset="digits",
            dataset_digest=data.digest,
            resolution=32,
            smallest_map=2,
            recipe=recipe,
            seed=seed,
            code=code_digest(design.canonical(), own_files),
            model="small",
            own_files=own_files,
        )
        for seed in range(seeds)
    ]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    open_prepared("digits", home, 32)
    return home


def numbers(store: Store, runs: list[Run]):
    """Everything that must be equal to the last digit."""
    found = []
    for run in runs:
        document = store.get(run.key)
        history = [{name: row[name] for name in row if name != "seconds"} for row in document["history"]]
        weights = {name: value.tobytes() for name, value in load_file(store.weights(run.key)).items()}
        found.append((document["metrics"], history, weights))
    return found


def beside(home: Path, name: str) -> Store:
    """A store of its own that shares the prepared data."""
    place = Path(tempfile.mkdtemp(prefix=name, dir=home.parent))
    (place / "datasets").symlink_to(home / "datasets")
    return Store(place)


@pytest.mark.slow
def test_workers_do_not_change_a_digit(home, monkeypatch):
    runs = small_runs(home, 3)
    one, three = beside(home, "one"), beside(home, "three")
    assert execute(runs, one, Settings(workers=1)).failed == []
    assert execute(runs[::-1], three, Settings(workers=3)).failed == []
    assert numbers(one, runs) == numbers(three, runs)
    mode = one.get(runs[0].key)["mode"]
    assert mode["threads"] == 1 and "MALLOC_TRIM_THRESHOLD_" in mode["allocator"]


@pytest.mark.slow
def test_a_plan_measures_and_smoke_tries_the_model(home):
    store, runs = beside(home, "planned"), small_runs(home, 2)
    (first, second) = plan(runs, store, Settings(workers=1)).missing
    assert first[1] == second[1] and first[1].source == "measured"
    assert 0 < first[1].seconds < 60 and first[1].memory > 2**26
    broken = small_runs(home, 1, width=1e9)
    (failure,) = smoke(runs + broken, store, Settings(workers=1))
    assert failure.run == broken[0] and "\n" not in failure.cause
    assert list(store.keys()) == []


@pytest.mark.slow
def test_runs_of_other_code_or_data_are_refused(home):
    (run,) = small_runs(home, 1)
    words = {"code": "code or the study's own blocks have changed", "dataset_digest": "dataset digits has changed"}
    others = {field: Run.from_document({**run.document(), field: "other"}) for field in words}
    outcome = execute(others.values(), Store(home), Settings(retries=3))
    failures = {failure.run.key: failure for failure in outcome.failed}
    for field, other in others.items():
        assert words[field] in failures[other.key].cause and failures[other.key].attempts == 1
        assert other.key not in Store(home)


OWN = """
import blocks

@blocks.register("NAME")
class Own(blocks.BLOCKS["conv"]):
    pass
"""


@pytest.mark.slow
def test_runs_load_their_own_blocks_and_are_not_changed_by_those_of_others(own_code_forgotten, home, tmp_path):
    plain = small_runs(home, 1)
    for name in ("own_a", "own_b"):
        (tmp_path / f"{name}.py").write_text(OWN.replace("NAME", name))
    own = [small_runs(home, 1, blocks=str(tmp_path / f"{name}.py"), block=name)[0] for name in ("own_a", "own_b")]
    assert small_runs(home, 1)[0].key == plain[0].key
    assert [run.own_files for run in own] == [(str(tmp_path / "own_a.py"),), (str(tmp_path / "own_b.py"),)]
    store, strays = beside(home, "own"), [dataclasses.replace(run, own_files=()) for run in own]
    outcome = execute(strays[:1], store, Settings(retries=0))
    assert "code or the study's own blocks have changed" in outcome.failed[0].cause  # nothing else loads them
    assert execute([*plain, *own], store, Settings(workers=2)).failed == []
    assert numbers(store, own[:1]) == numbers(store, own[1:]) == numbers(store, plain)

    (tmp_path / "own_a.py").write_text(OWN.replace("NAME", "own_a") + "\n")
    (changed,) = small_runs(home, 1, blocks=str(tmp_path / "own_a.py"), block="own_a")
    assert (
        changed.key != own[0].key
        and own[1].key == small_runs(home, 1, blocks=own[1].own_files[0], block="own_b")[0].key
    )


IMPORTS = """
import torch

for name in ("is_available", "device_count", "init", "_lazy_init"):
    setattr(torch.cuda, name, lambda *_, name=name: print(name))
import archlab.forecast.measuring, archlab.executors.training, archlab.executors.worker
"""


@pytest.mark.slow
def test_the_fork_server_imports_without_asking_for_gpus():
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True)
    assert done.stdout == ""  # CUDA could not start in its children


PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_training import STUDY, small_runs
from archlab.runs import Store
from archlab.executors import Settings, execute
home = Path(sys.argv[2])
sys.exit(len(execute(small_runs(home, **STUDY), Store(home), Settings(workers=2, retries=3)).failed))
"""
STUDY = {"seeds": 4, "steps": 300}


def start_study(home: Path) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", PROGRAM, str(Path(__file__).parent), str(home)])


@pytest.mark.slow
def test_kills_over_real_runs_change_no_digit(home):
    whole = repeated(5)
    runs, undisturbed, chance = small_runs(home, **STUDY), beside(home, "undisturbed"), random.Random(0)
    began = time.monotonic()
    assert start_study(undisturbed.home).wait() == 0
    longest = time.monotonic() - began
    expected = numbers(undisturbed, runs)
    kills = resumable = rounds = 0
    while kills < whole:
        store, rounds = beside(home, f"killed {rounds}"), rounds + 1
        finished: dict[Path, bytes] = {}
        while kills < whole and len(finished) < len(runs):
            program = start_study(store.home)
            time.sleep(chance.uniform(0.3, 0.7) * longest)
            family = [program.pid, *descendants(program.pid)]
            for victim in (chance.choice(family), program.pid):
                with suppress(ProcessLookupError):
                    os.kill(victim, signal.SIGKILL)
            kills += program.wait() != 0
            assert all_gone(family)
            assert all(path.read_bytes() == content for path, content in finished.items())
            finished = {path: path.read_bytes() for path in store.runs.glob("*/*/result.json")}
            resumable += len(list(store.unfinished.glob("*/checkpoint.safetensors")))
        assert start_study(store.home).wait() == 0
        assert all(path.read_bytes() == content for path, content in finished.items())
        assert numbers(store, runs) == expected
    print(f"{kills} kills over {rounds} studies; {resumable} times a run went on from its checkpoint")
    assert resumable or not WHOLE
