"""kill -9 at random instants: of the study, of its fork server, of a worker."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from processes import all_gone, descendants
from standin import make_trained
from study_program import study

from archlab.runs import Store
from archlab.runs.index import list_runs
from tests.repeated import only_whole, repeated

PROGRAM = Path(__file__).with_name("study_program.py")


class Killed:
    """A study that is started again whenever it has been killed, and held against what it had finished before.

    Args:
        runs: How many it has, of two epochs that take `seconds` each.
        within: Seconds after a kill in which all its processes are gone.
    """

    def __init__(self, home: Path, workers: int, *, runs: int, seconds: float = 0.0, within: float = 10.0):
        self.home, self.store, self.workers = home, Store(home), workers
        self.runs, self.seconds, self.within = runs, seconds, within
        self.program: subprocess.Popen | None = None
        self.files: dict[Path, bytes] = {}
        self.executions: Counter = Counter()
        self.longest_wait = self._seconds_to_the_first_result()

    def _seconds_to_the_first_result(self) -> float:
        began = time.monotonic()
        self.start()
        while not list(self.store.keys()):
            time.sleep(0.01)
        return time.monotonic() - began

    def start(self) -> None:
        self.check_finished()
        arguments = [sys.executable, PROGRAM, self.home, self.runs, self.workers, "", self.seconds]
        self.program = subprocess.Popen(list(map(str, arguments)), start_new_session=True)

    def kill_something(self, chance: random.Random) -> bool:
        """Whether there was something left to kill."""
        if self.program is None:
            self.start()
        time.sleep(chance.uniform(0, 1.5 * self.longest_wait))
        if self.program.poll() is not None:
            return False
        family = [self.program.pid, *descendants(self.program.pid)]
        victim = chance.choice([self.program.pid, *family])
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:
            return True  # a worker that ended by itself this moment
        if victim == self.program.pid:
            self.program.wait()
            assert all_gone(family, self.within)
            self.program = None
        return True

    def finish(self) -> None:
        if self.program is None:
            self.start()
        assert self.program.wait(timeout=60) == 0
        self.program = None
        self.check_finished()

    def check_finished(self) -> None:
        """What was finished at the last look has neither changed nor been computed again."""
        executions = Counter((self.home / "executions").read_text().split()) if self.files else Counter()
        for path, content in self.files.items():
            assert path.read_bytes() == content
            assert executions[path.parent.name] == self.executions[path.parent.name]
        files = [self.store.directory(key) / "result.json" for key in list(self.store.keys())]
        self.files = {path: path.read_bytes() for path in files}
        path = self.home / "executions"
        self.executions = Counter(path.read_text().split()) if path.exists() else Counter()


def check_table(killed: Killed) -> None:
    """As if nothing had been killed."""
    store = killed.store
    rows = {row["key"]: row for row in list_runs(store).table.to_pylist()}
    assert len(rows) == killed.runs
    for run in study(killed.runs, seconds=killed.seconds):
        store.verify(run.key)
        assert rows[run.key]["test_accuracy"] == make_trained(run).metrics["test"]["accuracy"]
        assert (rows[run.key]["model"], rows[run.key]["dataset"]) == (run.model, run.dataset)


LASTING = {"runs": 8, "seconds": 1.0, "within": 0.8}
"""Runs of two seconds that would be seen to live on: they end long after everything should be gone."""


@pytest.mark.timeout(1500)
@pytest.mark.parametrize(
    ("kills", "kind"),
    [
        pytest.param(20, {"runs": 60}, marks=only_whole),
        pytest.param(repeated(100), {"runs": 60}, marks=pytest.mark.slow),
        pytest.param(repeated(40), LASTING, marks=pytest.mark.slow),
    ],
)
def test_kills_at_random_instants_lose_nothing(tmp_path, kills, kind):
    chance, done, rounds, between = random.Random(kills), 0, 0, 0
    while done < kills:
        killed = Killed(tmp_path / str(rounds), workers=2, **kind)
        while done < kills and killed.kill_something(chance):
            done += 1
        between += len(list(killed.store.keys()))
        killed.finish()
        check_table(killed)
        rounds += 1
    print(f"{kills} kills over {rounds} studies of {kind['runs']} runs, {between} of which finished between the kills")
    assert between > 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", [{"runs": 60}, {"runs": 12, "seconds": 0.3}])
def test_two_studies_at_once_compute_every_run_once(tmp_path, kind):
    """Runs that are over before the other study sees them, and runs that it finds at work."""
    both = [Killed(tmp_path, workers=2, **kind) for _ in range(2)]
    for one in both:
        one.finish()
    check_table(both[0])
    assert set(both[0].executions.values()) == {1} and len(both[0].executions) == kind["runs"]


@pytest.mark.slow
def test_a_terminals_interrupt_reaches_the_study_alone_and_leaves_nothing_running(tmp_path):
    study = Killed(tmp_path, workers=2, runs=60)
    family = [study.program.pid, *descendants(study.program.pid)]
    os.killpg(study.program.pid, signal.SIGINT)
    assert study.program.wait(timeout=30) == 130
    assert all_gone(family)
    assert list(study.store.partial.iterdir()) == []
    study.program = None
    study.finish()
    check_table(study)
