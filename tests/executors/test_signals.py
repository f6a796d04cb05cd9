"""Signals that are handled otherwise for a while."""

from __future__ import annotations

import os
import signal

import pytest

from archlab.executors.signals import handling


@pytest.fixture
def hang_up():
    """Sends this process what a terminal sends that is closed, which ends it where nobody handles that."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield lambda: os.kill(os.getpid(), signal.SIGHUP)
    signal.signal(signal.SIGHUP, before)


def test_a_closed_terminal_terminates_once_however_often_it_is_told(hang_up):
    heard = []
    with handling((signal.SIGTERM,), lambda *_: heard.append("outer")):
        with handling((signal.SIGINT, signal.SIGTERM), lambda number, _: heard.append(number)):
            hang_up()
            hang_up()
        hang_up()
    assert heard == [signal.SIGTERM]
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


def test_what_nohup_ignores_stays_ignored(hang_up):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    heard = []
    with handling((signal.SIGTERM,), lambda number, _: heard.append(number)):
        hang_up()
    assert heard == [] and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
