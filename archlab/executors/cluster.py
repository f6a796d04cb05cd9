"""Joining a Ray cluster, or starting one on this machine: within a limit, and in words where it fails."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any

from archlab.executors.settings import Settings, check_address, import_ray
from archlab.foundation import UserError

_log = logging.getLogger("archlab")

LIMIT = 20.0  # seconds that a cluster has to answer, and again that it has to take this process in
_HEALTH = [sys.executable, "-P", "-m", "ray.scripts.scripts", "health-check"]


def connect(settings: Settings) -> bool:
    """Connects this process to the cluster of the settings; False where it was connected already. Raises UserError."""
    ray = import_ray()
    if ray.is_initialized():
        return False
    address = address_of(settings)
    if address:
        check_cluster(address)
    given: dict[str, Any] = {"address": address}
    if not address:  # a dashboard would run what anybody on this machine asks it to
        given = {"num_cpus": settings.at_once, "include_dashboard": False}
    deadline = time.monotonic() + LIMIT
    while True:
        try:
            ray.init(**given, log_to_driver=False, logging_level=logging.ERROR)
            return True
        except Exception as error:
            if not address or time.monotonic() > deadline:
                reason = str(error).strip().partition("\n")[0] or type(error).__name__
                raise UserError(f"{_called(address)} cannot be used: {reason}") from None
            time.sleep(1)  # a node that has just been lost may be the one that it tried


@contextmanager
def connected(settings: Settings) -> Iterator[None]:
    """Within it, executors that follow one another have one connection to a Ray cluster, where the settings ask for one."""
    connected_here = settings.executor == "ray" and connect(settings)
    try:
        yield
    finally:
        if connected_here:
            import_ray().shutdown()


def with_room(settings: Settings) -> Settings:
    """The settings with as many workers as the cluster of the settings has room for runs; as they are where there is none to
    join, or workers are given. Raises UserError."""
    if settings.executor != "ray" or settings.workers or not address_of(settings):
        return settings
    with connected(settings):
        room = import_ray().cluster_resources()
    runs = room.get("CPU", 0)
    if settings.gpus:
        runs = min(runs, settings.on_gpus(room.get("GPU", 0)))
    return replace(settings, workers=max(int(runs), 1))


def tell_of_no_room(settings: Settings) -> None:
    """Warns where no node of the cluster has what a run needs: Ray waits without a word for one that may join."""
    nodes = [node["Resources"] for node in import_ray().nodes() if node["Alive"]]
    if not any(node.get("CPU", 0) >= 1 and node.get("GPU", 0) >= settings.gpus for node in nodes):
        asked = f"1 core, {settings.gpus:g} GPU"
        _log.warning("warning: no node of the Ray cluster has room for a run (%s): runs wait for one that joins", asked)


def address_of(settings: Settings) -> str | None:
    """The cluster that is to be joined; None for one of this machine alone. Raises UserError where it is no address."""
    if settings.address is None and (named := os.environ.get("RAY_ADDRESS")):
        check_address(named)
        return named
    return settings.address


@cache
def check_cluster(address: str) -> None:
    """Raises UserError where nobody answers. Ray itself waits for minutes, so a process of its own asks, which can be ended."""
    if address != "auto":
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=LIMIT).close()
        except (OSError, UnicodeError) as error:  # the latter of what can be no host's name
            reason = getattr(error, "strerror", None) or error
            raise UserError(f"{_called(address)} does not answer: {reason}") from None
    named = [] if address == "auto" else ["--address", address]
    try:
        asked = subprocess.run([*_HEALTH, *named], timeout=LIMIT, stdin=subprocess.DEVNULL, capture_output=True)
    except subprocess.TimeoutExpired:
        asked = None
    if asked is None or asked.returncode:
        raise UserError(f"{_called(address)} does not answer")


def _called(address: str | None) -> str:
    if address is None:
        return "Ray on this machine"
    return "a Ray cluster that this machine belongs to" if address == "auto" else f"the Ray cluster at {address}"
