"""What came of `tests.comparisons.picks`, in points of test accuracy: `python -m tests.comparisons.picks_table OUT.jsonl`."""

from __future__ import annotations

import json
import math
from pathlib import Path

import click
import numpy as np
import pandas as pd
from scipy.stats import t

from tests.comparisons.picks import PICK

OTHERS = {"mobilenetv2": "for as long", "any reference": "for as long", "best of eleven": "for eleven times as long"}


@click.command()
@click.argument("out", type=click.Path(path_type=Path, exists=True))
def main(out: Path) -> None:
    """A line a folder: means over repetitions, and how far `pick` is above each other way, with its 95 % interval."""
    found = compared(pd.DataFrame(map(json.loads, out.read_text().splitlines())))
    for folder, of_folder in found.groupby("folder"):
        _print(str(folder), of_folder)
    means = found.groupby("folder").mean(numeric_only=True)
    _print(f"{len(means)} folders", means)


def compared(rows: pd.DataFrame) -> pd.DataFrame:
    """A row a folder and repetition that one machine has completed: points of test accuracy of pick and of each of OTHERS."""
    found = []
    for (folder, repeat, _), each in rows.groupby(["folder", "repeat", "hardware"]):
        points = 100 * each.set_index("way").value
        references = each[each.way != PICK].set_index("way")
        if PICK not in points or len(references) < 11:
            continue
        best = references.validation.idxmax()
        found.append(
            {
                "folder": folder,
                "repeat": repeat,
                PICK: points[PICK],
                "mobilenetv2": points["mobilenetv2"],
                "any reference": points[references.index].mean(),
                "best of eleven": points[best],
            }
        )
    return pd.DataFrame(found)


def above(differences: np.ndarray) -> tuple[float, float]:
    """Mean and half the width of its 95 % interval (Student's t)."""
    count = len(differences)
    error = differences.std(ddof=1) / math.sqrt(count) if count > 1 else math.inf
    return float(differences.mean()), float(t.ppf(0.975, max(count - 1, 1)) * error)


def _print(name: str, rows: pd.DataFrame) -> None:
    words = [f"{name:12} n = {len(rows)}  pick {rows[PICK].mean():.1f}"]
    for other, how_long in OTHERS.items():
        mean, half = above((rows[PICK] - rows[other]).to_numpy())
        words.append(f"{other} {how_long} {rows[other].mean():.1f}, pick {mean:+.1f} ± {half:.1f}")
    click.echo("; ".join(words))


if __name__ == "__main__":
    main()
