"""A real Ray cluster of a head and one or two nodes, on this machine."""

import dataclasses
import errno
import os
import random
import shutil
import signal
import tempfile
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from processes import descendants
from standin import compute, executions, make_run, make_trained

from archlab.data import open_prepared
from archlab.executors import TRAIN, Interrupted, Settings, Task, execute
from archlab.forecast import with_workers
from archlab.runs import Store
from tests.repeated import WHOLE

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


ENVIRONMENT = {
    "PYTHONPATH": f"{Path(__file__).parent}:{os.environ.get('PYTHONPATH', '')}",
    "RAY_TMPDIR": tempfile.gettempdir(),  # its sockets need a short path
    "RAY_worker_niceness": "0",  # else its workers starve beside other tests
    "RAY_health_check_period_ms": "1000",  # so that the next test waits seconds for nodes that this one has killed
    "RAY_health_check_failure_threshold": "3",
}


@pytest.fixture(scope="module")
def head():
    """The node that every cluster here has, which takes long to start and computes nothing."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patched:
        for name, value in ENVIRONMENT.items():
            patched.setenv(name, value)
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
        yield cluster
        cluster.shutdown()


@pytest.fixture
def cluster(head, monkeypatch, tmp_path, request):
    """The head and a node that computes, unless a test has nodes of its own; what nodes write is the test's."""
    import ray

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    head.wait_for_nodes(60)
    if getattr(request, "param", True):
        head.add_node(num_cpus=1)
    yield head
    ray.shutdown()
    for node in list(head.worker_nodes):
        head.remove_node(node)


def on_ray(runs, store, cluster, **arguments):
    return compute(runs, store, executor="ray", address=cluster.address, **{"retries": 0, **arguments})


def study(count, seconds=0.0):
    return [
        make_run(seed, dataset=f"d{seed % 5}", dataset_digest=str(seed % 5), recipe={"epochs": 2, "seconds": seconds})
        for seed in range(count)
    ]


def numbers(results):
    return {key: (document["run"], document["metrics"], document["history"]) for key, document in results.items()}


def test_ray_one_worker_and_two_give_the_same_sixty_cells(tmp_path, cluster):
    cluster.add_node(num_cpus=1)
    runs, events = study(60), []
    ray = on_ray(runs, Store(tmp_path / "ray"), cluster, on_event=events.append)
    local = [compute(runs, Store(tmp_path / str(workers)), workers=workers) for workers in (1, 2)]
    assert ray.failed == [] and ray.computed == 60
    assert numbers(ray.results) == numbers(local[0].results) == numbers(local[1].results)
    assert numbers(ray.results) == {
        run.key: (run.document(), make_trained(run).metrics, make_trained(run).history) for run in runs
    }
    assert {event.kind for event in events} == {"started", "epoch", "finished"}
    again = on_ray(runs, Store(tmp_path / "ray"), cluster)
    assert again.computed == 0 and again.results == ray.results


@pytest.mark.parametrize(("gpus", "room"), [(0.0, 3), (0.5, 2)])
def test_plans_know_for_how_many_runs_a_cluster_has_room(tmp_path, cluster, gpus, room):
    cluster.add_node(num_cpus=2, num_gpus=1)
    settings = Settings(executor="ray", address=cluster.address, gpus=gpus)
    assert with_workers(settings, [make_run()], Store(tmp_path)).workers == room
    assert with_workers(dataclasses.replace(settings, workers=7), [make_run()], Store(tmp_path)).workers == 7


def test_real_runs_are_equal_to_the_last_digit(tmp_path, cluster):
    from test_training import OWN, beside, numbers, small_runs

    home, own = tmp_path / "home", tmp_path / "own.py"
    open_prepared("digits", home, 32)
    own.write_text(OWN.replace("NAME", "own_on_ray"))
    runs = small_runs(home, 2) + small_runs(home, 1, blocks=str(own), block="own_on_ray")
    local, ray = beside(home, "local"), beside(home, "ray")
    assert on_ray(runs, ray, cluster, function=TRAIN.function).failed == []
    assert execute(runs, local, Settings(device="cpu")).failed == []  # as a node without a share of a GPU
    assert numbers(local, runs) == numbers(ray, runs)


def test_a_node_that_is_lost_changes_nothing(tmp_path, cluster):
    second = cluster.add_node(num_cpus=1)
    runs, store, lost = study(16, seconds=0.2), Store(tmp_path), []

    def lose_a_node(event):
        if event.kind == "finished" and len(list(store.keys())) >= 5 and not lost:
            lost.append(second)
            cluster.remove_node(second, allow_graceful=False)

    outcome = on_ray(runs, store, cluster, retries=2, on_event=lose_a_node)
    assert lost and outcome.failed == []
    assert {key: document["metrics"] for key, document in outcome.results.items()} == {
        run.key: make_trained(run).metrics for run in runs
    }


@pytest.mark.parametrize("cluster", [False], indirect=True)
@pytest.mark.parametrize(("losses", "shared"), [(3, True), (3, False), (8, True)] if WHOLE else [(2, True), (2, False)])
def test_nodes_lost_at_random_instants_change_nothing(tmp_path, cluster, losses, shared, monkeypatch, request):
    """Every run is on a node that may be lost, and nothing is retried: what was lost is no failure."""
    monkeypatch.setattr("ray._private.utils.set_sigterm_handler", lambda handler: None)  # which only main threads can
    if not shared:
        request.getfixturevalue("elsewhere")
    chance, done, studies, retried = random.Random(losses), 0, 0, []
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    stop = threading.Event()

    def lose_nodes():
        nonlocal done
        while not stop.wait(chance.uniform(0, 6)) and done < losses:
            cluster.remove_node(nodes.pop(chance.randrange(2)), allow_graceful=False)
            done += 1
            stop.wait(chance.uniform(0, 2))
            nodes.append(cluster.add_node(num_cpus=1))
        stop.wait()  # nodes die with the thread that started them

    def note(event):
        if event.kind == "retried":
            retried.append(event.detail["cause"])

    thief = threading.Thread(target=lose_nodes)
    thief.start()
    try:
        while done < losses:
            runs, store, studies = study(4, seconds=0.4), Store(tmp_path / str(studies)), studies + 1
            outcome = on_ray(runs, store, cluster, retries=0, on_event=note)
            assert outcome.failed == []
            assert {key: document["metrics"] for key, document in outcome.results.items()} == {
                run.key: make_trained(run).metrics for run in runs
            }
    finally:
        stop.set()
        thief.join()
    print(f"{losses} nodes lost over {studies} studies of 4 runs; {len(retried)} attempts were repeated")
    assert (retried or losses < 8) and all(cause.startswith("lost with its node") for cause in retried)


def test_a_board_that_dies_is_replaced_and_takes_orders_again(tmp_path, cluster, monkeypatch):
    from archlab.executors.on_ray import RayExecutor

    store, seen, ended = Store(tmp_path), [], []
    executor = RayExecutor(
        store, Settings(executor="ray", address=cluster.address), Task("standin:train", {}, keep=True)
    )
    with executor:
        for run in study(2, seconds=2.0):
            executor.submit(run)
        while not any(kind == "started" for kind in seen):
            seen += [event.kind for event in executor.events()]
        executor.ray.kill(executor.board, no_restart=False)
        executor.drop(study(2, seconds=2.0)[1])
        while executor.pending:
            ended += [event.kind for event in executor.events() if event.kind in ("finished", "stopped", "failed")]
    assert sorted(ended) == ["finished", "stopped"]


def test_a_run_that_was_dropped_goes_on_when_it_is_submitted_again(tmp_path, cluster):
    """As a search drops a design that waits, and promotes it later."""
    from archlab.executors.on_ray import RayExecutor

    run = make_run(recipe={"epochs": 20, "seconds": 0.2})
    settings = Settings(executor="ray", address=cluster.address)
    with RayExecutor(Store(tmp_path), settings, Task("standin:train", {}, keep=True)) as executor:

        def end_of(run, on_epoch):
            executor.submit(run)
            ends = []
            while executor.pending:
                for event in executor.events():
                    if event.kind == "epoch":
                        on_epoch(run)
                    elif event.kind != "started":
                        ends.append(event.kind)
            return ends

        assert end_of(run, executor.drop) == ["stopped"]
        assert end_of(run, lambda run: None) == ["finished"]


def test_faults_cost_one_run_on_ray_too(tmp_path, cluster):
    faults = {
        "kill": "killed by SIGKILL",
        "segfault": "killed by SIGSEGV",
        "raise": "ValueError",
        "refuse": "study.yaml",
    }
    bad = {fault: make_run(recipe={"fault": fault}) for fault in faults}
    hang = make_run(recipe={"fault": "hang"})
    outcome = on_ray([*bad.values(), hang, *study(4)], Store(tmp_path), cluster, retries=1, time_limit=2)
    assert outcome.computed == 4
    failures = {failure.run.recipe["fault"]: failure for failure in outcome.failed}
    assert failures.pop("hang").cause.startswith("took longer than the time limit of 2 s")
    for fault, failure in failures.items():
        assert failure.cause.startswith(faults[fault]) and "\n" not in failure.cause
        assert failure.attempts == (1 if fault == "refuse" else 2)
        assert len(executions(tmp_path, failure.run.key)) == failure.attempts


@pytest.fixture
def elsewhere(monkeypatch):
    """Nodes that do not see the store; the list fills with the datasets that the driver sends them."""
    from archlab.executors import on_ray, shipping

    sent, pack = [], shipping.pack

    class Elsewhere(on_ray.RayExecutor):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.site["token"] += "-not-there"

    def pack_and_note(data, *arguments):
        parcel = pack(data, *arguments)
        sent.extend([data] if parcel else [])
        return parcel

    monkeypatch.setattr(on_ray, "RayExecutor", Elsewhere)
    monkeypatch.setattr(shipping, "pack", pack_and_note)
    return sent


def test_a_teacher_and_weights_reach_a_node_that_does_not_see_the_folder(tmp_path, cluster, elsewhere):
    from safetensors.torch import save_file
    from test_training import beside, numbers, small_runs

    from archlab.runs.named import settled_recipe
    from archlab.training.reading import load_recipe

    home = tmp_path / "home"
    (teacher, plain) = small_runs(home, 2)
    ray = beside(home, "ray")
    assert execute([teacher], ray).failed == []
    save_file({"a": torch.zeros(2)}, tmp_path / "w.safetensors")
    keys = {"distill": {"teacher": teacher.key}, "init": {"weights": str(tmp_path / "w.safetensors")}}
    recipe = settled_recipe(load_recipe({**plain.recipe, **keys}), "small", "digits", ray.home).canonical()
    run, local = dataclasses.replace(plain, recipe=recipe), beside(home, "local")
    for part in ("runs", "weights"):
        shutil.copytree(ray.home / part, local.home / part)
    assert on_ray([run], ray, cluster, function=TRAIN.function).failed == []
    assert execute([run], local, Settings(device="cpu")).failed == []
    assert numbers(local, [run]) == numbers(ray, [run])


def test_own_data_reach_a_node_that_does_not_see_the_folder_once(tmp_path, cluster, elsewhere):
    from test_shipping import data_in, make_photos
    from test_training import beside, numbers, small_runs

    home = tmp_path / "home"
    photos = make_photos(home)
    own = {"dataset": "photos", "dataset_digest": photos.digest, "num_classes": 2}
    runs = [dataclasses.replace(run, **own) for run in small_runs(home, 3)]
    local, ray = beside(home, "local"), beside(home, "ray")
    assert execute(runs, local, Settings(device="cpu")).failed == []
    for part in (runs[:2], runs[2:]):
        assert on_ray(part, ray, cluster, function=TRAIN.function).failed == []
        assert elsewhere == [data_in(photos)]
    assert numbers(local, runs) == numbers(ray, runs)


def test_results_come_back_from_a_node_that_does_not_see_the_folder(tmp_path, cluster, elsewhere):
    runs, refused = study(3), make_run(recipe={"fault": "refuse"})
    outcome = on_ray([refused, *runs], Store(tmp_path), cluster)
    assert [(failure.run, failure.cause) for failure in outcome.failed] == [(refused, "study.yaml:3: no data")]
    assert outcome.computed == 3 and not (tmp_path / "executions").exists()
    for run in runs:
        Store(tmp_path).verify(run.key)


def test_a_result_that_the_driver_cannot_keep_costs_its_run_an_attempt(tmp_path, cluster, elsewhere, monkeypatch):
    adopt, refused, events = Store.adopt, [], []

    def full_at_first(store, key, files):
        if not refused:
            refused.append(key)
            raise OSError(errno.ENOSPC, "No space left on device")
        adopt(store, key, files)

    monkeypatch.setattr(Store, "adopt", full_at_first)
    runs = study(2)
    outcome = on_ray(runs, Store(tmp_path), cluster, retries=1, on_event=events.append)
    assert outcome.failed == [] and outcome.results.keys() == {run.key for run in runs}
    (retried,) = [event for event in events if event.kind == "retried"]
    assert [retried.run.key] == refused and retried.detail["passing"]
    assert retried.detail["cause"] == "No space left on device"


def test_an_interrupt_lets_epochs_finish_and_leaves_no_process(tmp_path, cluster):
    cluster.add_node(num_cpus=1)
    runs = [make_run(seed, recipe={"epochs": 100, "seconds": 0.3}) for seed in range(4)]
    before = set(descendants(os.getpid()))

    def interrupt(event):
        if event.kind == "epoch":
            os.kill(os.getpid(), signal.SIGINT)
            raised.append(event)

    raised = []
    began = time.monotonic()
    with pytest.raises(Interrupted):
        on_ray(runs, Store(tmp_path), cluster, on_event=lambda event: None if raised else interrupt(event))
    assert time.monotonic() - began < 40
    assert any(folder.joinpath("epochs").exists() for folder in Store(tmp_path).unfinished.iterdir())
    deadline = time.monotonic() + 10
    while any("archlab.executors.server" in command(pid) for pid in set(descendants(os.getpid())) - before):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_second_interrupt_ends_everything_at_once(tmp_path, cluster):
    runs = [make_run(seed, recipe={"epochs": 2, "seconds": 60}) for seed in range(3)]

    def interrupt_twice(event):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    began = time.monotonic()
    with pytest.raises(Interrupted) as caught:
        on_ray(runs, Store(tmp_path), cluster, on_event=interrupt_twice)
    assert time.monotonic() - began < 40 and caught.value.outcome.failed == []


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def test_a_result_that_the_driver_sees_late_or_never_ends_no_study(tmp_path, monkeypatch):
    """As on a network file system, which remembers for a while what was not there."""
    from archlab.executors import on_ray as module

    monkeypatch.setattr(module, "ASK_EVERY", 0.0)
    store, run, looks = Store(tmp_path), make_run(), []
    monkeypatch.setattr(Store, "__contains__", lambda *_: bool(looks.append(1)) or len(looks) > 3)
    executor = object.__new__(module.RayExecutor)
    executor.store, executor.settings, executor.task = store, Settings(retries=0), TRAIN
    executor.stopping = executor.killed = False
    executor.ray = SimpleNamespace(get=lambda task: ("finished", {"seconds": 1.0}, None), exceptions=None)

    def end():
        executor.tasks = {"task": module._Job(run)}
        return executor._end("task")

    store.put(run, make_trained(run))
    event = end()
    assert (event.kind, event.stored["key"], len(looks)) == ("finished", run.key, 5)
    monkeypatch.setattr(module, "UNSEEN", 0.0)
    monkeypatch.setattr(Store, "__contains__", lambda *_: False)
    event = end()
    assert event.kind == "failed" and event.detail["passing"] and str(tmp_path) in event.detail["cause"]
