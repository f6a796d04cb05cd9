"""What a run starts, what is closed around it, and who is killed: nothing is left, and nobody waits for what is left."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from processes import all_gone, descendants, held_elsewhere, parents
from standin import compute, executions, make_run

from archlab.executors import Settings, Task, cluster, one_server, open_executor, settings
from archlab.executors.forks import Forks
from archlab.foundation import UserError
from archlab.runs import Store
from archlab.runs.lock import lock

pytestmark = pytest.mark.usefixtures("own_servers")
PROGRAM = Path(__file__).with_name("study_program.py")
SLOW_IMPORT = """
import os, sys, time
from archlab.executors.forks import Forks
forks = Forks(["slow_import"])
forks.start("job", "slow_import:nothing", {}, None)
print(forks.server.pid, flush=True)
time.sleep(600)
"""


def detached(store: Store) -> list[int]:
    """Children of runs that left their group: `standin.FAULTS["detach"]` notes them."""
    return [int(pid) for path in store.home.glob("detached.*") for pid in [path.suffix[1:]]]


def test_a_child_that_left_its_group_neither_outlives_the_run_nor_holds_its_lock(store):
    run = make_run(recipe={"fault": "detach and die once"})
    began = time.monotonic()
    outcome = compute([run], store, retries=1, time_limit=20)
    assert outcome.failed == [] and outcome.computed == 1 and len(executions(store.home, run.key)) == 2
    assert time.monotonic() - began < 15
    assert len(detached(store)) == 1 and all_gone(detached(store), within=2)


@pytest.mark.slow
def test_a_child_that_left_its_group_ends_with_a_run_that_finishes_or_takes_too_long(store):
    runs = [make_run(0, recipe={"fault": "detach"}), make_run(1, recipe={"fault": "detach and hang"})]
    outcome = compute(runs, store, retries=0, time_limit=2, workers=2)
    assert outcome.computed == 1 and "time limit" in outcome.failed[0].cause
    assert len(detached(store)) == 2 and all_gone(detached(store), within=2)


def test_a_lock_is_not_inherited_and_a_removed_one_is_not_taken(tmp_path):
    with lock(tmp_path / "run") as held:
        assert held
        if (child := os.fork()) == 0:
            time.sleep(60)
            os._exit(0)
        with held_elsewhere(tmp_path / "run") as twice:
            assert not twice
    try:
        with held_elsewhere(tmp_path / "run") as held:
            assert held, "the child holds what its parent held"
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_a_folder_that_was_emptied_under_its_lock_goes_with_it(tmp_path):
    """As on NFS, which keeps it until then."""
    with lock(tmp_path / "run"):
        (tmp_path / "run" / "lock").unlink()
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", "2>/dev/full", "<&- >/dev/full 2>/dev/full"])
def test_closed_and_full_streams_change_nothing(tmp_path, closed):
    command = f"'{sys.executable}' '{PROGRAM}' '{tmp_path}' 4 2 {closed}"
    assert subprocess.run(["bash", "-c", command], timeout=60).returncode == 0
    assert len(list(Store(tmp_path).keys())) == 4


def server_of_one_run(store: Store) -> int:
    """Its process id, after a run that it has ended."""
    with open_executor(store, Settings(workers=1), Task("standin:value", {"steps": 4}, keep=False)) as executor:
        executor.submit(make_run())
        events = []
        while executor.pending:
            events += executor.events()
        assert events[-1].kind == "finished"
        return executor.forks.server.pid


def test_executors_that_follow_one_another_share_a_server_where_they_are_to(store):
    with one_server():
        first, second = server_of_one_run(store), server_of_one_run(store)
        with one_server():
            third = server_of_one_run(store)
        assert first == second == third == server_of_one_run(store)
        assert not all_gone([first], within=0)
        os.kill(first, signal.SIGKILL)
        other = server_of_one_run(store)
    assert other != first
    assert all_gone([first, other], within=2)
    assert all_gone([server_of_one_run(store)], within=2)


def test_a_folder_of_modules_that_is_no_text_is_passed_over(store, monkeypatch):
    """As Python does; notebooks have them."""
    monkeypatch.setattr(sys, "path", [*sys.path, Path("elsewhere")])
    assert compute([make_run()], store).computed == 1


def test_a_server_imports_nothing_of_the_working_directory(tmp_path, monkeypatch):
    """Which may be a folder of others'."""
    (tmp_path / "ctypes.py").write_text("open('owned', 'w')\n")
    monkeypatch.chdir(tmp_path)
    forks, told = Forks([]), []
    try:
        forks.start("one", "loud:run", {}, None)
        while not any("ended" in message for message in told):
            told += forks.messages(5.0) or [{"ended": "the server"}]
    finally:
        forks.close()
    assert any(message.get("value") == {"done": True} for message in told), told
    assert not (tmp_path / "owned").exists()


@pytest.mark.slow
def test_asking_for_a_cluster_imports_nothing_of_the_working_directory(tmp_path, monkeypatch):
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "__init__.py").write_text("open('owned', 'w')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cluster, "LIMIT", 2.0)
    with suppress(UserError):  # but where a cluster is there
        cluster.check_cluster("auto")
    assert not (tmp_path / "owned").exists()


def test_a_cluster_of_one_command_has_no_dashboard(monkeypatch):
    """Which would run whatever anybody on this machine asks for."""
    told = {}
    ray = SimpleNamespace(is_initialized=lambda: False, init=lambda **given: told.update(given))
    for module in (cluster, settings):
        monkeypatch.setattr(module, "import_ray", lambda: ray)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert cluster.connect(Settings(executor="ray", workers=2))
    assert told["num_cpus"] == 2 and told["include_dashboard"] is False


@pytest.mark.parametrize(("gpus", "has_room"), [(0.0, True), (0.5, False), (1.0, False)])
def test_a_cluster_without_room_for_a_run_is_told_of(monkeypatch, caplog, gpus, has_room):
    """Ray would wait for ever, and say nothing."""
    nodes = [{"Alive": True, "Resources": {"CPU": 4.0}}, {"Alive": False, "Resources": {"CPU": 4.0, "GPU": 1.0}}]
    for module in (cluster, settings):
        monkeypatch.setattr(module, "import_ray", lambda: SimpleNamespace(nodes=lambda: nodes))
    cluster.tell_of_no_room(Settings(executor="ray", gpus=gpus))
    assert [f"(1 core, {gpus:g} GPU): runs wait" in said for said in caplog.messages] == [True] * (not has_room)


@pytest.mark.slow
def test_a_server_that_imports_dies_with_its_parent(tmp_path):
    (tmp_path / "slow_import.py").write_text("import time\ntime.sleep(30)\n")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"}
    with subprocess.Popen([sys.executable, "-c", SLOW_IMPORT], stdout=subprocess.PIPE, env=environment) as parent:
        server = int(parent.stdout.readline())
        time.sleep(1)
        assert server in parents()
        parent.kill()
        assert all_gone([server], within=1)


@pytest.mark.parametrize("stopped", [False, True])
def test_what_runs_have_started_dies_with_the_study(tmp_path, stopped):
    with subprocess.Popen([sys.executable, str(PROGRAM), str(tmp_path), "2", "2", "detach and hang"]) as program:
        deadline = time.monotonic() + 60
        while len(detached(Store(tmp_path))) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        (server,) = (pid for pid, parent in parents().items() if parent == program.pid)
        family = [server, *descendants(server), *detached(Store(tmp_path))]
        assert len(family) >= 5
        if stopped:
            os.kill(server, signal.SIGSTOP)
        program.kill()
        assert all_gone(family, within=5)
