"""What came of `tests.comparisons.picks`, in points of test accuracy: `python -m tests.comparisons.picks_table OUT.jsonl`."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import click
import numpy as np
import pandas as pd
from scipy.stats import t

from tests.comparisons.picks import PICK

OTHERS = ("mobilenetv2", "any reference", "best of eleven")  # the last in eleven times the time


@click.command()
@click.argument("out", type=click.Path(path_type=Path, exists=True))
def main(out: Path) -> None:
    """A line a folder: means over repetitions, and how far `pick` is above each other way, with its 95 % interval."""
    rows = pd.DataFrame(map(json.loads, out.read_text().splitlines()))
    whole = compared(rows)
    if whole.empty:
        raise click.ClickException("no pick beside eleven references yet")
    for (within, of_references), found in whole.groupby(["within", "of_references"]):
        click.echo(f"pick in {within}, the references in {of_references} each")
        for folder, of_folder in found.groupby("folder"):
            _print(str(folder), of_folder)
        means = found.groupby("folder").mean(numeric_only=True)
        _print(f"{len(means)} folders", means)


def compared(rows: pd.DataFrame) -> pd.DataFrame:
    """A row a pick, beside what its machine has trained on the folder for this repetition: points of test accuracy of it and of
    each of OTHERS, in the same time but for the best of eleven; NaN where they were not trained for that."""
    found = []
    for (folder, repeat, _), each in rows.groupby(["folder", "repeat", "hardware"]):
        references = each[each.way != PICK].assign(points=100 * each.value).set_index("way")
        whole = [(within, eleven) for within, eleven in references.groupby("within") if len(eleven) == 11]
        for (of_references, eleven), picked in itertools.product(whole, each[each.way == PICK].itertuples()):
            beside = references[references.within == picked.within].points
            others = (beside.get("mobilenetv2", math.nan), beside.mean() if len(beside) == 11 else math.nan)
            best = eleven.points[eleven.validation.idxmax()]
            times = {"within": picked.within, "of_references": of_references}
            held = dict(zip(OTHERS, (*others, best), strict=True))
            found.append({"folder": folder, "repeat": repeat, **times, PICK: 100 * picked.value, **held})
    return pd.DataFrame(found)


def above(differences: np.ndarray) -> tuple[float, float]:
    """Mean and half the width of its 95 % interval (Student's t)."""
    count = len(differences)
    error = differences.std(ddof=1) / math.sqrt(count) if count > 1 else math.inf
    return float(differences.mean()), float(t.ppf(0.975, max(count - 1, 1)) * error)


def _print(name: str, rows: pd.DataFrame) -> None:
    words = [f"{name:12} n = {len(rows)}  pick {rows[PICK].mean():.1f}"]
    for other in rows[[*OTHERS]].dropna(axis="columns"):
        mean, half = above((rows[PICK] - rows[other]).to_numpy())
        words.append(f"{other} {rows[other].mean():.1f}, pick {mean:+.1f} ± {half:.1f}")
    click.echo("; ".join(words))


if __name__ == "__main__":
    main()
