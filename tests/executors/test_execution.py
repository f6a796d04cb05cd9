import errno
import json
import os
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
from processes import descendants, parents
from standin import compute, executions, make_run, make_trained

from archlab.executors import Interrupted, Outcome, Settings, Task, open_executor
from archlab.executors.channel import cause_of, error_of, send
from archlab.foundation import UserError, machine
from archlab.runs import Event, Store

pytestmark = pytest.mark.usefixtures("own_servers")
FAULTS = {
    "memory": "out of memory",
    "kill": "killed by SIGKILL, often the system's answer to a lack of memory",
    "hang": "took longer than the time limit of 1 s",
    "segfault": "killed by SIGSEGV, a segmentation fault",
    "disk": "File too large",
    "raise": "ValueError: a loss of two lines (standin.py:",
    "exit": "ended with exit code 3 and without a result",
}


def run_all(runs, store, **arguments) -> Outcome:
    return compute(runs, store, **{"workers": 2, "retries": 0, **arguments})


@pytest.fixture(autouse=True)
def others():
    """Processes that other tests of this session have left running, such as a browser."""
    OTHERS[:] = descendants(os.getpid())


OTHERS: list[int] = []


def children() -> list[int]:
    return [process for process in descendants(os.getpid()) if process not in OTHERS]


def test_runs_are_computed_once_and_paired_with_their_own_result(store):
    runs = [make_run(seed) for seed in range(12)]
    events = []
    outcome = run_all(runs + runs[:3], store, on_event=events.append)
    assert outcome.failed == [] and outcome.computed == 12
    assert {run.key: make_trained(run).metrics for run in runs} == {
        key: document["metrics"] for key, document in outcome.results.items()
    }
    assert all(len(executions(store.home, run.key)) == 1 for run in runs)
    kinds = [event.kind for event in events if event.run.key == runs[5].key]
    assert kinds == ["started", "epoch", "epoch", "finished"]
    assert list(store.unfinished.iterdir()) == [] and children() == []

    again = run_all(runs, store)
    assert again.computed == 0 and again.results == outcome.results


@pytest.mark.slow
def test_one_worker_and_three_give_the_same(tmp_path):
    runs = [make_run(seed, dataset=f"d{seed % 3}", dataset_digest=str(seed % 3)) for seed in range(20)]
    one, three = (run_all(runs, Store(tmp_path / str(n)), workers=n).results for n in (1, 3))
    assert one.keys() == three.keys()
    for key in one:
        assert {**one[key], "finished": ""} == {**three[key], "finished": ""}


@pytest.mark.slow
def test_every_fault_costs_its_run_alone_and_is_one_line(store):
    bad = {fault: make_run(0, recipe={"fault": fault}) for fault in FAULTS}
    good = [make_run(seed) for seed in range(10)]
    runs = [run for pair in zip(bad.values(), good, strict=False) for run in pair] + good
    outcome = run_all(runs, store, time_limit=1)
    assert set(outcome.results) == {run.key for run in good}
    causes = {failure.run.recipe["fault"]: failure for failure in outcome.failed}
    assert set(causes) == set(FAULTS)
    for fault, cause in FAULTS.items():
        assert causes[fault].cause.startswith(cause)
        assert causes[fault].attempts == 1 and "\n" not in str(causes[fault])
    assert "ValueError: a loss" in Path(causes["raise"].log).read_text()
    assert "Segmentation fault" in Path(causes["segfault"].log).read_text()


@pytest.mark.slow
def test_a_fault_that_happens_once_is_mended_by_a_retry(store):
    runs = [make_run(0, recipe={"fault": f"{fault} once"}) for fault in FAULTS]
    events = []
    outcome = run_all(runs, store, time_limit=1, retries=1, on_event=events.append)
    assert outcome.failed == [] and outcome.computed == len(runs)
    assert sum(event.kind == "retried" for event in events) == len(runs)


def test_only_a_log_that_is_here_is_named(tmp_path):
    outcome, here = Outcome(), tmp_path / "log.txt"
    here.touch()
    for log in (str(here), str(tmp_path / "of a node" / "log.txt"), None):
        outcome.note(Event("failed", make_run(), {"cause": "a loss", "attempts": 1, "log": log}), lambda event: None)
    assert [failure.log for failure in outcome.failed] == [str(here), None, None]


def test_a_fault_of_the_machine_is_told_from_one_of_the_run(store):
    events = []
    passing, own = ("full", "quota", "disk"), ("raise", "memory", "exit", "refuse")
    run_all([make_run(recipe={"fault": fault}) for fault in (*passing, *own)], store, on_event=events.append)
    failed = {event.run.recipe["fault"]: event.detail["passing"] for event in events if event.kind == "failed"}
    assert failed == dict.fromkeys(passing, True) | dict.fromkeys(own, False)


def test_what_a_worker_warns_of_is_said_here(store, caplog):
    assert run_all([make_run(3, recipe={"warning": "warning: set aside " + 1000 * "x"})], store).computed == 1
    (said,) = caplog.messages
    assert said.startswith("warning: toy on digits, seed 3: set aside xxx") and len(said) < 600


def test_what_the_user_must_mend_is_not_retried(store):
    outcome = run_all([make_run(0, recipe={"fault": "refuse"})], store, retries=5)
    (failure,) = outcome.failed
    assert failure.attempts == 1 and failure.cause == "study.yaml:3: no data"


def test_fail_fast_ends_the_others(store):
    slow = [make_run(seed, recipe={"seconds": 30}) for seed in range(3)]
    outcome = run_all([slow[0], make_run(recipe={"fault": "raise"}), *slow], store, fail_fast=True)
    assert len(outcome.failed) == 1 and outcome.results == {} and children() == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_killed_from_outside_is_retried(store, number):
    runs = [make_run(seed, recipe={"seconds": 0.1}) for seed in range(4)]
    killed = []

    def kill_first(event):
        if event.kind == "started" and not killed:
            killed.append(event.detail["pid"])
            os.kill(event.detail["pid"], number)

    outcome = run_all(runs, store, retries=1, on_event=kill_first)
    assert killed and outcome.computed == 4 and outcome.failed == []


def test_a_run_that_others_stop_each_time_has_failed(store):
    """It would be missing without a word."""

    def stop(event):
        if event.kind == "started":
            os.kill(event.detail["pid"], signal.SIGTERM)

    (failure,) = run_all([make_run(recipe={"seconds": 0.3})], store, retries=1, on_event=stop).failed
    assert failure.cause.startswith("stopped by SIGTERM from outside") and failure.attempts == 2


@pytest.mark.slow
def test_a_killed_server_takes_its_workers_along_and_is_replaced(store):
    runs = [make_run(seed, recipe={"seconds": 0.2}) for seed in range(4)]
    before = []

    def kill_server(event):
        if event.kind == "started" and len(before) < 2:
            before.append(event.detail["pid"])
            if len(before) == 2:
                os.kill(parents()[before[0]], signal.SIGKILL)

    outcome = run_all(runs, store, retries=1, on_event=kill_server)
    assert outcome.computed == 4 and outcome.failed == []
    assert not set(before) & set(parents()) and children() == []


@pytest.mark.slow
def test_first_interrupt_finishes_the_epoch_and_the_second_does_not(store, caplog):
    runs = [make_run(seed, recipe={"seconds": 0.3, "epochs": 50}) for seed in range(3)]

    def interrupt(event):
        if event.kind == "epoch":
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted) as caught:
        run_all(runs, store, workers=1, on_event=interrupt)
    assert caught.value.outcome.results == {} and caplog.messages[0].startswith("stopping when the running epochs end")
    first, others = store.unfinished / runs[0].key, [store.unfinished / run.key for run in runs[1:]]
    assert (first / "epochs").read_text().split() in (["0"], ["0", "1"])  # the order may come before the next begins
    assert not any(folder.exists() for folder in others) and children() == []

    runs = [make_run(seed, recipe={"seconds": 20}) for seed in range(3)]

    def interrupt_twice(event):
        if event.kind == "started":
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted):
        run_all(runs, store, workers=1, on_event=interrupt_twice)
    assert not (store.unfinished / runs[0].key / "epochs").exists() and children() == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_every_process_lets_the_epoch_finish(store, number):
    """As batch systems end a job, and systemd a session."""
    run, sent = make_run(recipe={"seconds": 0.5, "epochs": 50}), []
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)

    def send(event):
        if event.kind == "epoch" and not sent:
            time.sleep(0.1)  # the next epoch has begun
            sent.extend([*children(), os.getpid()])
            for process in sent:
                os.kill(process, number)

    try:
        with pytest.raises(Interrupted):
            run_all([run], store, workers=1, on_event=send)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert len(sent) > 2 and children() == []
    assert len((store.unfinished / run.key / "epochs").read_text().split()) in (2, 3)


def test_a_callback_that_fails_leaves_no_process(store):
    def fail(event):
        raise RuntimeError("no terminal")

    with pytest.raises(RuntimeError):
        run_all([make_run(seed, recipe={"seconds": 20}) for seed in range(2)], store, on_event=fail)
    assert children() == []


@pytest.mark.slow
def test_a_run_that_another_process_computes_is_waited_for(store):
    run = make_run(recipe={"seconds": 0.5})
    given = store, Settings(workers=1), Task("standin:train")
    with open_executor(*given) as first, open_executor(*given) as second:
        first.submit(run)
        while not any(event.kind == "started" for event in first.events()):
            pass
        second.submit(run)
        ends = {"first": [], "second": []}
        while first.pending or second.pending:
            ends["first"] += [event.kind for event in first.events(0.05)]
            ends["second"] += [event.kind for event in second.events(0.05)]
    assert ends["first"][-1] == "finished" and ends["second"][-1] == "stored"
    assert len(executions(store.home, run.key)) == 1


def test_what_is_not_kept_comes_back_by_value(store):
    runs = [make_run(seed) for seed in range(3)]
    values = {}
    with open_executor(store, Settings(workers=2), Task("standin:value", {"steps": 4}, keep=False)) as executor:
        for run in runs:
            executor.submit(run)
        while executor.pending:
            values |= {event.run.seed: event.detail for event in executor.events() if event.kind == "finished"}
    assert {seed: (value["seed"], value["steps"]) for seed, value in values.items()} == {n: (n, 4) for n in range(3)}
    assert list(store.keys()) == [] and not any(Path(value["folder"]).exists() for value in values.values())


@pytest.mark.parametrize(("visible", "workers", "shares"), [("4,GPU-7f", 5, {"4": 3, "GPU-7f": 2}), ("6", 2, {"6": 2})])
def test_runs_are_spread_over_the_gpus(store, monkeypatch, visible, workers, shares):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    seen = Counter()
    with open_executor(store, Settings(workers=workers), Task("standin:gpu", keep=False)) as executor:
        for seed in range(workers):
            executor.submit(make_run(seed))
        while executor.pending:
            seen.update(event.detail["gpu"] for event in executor.events() if event.kind == "finished")
    assert seen == shares


def test_a_process_of_ray_is_given_another_gpu_for_its_next_run(store, monkeypatch):
    """Ray keeps the process, and with it the executor."""
    seen = []
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    with open_executor(store, Settings(workers=1), Task("standin:gpu", keep=False)) as executor:
        for gpu in ("3", "1"):
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", gpu)
            executor.submit(make_run(int(gpu)))
            while executor.pending:
                seen += [event.detail["gpu"] for event in executor.events() if event.kind == "finished"]
    assert seen == ["3", "1"]


def test_gpus_are_numbered_as_cuda_sees_them(tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(machine, "DEVICES", tmp_path)
    for device in ("nvidiactl", "nvidia-uvm"):
        (tmp_path / device).touch()
    assert machine.visible_gpus() == []
    for device in ("nvidia3", "nvidia5"):
        (tmp_path / device).touch()
    assert machine.visible_gpus() == ["0", "1"]
    for hidden in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
        assert machine.visible_gpus() == []
    for named, shown in (("GPU-1a2b-1c3d,MIG-1e", ["GPU-1a2b-1c3d", "MIG-1e"]), ("2, 0,-1,1", ["2", "0"])):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
        assert machine.visible_gpus() == shown


def test_wrong_settings_are_refused(store):
    with pytest.raises(UserError, match="there is no executor 'locl' - did you mean 'local'"):
        run_all([make_run()], store, executor="locl")
    with pytest.raises(UserError, match="0 workers"):
        run_all([make_run()], store, workers=0)
    for gpus in (1.5, -1.0, float("nan"), float("inf")):
        with pytest.raises(UserError, match="a run's share of a GPU is from 0 to 1, or whole GPUs, not "):
            Settings(gpus=gpus)
    with pytest.raises(UserError, match="a device is auto, cpu or cuda, not 'gpu'"):
        Settings(device="gpu")
    for limit in (-1.0, float("nan")):
        with pytest.raises(UserError, match="a time limit is a number of seconds, not "):
            Settings(time_limit=limit)


PASSING_ON = """
from archlab.executors.local import LocalExecutor

class Passing:
    def __init__(self, other, lacking):
        self.other, self.lacking = other, lacking

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.other.__exit__()

    def __getattr__(self, name):
        if name == self.lacking:
            raise AttributeError(name)
        return getattr(self.other, name)
"""


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("return {}['queue']", r"mine\.py:2: KeyError: 'queue'"),
        (
            "lost = store",
            r"mine\.py: make must give an archlab\.executors\.Executor: a NoneType has no __enter__, .* and kill$",
        ),
        ("return LocalExecutor", r"a type has no __enter__ and __exit__$"),
        ("return Passing(LocalExecutor(store, settings, task), 'drop')", r"a Passing has no drop$"),
    ],
)
def test_an_executor_of_ones_own_that_cannot_be_made_is_told_with_its_line(store, tmp_path, line, message):
    (tmp_path / "mine.py").write_text(f"def make(store, settings, task):\n    {line}\n{PASSING_ON}")
    with pytest.raises(UserError, match=message):
        open_executor(store, Settings(executor=f"{tmp_path}/mine.py:make"))


def test_an_executor_of_ones_own_may_hand_on_to_another(store, tmp_path):
    (tmp_path / "mine.py").write_text(
        f"def make(*given):\n    return Passing(LocalExecutor(*given), 'nothing')\n{PASSING_ON}"
    )
    assert open_executor(store, Settings(executor=f"{tmp_path}/mine.py:make")).pending == 0


def test_what_passes_is_not_the_users_to_mend_whoever_tells_of_it():
    """It is tried again."""
    told = error_of(UserError(f"the weights to start from cannot be read: {os.strerror(errno.ESTALE)}"))
    assert (told["mendable"], told["passing"]) == (False, True)


def test_an_unknown_function_fails_its_runs(store):
    (failure,) = run_all([make_run()], store, function="standin:nothing").failed
    assert failure.cause.startswith("AttributeError") and "nothing" in failure.cause


def test_a_long_cause_in_any_script_still_fits_a_message():
    cause = cause_of(RuntimeError("\N{GRINNING FACE}" * 2000))
    read, write = os.pipe()
    send(write, job="a", error=cause)
    assert json.loads(os.read(read, 1 << 16))["error"] == cause
    assert cause.startswith("RuntimeError: \N{GRINNING FACE}")


def test_a_full_gpu_is_called_so_by_whichever_library_finds_it():
    words = "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"
    assert cause_of(RuntimeError(words)) == f"out of memory: {words}"


def test_a_full_disk_is_called_so_whoever_writes():
    error = RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)")
    assert cause_of(error) == cause_of(OSError(28, "No space left on device")) == "No space left on device"
