"""What libraries say in worker processes does not reach the terminal."""

from __future__ import annotations

from archlab.executors.forks import Forks


def test_warnings_of_libraries_in_workers_are_not_shown(capfd):
    forks, told = Forks([]), []
    try:
        forks.start("one", "loud:run", {}, None)
        while not any("ended" in message for message in told):
            told += forks.messages(5.0)
    finally:
        forks.close()
    assert any(message.get("value") == {"done": True} for message in told), told
    assert capfd.readouterr().err == ""
