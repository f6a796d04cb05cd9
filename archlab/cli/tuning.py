"""What tuning tries and what it has chosen, in words and as a table."""

from __future__ import annotations

from typing import Any

from archlab.cli.streams import echo
from archlab.cli.tables import print_table, rounded
from archlab.foundation.words import counted


def rungs_in_words(tune: dict[str, Any]) -> str:
    """Of the `tune` of a settled study: `4 of 10 steps, then 2 of 40, for each model and dataset`."""
    from archlab.study.tries import rungs

    found = rungs(len(tune["candidates"]), tune["steps"])
    seeds = f" with {counted(tune['seeds'], 'seed')}" if tune["seeds"] > 1 else ""
    told = ", then ".join(f"{rung.tries} of {counted(rung.steps, 'step')}" for rung in found)
    return f"{told}{seeds}, for each model and dataset"


def print_tuning(found: dict[str, Any] | None, metric: str) -> None:
    """What was chosen, and what it is worth beside the recipe's own, of a document's `tuning`; nothing without."""
    if found is None:
        return
    rungs = ", then ".join(f"{each['tries']} of {counted(each['steps'], 'step')}" for each in found["rungs"])
    echo(f"\nChosen by validation images, of {rungs} for each model and dataset:\n")
    rows = [
        [
            choice["model"],
            choice["dataset"],
            *(f"{choice['chosen'][key]:g}" for key in found["keys"]),
            rounded(choice["chosen_value"]),
            rounded(choice["own_value"]),
            ", ".join(f"{key} ({end})" for key, end in choice["at_edge"].items()),
        ]
        for choice in found["choices"]
    ]
    columns = ["model", "dataset", *found["keys"], f"validation {metric}", "as the recipe says"]
    columns += ["at the edge of the grid"] if any(row[-1] for row in rows) else []
    print_table(columns, [row[: len(columns)] for row in rows])
