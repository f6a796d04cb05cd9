"""Ray's clusters as they are named: what is no address, who does not answer, and on what a node computes."""

import socket
import sys
import time

import pytest
from standin import compute, make_run

from archlab.executors import Settings
from archlab.executors import cluster as joining
from archlab.foundation import UserError
from archlab.runs import Store

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("ray://head:10001", "ray://head:10001 is for Ray's client"),
        ("nonsense", "the address of a Ray cluster is `auto` or HOST:PORT, not 'nonsense'"),
        ("head:99999", "`auto` or HOST:PORT"),
        ("http://head:6379", "`auto` or HOST:PORT"),
        ("", "`auto` or HOST:PORT"),
    ],
)
def test_what_is_no_address_is_refused_at_once(address, words):
    pytest.importorskip("ray")
    with pytest.raises(UserError) as refused:
        Settings(executor="ray", address=address)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("device", "gpus", "there"),
    [("auto", 0.0, "cpu"), ("auto", 0.5, "auto"), ("cuda", 0.0, "cuda"), ("cpu", 1.0, "cpu")],
)
def test_a_node_computes_on_its_cpu_where_ray_gives_a_run_no_gpu(device, gpus, there):
    pytest.importorskip("ray")
    from archlab.executors.on_ray import of_node

    given = of_node(Settings(executor="ray", address="auto", gpus=gpus, device=device, retries=3, time_limit=9))
    assert given == Settings(workers=1, retries=0, time_limit=9, device=there)


@pytest.mark.parametrize("listening", [False, True])
def test_an_address_where_no_cluster_answers_ends_in_words(tmp_path, monkeypatch, listening):
    pytest.importorskip("ray")
    monkeypatch.setattr(joining, "LIMIT", 4.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if not listening:
            server.close()
        began = time.monotonic()
        with pytest.raises(UserError, match=f"the Ray cluster at 127.0.0.1:{port} does not answer"):
            compute([make_run()], Store(tmp_path), executor="ray", address=f"127.0.0.1:{port}")
        assert time.monotonic() - began < 10


def test_without_ray_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"pip install 'archlab\[ray\]'"):
        Settings(executor="ray")


def test_a_host_that_can_have_no_such_name_does_not_answer():
    with pytest.raises(UserError, match=r"the Ray cluster at head\.\.local:6379 does not answer: "):
        joining.check_cluster("head..local:6379")
