"""A search that several processes are at, that is interrupted or killed, and that somebody goes on with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from databases import PostgreSQL
from search_program import run
from small_search import LONGER, STUDY, computed, study_of, trials_of

from tests.repeated import only_whole

PROGRAM = Path(__file__).parent / "search_program.py"


@pytest.fixture
def postgresql():
    """The documented URL of a PostgreSQL server of the test's own."""
    with PostgreSQL() as database:
        yield database.url


def results(trials):
    return [(trial.state.name, trial.values, trial.params, trial.user_attrs.get("accuracies")) for trial in trials]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("epochs", "text", "ends"),
    [(4, LONGER, (9, 6)), pytest.param(1, STUDY, (2, 7), marks=only_whole)],
)
def test_what_is_interrupted_and_resumed_is_what_was_never_interrupted(place, epochs, text, ends):
    whole, broken = place("whole"), place("broken")
    study = study_of(whole, text)
    wanted = len(run(study, whole, epochs=epochs).document["trials"])
    for after, (kind, status) in zip(ends, ((signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)), strict=True):
        process = _start(study, broken, "pause=0.02", f"epochs={epochs}")
        _read_trials(process, after)
        process.send_signal(kind)
        assert process.wait(60) == status
        process.stdout.close()
    assert 0 < len(trials_of(broken)) < wanted
    run(study, broken, epochs=epochs, resume=True)
    assert results(trials_of(broken)) == results(trials_of(whole))
    assert set(computed(broken)) == set(computed(whole))


@pytest.mark.slow
def test_fewer_trials_than_there_are_end_with_what_is_there(place):
    home = place()
    study = study_of(home, LONGER)
    process = _start(study, home, "pause=0.02")
    _read_trials(process, 4)  # they wait for others
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    process.stdout.close()
    there = len(trials_of(home))
    trials = run(study, home, trials=2).document["trials"]
    assert len(trials) == there and "complete" in {trial["state"] for trial in trials}


@pytest.mark.slow
@pytest.mark.parametrize(("text", "after"), [(LONGER, 6), pytest.param(STUDY, 2, marks=only_whole)])
def test_two_processes_share_a_search_and_one_is_killed(place, text, after):
    home = place()
    _kill_one_of_two(study_of(home, text), home, str(home / "shared.log"), after)


@pytest.mark.slow
def test_two_processes_share_a_database_and_one_is_killed(place, postgresql):
    home = place()
    _kill_one_of_two(study_of(home), home, postgresql, 2)


def _kill_one_of_two(study, home, storage, after):
    processes = [_start(study, home, storage, "trials=16", "pause=0.05", "workers=2") for _ in range(2)]
    _read_trials(processes[0], after)
    processes[0].kill()
    processes[0].wait()
    output, _ = processes[1].communicate(timeout=400)
    assert processes[1].returncode == 0, output
    trials = trials_of(home, storage)
    assert len(trials) == 16 and {trial.state.name for trial in trials} <= {"COMPLETE", "PRUNED"}
    assert len({trial.user_attrs["design"] for trial in trials}) == 16
    keys = {key for trial in trials for key in trial.user_attrs["runs"].values()}
    assert keys <= {path.name for path in home.glob("runs/??/*")}
    processes[0].stdout.close()


def _start(study, home, *arguments):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(PROGRAM), str(study), str(home), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def _read_trials(process, number, limit=200.0):
    """Waits until the process has ended so many trials."""
    started = time.monotonic()
    for _ in range(number):
        assert process.stdout.readline(), "it ended early"
        assert time.monotonic() - started < limit
