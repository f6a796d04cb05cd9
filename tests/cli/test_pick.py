"""The exit codes of `archlab pick`, from what came of it."""

import time
from pathlib import Path
from types import SimpleNamespace

import pytest

import archlab
from archlab.pick import asked

LOST = {"model": "starnet", "cause": "out of memory"}


@pytest.mark.parametrize(
    "ended, failed, code",
    [
        ("finished", [], 0),
        ("finished", [LOST], 1),
        ("failed", [], 1),
        ("failed", [LOST], 1),
        ("interrupted", [LOST], 130),
    ],
)
def test_the_exit_code_tells_how_it_ended(command, monkeypatch, ended, failed, code):
    document = {"ended": ended, "failed": failed}
    monkeypatch.setattr(asked, "pick", lambda *_, **__: SimpleNamespace(document=document, output=Path("picked")))
    found, _, err = command("pick", "photos", "--json")
    assert found == code
    assert ("failed: starnet: out of memory" in err) == bool(failed)


def test_the_time_is_counted_from_the_call(command, monkeypatch):
    heard, document = [], {"ended": "finished", "failed": []}

    def pick(*_, began, **__):
        heard.append(began)
        return SimpleNamespace(document=document, output=Path("picked"))

    monkeypatch.setattr(asked, "pick", pick)
    before = time.monotonic()
    command("pick", "photos", "--json")
    archlab.pick("photos")
    assert before <= heard[0] <= heard[1] <= time.monotonic()
