"""`archlab datasets`: list, prepare, add, remove, check and show datasets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from archlab.cli.completion import DATASET
from archlab.cli.groups import Group
from archlab.cli.options import JSON, PATH, SERIES, STORE, place_to_read
from archlab.cli.streams import echo
from archlab.foundation import UserError, home, home_to_read, read_yaml_text, with_store
from archlab.foundation.machine import core_count

if TYPE_CHECKING:
    from archlab.data import Prepared
    from archlab.data.entries import Fit

_FIT = click.option(
    "--fit",
    type=click.Choice(["crop", "stretch", "whole"]),
    help="How images become square; whole: stretched, with their shape kept for crops.  [default: crop, or the catalogue's]",
)
_QUICK = 32  # pixels that the recipe `quick` trains at
_RESOLUTION = click.option("--resolution", type=click.IntRange(1, 4096), help="Pixels.  [default: the catalogue's]")


@click.group(cls=Group)
def datasets() -> None:
    """List, prepare, add, remove, check and show datasets."""


@datasets.command("list")
@STORE
@JSON
def list_datasets(store: str | None, as_json: bool) -> None:
    """Every dataset of the catalogue, and at which resolutions it is prepared."""
    from archlab.cli.datasets_view import print_entries
    from archlab.data import catalogue

    root = place_to_read(store)
    print_entries(catalogue(root), root, as_json)


@datasets.command()
@click.argument("name", shell_complete=DATASET)
@click.option("--from", "source", type=PATH, help="Archives, or the folder that they unpack to.")
@_RESOLUTION
@_FIT
@click.option("--workers", type=click.IntRange(1), help="Processes that decode.  [default: one a core]")
@click.option("--on-unreadable", type=click.Choice(["stop", "skip"]), default="stop", show_default=True)
@STORE
def prepare(
    name: str,
    source: Path | None,
    resolution: int | None,
    fit: Fit | None,
    workers: int | None,
    on_unreadable: Literal["stop", "skip"],
    store: str | None,
) -> None:
    """Decode and resize the images of NAME once. Interrupted, the same command continues.

    Without --from, the archives of a built-in dataset are downloaded, where their owners still offer them.
    """
    from archlab.cli.datasets_view import print_prepared, progress_bar
    from archlab.data import prepare as prepare_dataset

    with progress_bar() as progress:
        prepared = prepare_dataset(
            name,
            home(store),
            source=source,
            resolution=resolution,
            fit=fit,
            workers=workers or core_count(),
            on_unreadable=on_unreadable,
            progress=progress,
        )
    print_prepared(prepared)


@datasets.command()
@click.argument("name")
@click.option("--folder", type=PATH, help="train/ and test/ [val/], or one folder a class.")
@click.option(
    "--csv",
    "table",
    type=PATH,
    help="A table with a row an image; beside --folder: of its flat part.",
)
@click.option("--parquet", type=PATH, help="A Parquet file, or a folder of them.")
@click.option("--reader", help="A function of your own that reads them: FILE.py:NAME.")
@click.option("--option", "options", multiple=True, metavar="KEY=VALUE", help="Of the reader; may be repeated.")
@click.option("--image-column", help="The image, its file or its id.  [default: image; file_name in metadata.csv]")
@click.option("--label-column", help="The class.  [default: label]")
@click.option("--group-column", help="What must stay together: a patient, a place.")
@click.option("--split-column", help="train, validation or test.")
@SERIES
@click.option("--image-folder", type=PATH, help="Where the images of the CSV are.")
@_RESOLUTION
@click.option("--title")
@click.option("--domain")
@click.option("--licence")
@click.option("--citation")
@click.option("--no-flip", is_flag=True, help="A mirror image is not an example of the same class.")
@_FIT
@click.option(
    "--white", type=click.IntRange(1), help="The value of white in 16-bit images.  [default: that of the bits in use]"
)
@click.option(
    "--test", type=click.FloatRange(0, 1, min_open=True, max_open=True), help="Share, where there is no test part."
)
@click.option("--seed", type=int, help="Of the splits.  [default: 0]")
@click.option(
    "--together", type=click.Choice(["identical", "near"]), help="Such images stay on one side of the splits."
)
@click.option("--replace", is_flag=True, help="Write an entry of one's own anew.")
@STORE
def add(name: str, store: str | None, replace: bool, **given: Any) -> None:
    """Describe a dataset of your own in the catalogue, as NAME."""
    from archlab.data.depth import WHITES
    from archlab.data.own import add_dataset, summary

    reader, options = _source(given)
    about = {key: given[key] for key in _ABOUT if given[key] is not None}
    if given["no_flip"]:
        about["flip"] = False
    root = home(store)
    described, listing, splits = add_dataset(name, root, reader, options, about, replace=replace)
    for line in summary(listing, splits):
        echo(line)
    if given["white"] is None and described.white in WHITES:
        echo(
            f"16-bit images with values up to {described.white:,}: that is taken for white (--white says another value)"
        )
    echo(f"{described.resolution} pixels; described in {(described.where or '').rpartition(':')[0]}")
    command = with_store(f"archlab datasets prepare {name}", root)
    if described.resolution > _QUICK:
        command += f" --resolution {_QUICK}    (for the recipe `quick`; without it at {described.resolution} pixels)"
    echo(f"next: {command}")


_ABOUT = ("resolution", "title", "domain", "licence", "citation", "fit", "white", "test", "seed", "together")


def _source(given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The reader and its options."""
    from archlab.data.given import source_given
    from archlab.data.reading import own_source

    sources = {"reader": given["reader"], "folder": given["folder"], "csv": given["table"], "parquet": given["parquet"]}
    named = [reader for reader, path in sources.items() if path is not None]
    if len(named) != 1 and named != ["folder", "csv"]:
        raise UserError(
            "say where the images are: one of --folder, --csv, --parquet and --reader, or --folder and --csv"
        )
    if given["image_folder"] and not given["table"]:
        raise UserError("--image-folder goes with --csv")
    if given["options"] and not given["reader"]:
        raise UserError("--option is for a --reader of your own")
    columns = {key: given[f"{key}_column"] for key in ("image", "label", "group", "split")}
    if given["reader"] and given["series"]:
        raise UserError("--series is for folders of classes: a --reader of your own gives groups")
    if given["reader"] and any(columns.values()):
        raise UserError("columns are those of a table: what a --reader of your own needs is given by --option")
    if given["reader"]:
        return own_source(given["reader"], dict(_option(text) for text in given["options"]))
    places = {name: sources[name] for name in named}
    return source_given(places, columns, given["image_folder"], series=given["series"])


def _option(text: str) -> tuple[str, Any]:
    """KEY=VALUE, the value as in YAML."""
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise UserError(f"--option is written KEY=VALUE, not {text!r}")
    return key, read_yaml_text(f"value: {value}", source=f"--option {key}")["value"]


@datasets.command()
@click.argument("name", shell_complete=DATASET)
@STORE
def remove(name: str, store: str | None) -> None:
    """Remove what is prepared and downloaded of NAME, and its entry where it is your own. Your images and runs stay."""
    from archlab.data import remove_dataset

    for path in remove_dataset(name, home_to_read(store)):
        echo(f"removed {path}")


@datasets.command()
@click.argument("name", shell_complete=DATASET)
@click.option("--against", metavar="OTHER", help="Look for NAME's test and validation images in another dataset.")
@_RESOLUTION
@_FIT
@STORE
@JSON
def check(
    name: str, against: str | None, resolution: int | None, fit: Fit | None, store: str | None, as_json: bool
) -> int:
    """Look for images on two sides, labels that contradict each other, groups that are torn. Exit code 1: a leak.

    Every prepared image and label is read and held against the dataset's digest first. --against: exit code 1 where test
    images are shared; both must be prepared at --resolution, else at the smaller one that the catalogue has of the two.
    """
    from archlab.cli.datasets_view import print_inspection, progress_bar
    from archlab.data import inspect

    root = home_to_read(store)
    if against is not None:
        return _check_against(name, against, root, resolution, fit, as_json)
    prepared = _open(name, root, resolution, fit, thoroughly=True)
    with progress_bar() as progress:
        found = inspect(prepared, progress)
    print_inspection(prepared, found, as_json)
    return int(found.leaks)


def _check_against(name: str, against: str, root: Path, resolution: int | None, fit: Fit | None, as_json: bool) -> int:
    from archlab.cli.datasets_view import print_overlap, progress_bar
    from archlab.data import entry, open_prepared, shared_images

    if name == against:
        raise UserError(f"{name} shares all images with itself: without --against its parts are compared")
    side = resolution or min(entry(each, root).resolution for each in (name, against))
    prepared, other = (open_prepared(each, root, side, fit, thoroughly=True) for each in (name, against))
    with progress_bar() as progress:
        found = shared_images(prepared, other, progress)
    print_overlap(prepared, other, found, as_json)
    return int(found.shares_test_images)


@datasets.command()
@click.argument("name", shell_complete=DATASET)
@click.option("--output", type=PATH, help="The PNG to write.  [default: NAME.png]")
@click.option("--split", type=click.Choice(["train", "validation", "test"]), default="train", show_default=True)
@click.option("--per-class", type=click.IntRange(1, 100), default=8, show_default=True, help="Images of each class.")
@_RESOLUTION
@_FIT
@STORE
def show(
    name: str,
    output: Path | None,
    split: str,
    per_class: int,
    resolution: int | None,
    fit: Fit | None,
    store: str | None,
) -> None:
    """Write a contact sheet of NAME as PNG."""
    from archlab.data import contact_sheet

    path = output or Path(f"{name}.png")
    if path.is_dir():
        raise UserError("is a folder: name the PNG to write", where=str(path))
    contact_sheet(_open(name, home_to_read(store), resolution, fit), path, split=split, per_class=per_class)
    echo(str(path))


def _open(name: str, root: Path, resolution: int | None, fit: Fit | None, *, thoroughly: bool = False) -> Prepared:
    """The dataset at `resolution`; without one at the catalogue's, or the largest at which it is prepared so."""
    from archlab.cli.datasets_view import resolutions
    from archlab.data import entry, open_prepared

    described = entry(name, root)
    there = resolutions(root / "datasets" / name, described.other(fit))
    if resolution is None and there and described.resolution not in there:
        resolution = max(there)
    return open_prepared(name, root, resolution, fit, thoroughly=thoroughly)
