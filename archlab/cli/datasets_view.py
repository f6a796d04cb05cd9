"""How datasets look on the terminal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from archlab.cli.streams import echo
from archlab.cli.tables import print_table
from archlab.data import Entry, Inspection, Overlap, Pair, Prepared
from archlab.data.entries import user_catalogue
from archlab.foundation import with_store
from archlab.foundation.escaping import printable

_SHOWN = 20  # pairs of each kind


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on standard error where that is a terminal, moved by calling with (what is done, done, in all)."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    tasks: dict[str, Any] = {}

    def move(step: str, done: int, total: int) -> None:
        if not tasks:
            bar.start()
        if step not in tasks:
            tasks[step] = bar.add_task(step, total=total)
        bar.update(tasks[step], completed=done, total=total)

    try:
        yield move
    finally:
        if tasks:
            bar.stop()


def print_entries(entries: dict[str, Entry], home: Path, as_json: bool) -> None:
    """The catalogue as a table, or as a list of objects."""
    rows: list[dict[str, Any]] = [
        {
            "name": entry.name,
            "title": entry.title,
            "domain": entry.domain,
            "classes": entry.classes,
            "images": entry.images,
            "resolution": entry.resolution,
            "licence": entry.licence,
            "citation": entry.citation,
            "homepage": entry.homepage,
            "sample": entry.sample,
            "prepared": resolutions(home / "datasets" / entry.name),
            "stores": stores(home / "datasets" / entry.name),
        }
        for entry in entries.values()
    ]
    if as_json:
        echo(json.dumps(rows, indent=2))
        return
    print_table(
        ("name", "domain", "classes", "images", "prepared", "licence", "title"),
        [
            (
                row["name"],
                row["domain"],
                row["classes"],
                sum(row["images"].values()) or None,
                ", ".join(row["stores"]) or ("on use" if row["sample"] else "no"),
                row["licence"],
                row["title"],
            )
            for row in rows
        ],
    )


def resolutions(folder: Path, fit: str | None = None) -> list[int]:
    """At which a dataset is prepared with a fit; None: the catalogue's."""
    prepared = [name.partition("-") for name in stores(folder)]
    return [int(pixels) for pixels, _, other in prepared if other == (fit or "")]


def stores(folder: Path) -> list[str]:
    """All that is prepared of a dataset: `32`, or `32-whole` with another fit than the catalogue's."""
    pixels = {path.parent.name: path.parent.name.partition("-")[0] for path in sorted(folder.glob("*/manifest.json"))}
    return sorted((name for name in pixels if pixels[name].isdigit()), key=lambda name: int(pixels[name]))


def print_prepared(prepared: Prepared) -> None:
    """What was prepared, in a few lines."""
    counts = ", ".join(f"{sum(prepared.counts(split)):,} {split}" for split in prepared.manifest["counts"])
    echo(f"{prepared.name}: {counts}; {prepared.num_classes} classes, {prepared.resolution} pixels")
    for note in prepared.notes:
        echo(printable(f"note: {note}"), err=True)
    echo(f"digest {prepared.digest}")


def print_inspection(prepared: Prepared, found: Inspection, as_json: bool) -> None:
    """Counts, leaks and contradictions."""
    if as_json:
        about = {"dataset": prepared.name, "resolution": prepared.resolution}
        echo(json.dumps({**about, **found.as_dict(), "remedy": _remedy(prepared, found)}, indent=2))
        return
    print_table(
        ("class", *found.counts),
        [
            *(
                (printable(name), *(n[label] for n in found.counts.values()))
                for label, name in enumerate(found.class_names)
            ),
            ("all", *(sum(counts) for counts in found.counts.values())),
        ],
    )
    _print_pairs("identical images in different parts", found.duplicates)
    _print_pairs("nearly identical images in different parts", found.near_duplicates)
    _print_pairs("identical images with different labels", found.conflicts)
    echo(f"groups with images in different parts: {found.split_groups}")
    echo(f"identical images within a part: {found.repeated}")
    echo("leaks: yes" if found.leaks else "leaks: none found")
    if remedy := _remedy(prepared, found):
        echo(remedy)


def print_overlap(prepared: Prepared, other: Prepared, found: Overlap, as_json: bool) -> None:
    """The images of a dataset's held-out parts that another dataset has."""
    if as_json:
        about = {"dataset": prepared.name, "against": other.name, "resolution": prepared.resolution}
        echo(json.dumps({**about, **found.as_dict()}, indent=2))
        return
    print_table(
        (f"in {other.name}", "images", "identical", "nearly identical"),
        [(split, count, *found.shared(split).values()) for split, count in found.counts.items()],
    )
    _print_pairs(f"identical images, {prepared.name} = {other.name}", found.identical)
    _print_pairs(f"nearly identical images, {prepared.name} = {other.name}", found.near_duplicates)
    echo(f"shared test images: {sum(found.shared('test').values()) or 'none found'}")


def _remedy(prepared: Prepared, found: Inspection) -> str | None:
    """What keeps images that are one on one side, where that is not done yet."""
    entry = prepared.entry
    wanted = "near" if found.near_duplicates else "identical" if found.duplicates else None
    if wanted is None or entry.together in (wanted, "near"):
        return None
    file = Path((entry.where or "").rpartition(":")[0])
    home, name, change = prepared.path.parents[2], entry.name, f"`together: {wanted}` in {file}"
    if file.parent != user_catalogue(home):
        name = f"{entry.name}-together"
        words = f"`name: {name}`, `like: {entry.name}` and `together: {wanted}`"
        change = f"{user_catalogue(home) / name}.yaml with {words}"
    command = with_store(f"archlab datasets prepare {name}", home)
    return f"remedy: {change} keeps them on one side; then: {command}"


def _print_pairs(heading: str, pairs: list[Pair]) -> None:
    echo(f"{heading}: {len(pairs)}")
    for pair in pairs[:_SHOWN]:
        one, other = (
            f"{split} {name} ({label})" for split, name, label in zip(pair.splits, pair.names, pair.labels, strict=True)
        )
        echo(printable(f"  {one} = {other}"))
    if len(pairs) > _SHOWN:
        echo(f"  and {len(pairs) - _SHOWN} more (--json lists them all)")
