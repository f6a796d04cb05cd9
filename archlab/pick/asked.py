"""`archlab.pick`, what the command and programs ask for a pick with."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from archlab.budget import parse_budget
from archlab.executors import Settings
from archlab.foundation import home
from archlab.foundation.plain import plain
from archlab.foundation.words import seconds_in
from archlab.pick.photographs import Source
from archlab.pick.picking import Picked
from archlab.pick.picking import pick as _pick
from archlab.pick.request import Request
from archlab.pick.shown import Shown
from archlab.runs import Store


def pick(
    folder: str | Path | None = None,
    *,
    csv: str | Path | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
    group_column: str | None = None,
    split_column: str | None = None,
    series: bool = False,
    within: str | float = "1h",
    budget: str | int | dict[str, Any] = "2.5M",
    metric: str = "accuracy",
    int8: bool = False,
    flip: bool = True,
    seed: int = 0,
    output: str | Path | None = None,
    store: str | Path | None = None,
    settings: Settings | None = None,
    shown: Shown | None = None,
    command: str | None = None,
    began: float | None = None,
) -> Picked:
    """What `archlab pick` does: picks a network for a folder of images, trains it, and leaves it as a file to ship.

    The same call goes on where it was interrupted, and trains nothing again.

    Args:
        folder: With a folder of images for each class, or train/ and test/ with these; or where the images of `csv` are.
        csv: A table with a row an image; the columns are `image` and `label` where nothing else is said.
        series: Whether images in one folder within a class, or whose names differ by their last number alone, stay together.
        within: `"90s"`, `"1h30m"` or seconds, 60 at least.
        budget: Parameters, or limits as a study writes them: `{"params": "2.5M", "peak_memory": "256K", "latency": "5ms"}`.
        metric: What all is chosen by, on validation images: one of `archlab.foundation.metric.METRICS_TO_CHOOSE_BY`.
        int8: Whether the int8 file is written even where it loses accuracy.
        flip: Whether a mirror image is an example of the same class.
        seed: Another one repeats all of it.
        output: The folder that is written; None: FOLDER-picked.
        store, settings: As for `archlab.ablate`.
        shown: Hears how it goes, as `archlab.ShownPick()` does, which shows it; None: nobody does.
        command: That asks for it, as the card tells it.
        began: When the time began, by `time.monotonic`; None: now.

    Returns:
        A `Picked`: `.document` is what the command prints with `--json`, `.output` the folder.

    Raises:
        UserError: Something is wrong with what is asked for, or the time allows nothing.
        Interrupted: After Ctrl-C before anything was trained.
    """
    source = Source(
        folder=_path(folder),
        csv=_path(csv),
        image_column=image_column,
        label_column=label_column,
        group_column=group_column,
        split_column=split_column,
        series=series,
    )
    request = Request(
        source=source,
        budget=parse_budget(plain(budget)),
        within=seconds_in(within),
        output=_path(output) or default_output(source),
        int8=int8,
        flip=flip,
        seed=plain(seed),
        metric=metric,
        command=command or "archlab.pick",
        began=time.monotonic() if began is None else began,
    )
    return _pick(request, Store(home(store)), settings, shown)


def default_output(source: Source) -> Path:
    """`photos-picked`, after the folder or else the table; in the working directory, or beside the images where that is among
    them."""
    given = source.folder or source.csv
    assert given
    place = given.resolve() if source.folder else given.parent.resolve() / given.stem
    name = f"{place.name or 'images'}-picked"
    return place.parent / name if Path.cwd().is_relative_to(place) else Path(name)


def _path(given: str | Path | None) -> Path | None:
    return None if given is None else Path(given)
