"""The folder that a pick leaves: whole, or not there."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from archlab.architecture.own_blocks import own_blocks_alone
from archlab.budget import count
from archlab.deploy.finding import WINNER, WINNERS_RUNS
from archlab.deploy.loading import LoadedNetwork
from archlab.deploy.winner import save_winner
from archlab.foundation import UserError, real, replace_folder
from archlab.foundation.files import clear_abandoned, naming, scratch
from archlab.foundation.json_files import read_json
from archlab.foundation.metric import Metric
from archlab.pick.card import card_html, card_markdown
from archlab.pick.photographs import Source
from archlab.pick.shipped import INT8_MODEL, MODEL, ship
from archlab.runs import Run, Store
from archlab.runs.stored import read_model

PICK, CARD, PAGE, PREDICT, RECIPE = "pick.json", "card.md", "card.html", "predict.py", "recipe.yaml"
WRITTEN = {PICK, CARD, PAGE, PREDICT, RECIPE, MODEL, INT8_MODEL, WINNER, WINNERS_RUNS}
"""What may be in such a folder."""
OF_DESKTOPS = (".DS_Store", "Thumbs.db", "desktop.ini")  # which these put into any folder, and which nobody misses
LONGEST_NAME = 255  # bytes, on nearly all file systems


def check_folder(folder: Path, source: Source | None = None) -> None:
    """Raises UserError where `write_folder` would put its folder in the place of anything but one like it, or cannot write.

    Args:
        source: What is picked for: where the folder is the pick of another that is still there, that is no less an error.
    """
    folder = real(folder)
    if os.path.lexists(folder):
        _check_replaceable(folder)
        if source and (before := _source_before(folder)) and _is_other(before, source):
            raise UserError(f"is the pick of {before}: name another --output", where=str(folder))
    if len(os.fsencode(scratch(folder).name)) > LONGEST_NAME:
        raise UserError("its name is too long: name another --output", where=str(folder))
    above = folder.parent
    while not above.exists():
        above = above.parent
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise UserError("no folder can be made here", where=str(above))


def _check_replaceable(folder: Path) -> None:
    if not folder.is_dir():
        raise UserError("is a file: name a folder", where=str(folder))
    if os.path.ismount(folder):
        raise UserError(
            f"is a mount point, which nothing can take the place of: say {folder / 'picked'}", where=str(folder)
        )
    inside = sorted(each.name for each in folder.iterdir() if each.name not in OF_DESKTOPS)
    if not inside:
        return
    if not pick_in(folder):
        raise UserError("is a folder that `archlab pick` has not written: name another", where=str(folder))
    if others := [name for name in inside if name not in WRITTEN]:
        raise UserError(f"holds {others[0]!r}, which is none of a pick's files: move it away first", where=str(folder))


def _source_before(folder: Path) -> str | None:
    """Where the images of the pick in a folder were, if there is one that says so."""
    data = (pick_in(folder) or {}).get("data")
    before = data.get("source") if isinstance(data, dict) else None
    return before if isinstance(before, str) else None


def _is_other(before: str, source: Source) -> bool:
    """Whether the images were others, which are still there."""
    try:
        return not any(place.samefile(before) for place in (source.folder, source.csv) if place)
    except (OSError, ValueError):  # one is gone, or no path
        return False


def pick_in(folder: Path) -> dict[str, Any] | None:
    """The document of the pick that has written the folder; None where none has."""
    try:
        document = read_json(folder / PICK)
    except (FileNotFoundError, UserError):
        return None
    if isinstance(document, dict) and {"version", "archlab", "command", "training", "files"} <= document.keys():
        return document
    return None


def write_folder(
    network: LoadedNetwork,
    document: dict[str, Any],
    folder: Path,
    *,
    int8: bool,
    seconds: float = math.inf,
    note: Callable[[str], object] = lambda words: None,
) -> dict[str, Any]:
    """Leaves `folder`, with all that WRITTEN names, in the place of one that a pick has written.

    The network, which is on the CPU, is exported; its files are tested once, on all test images (`archlab.pick.shipped.ship`).

    Args:
        document: What is known of the pick beside that, as plain JSON values.
        int8: Whether the int8 file is wanted even where it does not hold.
        seconds: As `archlab.pick.shipped.ship` has them.
        note: Hears what is being done.

    Returns:
        The document with `test`, `files`, `int8` and `cost` (params and macs, as trained and as deployed; peak_memory and
        flash in bytes at 8 bits a value), as pick.json holds it.

    Raises:
        UserError: As `check_folder` and `archlab.pick.shipped.ship` do.
    """
    check_folder(folder)
    folder = real(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    clear_abandoned(folder)
    part = scratch(folder)
    part.mkdir()
    try:
        metric, largest = Metric.from_document(document["metric"]), document["data"]["largest"]["class"]
        with naming(folder):
            complete = {**document, **ship(network, part, metric, largest, int8=int8, seconds=seconds, note=note)}
            with own_blocks_alone(_own_blocks(network)):
                complete["cost"] = _cost(network)
                _write_winner(network, part)
            _write_texts(complete, network, part)
            replace_folder(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return complete


def _own_blocks(network: LoadedNetwork) -> dict[str, str]:
    """Texts of the files of own blocks that the run carries, by name."""
    return (read_model(Path(network.origin["folder"])) or {}).get("own_blocks", {})


def _cost(network: LoadedNetwork) -> dict[str, Any]:
    cost = count(network.architecture, network.run.input, network.run.width)
    names = ("params", "params_deployed", "macs", "macs_deployed", "peak_memory", "flash")
    return {name: getattr(cost, name) for name in names}


def _write_winner(network: LoadedNetwork, part: Path) -> None:
    """The architecture at the width of the run, and the run as it is stored beside it, so that archlab loads it, or trains it
    again."""
    run = network.run
    comment = f"archlab train {WINNER} --dataset {run.dataset} --recipe {RECIPE} --seed {run.seed}"
    store = Store(network.home or part)
    runs = [Run.from_document(stored["run"])] if (stored := store.get(run.key)) else []
    save_winner(part, network.architecture, comment, runs, store, width=run.width, class_names=network.class_names)
    (part / f".{WINNERS_RUNS}.lock").unlink(missing_ok=True)


def _write_texts(document: dict[str, Any], network: LoadedNetwork, part: Path) -> None:
    recipe = {"name": "recipe", **network.run.recipe}
    texts = {
        PICK: json.dumps(document, indent=1) + "\n",
        CARD: card_markdown(document),
        PAGE: card_html(document),
        PREDICT: Path(__file__).with_name("predict_file.py").read_text(encoding="utf-8"),
        RECIPE: yaml.safe_dump(recipe, sort_keys=False, default_flow_style=None, width=1000),
    }
    for name, text in texts.items():
        (part / name).write_text(text, encoding="utf-8")
