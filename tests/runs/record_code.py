"""Digests of the code that decides runs, as last recorded: of the loop, and of each block and each part of blocks.

A digest that changes makes stored runs strangers. `python -m tests.runs.record_code` says that this is meant.
"""

from __future__ import annotations

import json
from pathlib import Path

from archlab.runs.code import LOOP, sources

RECORDED = Path(__file__).with_name("recorded_code.json")


def digests() -> dict[str, str]:
    found = sources()
    loop = found.made_of(LOOP)
    named = {"loop": found.digest(loop)}
    for registry, entries in found.registered.items():
        for name, place in entries.items():
            named[f"{registry.lower()}/{name}"] = found.digest(found.made_of([place]) - loop)
    return dict(sorted(named.items()))


def recorded() -> dict[str, str]:
    return json.loads(RECORDED.read_text())


def differences(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """Names of what has changed or is gone. What is new makes no stored run a stranger, but is recorded too."""
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))


if __name__ == "__main__":
    RECORDED.write_text(json.dumps(digests(), indent=1) + "\n")
