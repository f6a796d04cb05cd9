"""The files of a finished study: where they are, what they hold, and how they are made anew."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from shlex import quote
from typing import Any

import pandas as pd

from archlab.foundation import UserError, is_file, read_file, with_store
from archlab.foundation.json_files import read_json
from archlab.foundation.metric import RENAMED
from archlab.foundation.words import counted
from archlab.scoring import Rounds
from archlab.scoring.spreadsheets import from_csv
from archlab.study.rounds import ENDS, seeds_in_order
from archlab.study.search_settings import search_name

FILES = ("study.json", "ablation.json", "results.csv")
SEARCH = "search.json"  # beside them where a search ended so


def finished_studies(home: Path) -> list[str]:
    """Their names, in order."""
    return sorted(path.parent.name for path in (home / "studies").glob(f"*/{FILES[0]}"))


def folder_of(source: str, home: Path) -> Path | None:
    """Where the files of a finished study are, or of the search that has gone over it; None of what is neither."""
    folders = home / "studies" / source, home / "studies" / search_name(source), Path(source)
    return next((folder for folder in folders if is_file(folder / FILES[0])), None)


def read_files(folder: Path) -> tuple[dict[str, Any], dict[str, Any], pd.DataFrame]:
    """The settled study, what was found, and the tidy table. Raises UserError."""
    try:
        study, found = (read_json(folder / name) for name in FILES[:2])
        table = pd.read_csv(
            BytesIO(read_file(folder / FILES[2])), keep_default_na=False, dtype={"model": str, "dataset": str}
        )
        table[["model", "dataset"]] = table[["model", "dataset"]].map(from_csv)
        table["metric"] = table["metric"].replace(RENAMED)
    except (OSError, ValueError) as error:
        raise UserError(f"is no finished study ({error})", where=str(folder)) from None
    return study, found, table


def keys_of_study(source: str, home: Path) -> set[str]:
    """Keys of the runs that a finished study rests on. Raises UserError where there is none, or its files are damaged."""
    folder = folder_of(source, home)
    if folder is None:
        raise UserError(f"there is no finished study {source!r}", name=source, known=finished_studies(home))
    try:
        return {cell["key"] for cell in read_files(folder)[1]["cells"]}
    except (KeyError, TypeError):
        said = f"no results of a study can be read there: {how_to_make_anew(folder, home)}"
        raise UserError(said, where=str(folder)) from None


def read_optional(path: Path) -> Any:
    """What a file holds that need not be there; None without it. Raises UserError."""
    try:
        return read_json(path)
    except FileNotFoundError:
        return None


def rounds_of(study: dict[str, Any], found: dict[str, Any]) -> Rounds | None:
    """When a study was looked at that went on until it was decided; None of another."""
    datasets = [*study["datasets"], *study.get("unseen", [])]
    looks = [
        each.get("seeds_by_dataset") or dict.fromkeys(datasets, each["seeds"])  # of a study that is older than these
        for each in found.get("rounds", [])
    ]
    return Rounds(seeds_in_order(study["seeds"], study["most_seeds"]), looks, study["most_seeds"]) if looks else None


def course_of(found: dict[str, Any]) -> str:
    """How a study went that went on until it was decided, in a sentence; empty for another."""
    if not (rounds := found.get("rounds")):
        return ""
    runs, most = sum(each["runs"] for each in rounds), max(each["seeds"] for each in rounds)
    equal = most * len({(each["model"], each["dataset"]) for each in found["cells"]})
    spent = f"{counted(runs, 'run')} in {counted(len(rounds), 'round')} of seeds"
    ended = f"({most} seeds of every cell would be {equal:,}); it ended since {ENDS[found['ended']]}"
    return f"{spent} {ended}. Intervals and verdicts allow for the look after each round."


def own_scores_of(study: dict[str, Any], found: dict[str, Any]) -> dict[str, pd.Series]:
    """By name, the scores of the user's own by model."""
    names = [reference.rpartition(":")[2] for reference in study.get("own_scores", [])]
    return {name: pd.Series({row["model"]: row[name] for row in found["scores"]}, dtype=float) for name in names}


def how_to_make_anew(folder: Path, home: Path) -> str:
    kind = "search" if (folder / SEARCH).exists() else "ablate"
    try:
        study = read_json(folder / FILES[0])
        name, spec = study["name"], study["path"] or folder.name
    except (OSError, UserError, KeyError, TypeError):
        name = spec = folder.name
    options = ", with the options that it had," if "+" in str(name) else ""
    command = with_store(f"archlab {kind} --spec {quote(str(spec))}", home)
    return f"`{command}`{options} makes it anew, of the runs that are stored"
