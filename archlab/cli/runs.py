"""`archlab runs`: list, show, check, clean up and export finished runs."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archlab.cli.completion import DATASET, FINISHED, KEY, MODEL
from archlab.cli.groups import Group
from archlab.cli.options import JSON, STORE_OF_RUNS, place_to_read
from archlab.cli.streams import echo
from archlab.foundation import UserError, home_to_read, with_store
from archlab.foundation.words import counted

if TYPE_CHECKING:
    from archlab.runs import Store
    from archlab.runs.cleaning import Leftover
    from archlab.runs.index import Listing


@click.group(cls=Group)
def runs() -> None:
    """List, show, check, clean up, restore and export finished runs."""


@runs.command("list")
@click.option("--model", shell_complete=MODEL, help="Of this model alone, and of those that a study made of it.")
@click.option("--dataset", shell_complete=DATASET, help="On this dataset alone.")
@click.option("--study", shell_complete=FINISHED, help="Of this finished study alone.")
@STORE_OF_RUNS
@JSON
def list_(model: str | None, dataset: str | None, study: str | None, store: str | None, as_json: bool) -> None:
    """All finished runs, the latest last.

    The KIND of a run that reads no test image is `try`: it only helped to choose, as those of `tune` do. --json has it as
    `is_try`.
    """
    from archlab.cli.runs_chosen import chosen

    place = _opened(store)
    listing = _listing(place)
    table = chosen(listing.table, place, model, dataset, study)
    if as_json:
        echo(json.dumps({"runs": table.to_pylist(), "unreadable": listing.unreadable}))
    else:
        echo("\n".join(_aligned(table.to_pydict())))


@runs.command()
@click.argument("key", shell_complete=KEY)
@STORE_OF_RUNS
@JSON
def show(key: str, store: str | None, as_json: bool) -> None:
    """One run; the first digits of its KEY are enough."""
    from archlab.runs import Store

    place = Store(home_to_read(store))
    document = place.get(place.find(key))
    if document is None:
        raise UserError(f"run {key} is damaged: `{with_store('archlab runs check', place.home)}` says how")
    if as_json:
        echo(json.dumps(document, indent=2))
        return
    from archlab.foundation.words import duration

    run = document["run"]
    echo(f"{run['model'] or 'run'} on {run['dataset']}, seed {run['seed']}\n")
    facts = {
        "key": document["key"],
        "directory": place.directory(document["key"]),
        **{f"{split} {metric}": value for split, of in document["metrics"].items() for metric, value in of.items()},
        "width": f"{run['width']:g} times the published channels",
        "resolution": f"{run['resolution']} pixels",
        "time": duration(document["seconds"]),
        "peak memory": None if document["peak_memory"] is None else f"{document['peak_memory'] / 1e6:,.0f} MB",
        **{name: document[name] for name in ("finished", "archlab")},
        **{f"recipe.{name}": value for name, value in run["recipe"].items()},
        **{f"mode.{name}": value for name, value in document["mode"].items()},
    }
    for name, value in facts.items():
        echo(f"{name:30} {value:.4g}" if isinstance(value, float) else f"{name:30} {value}")


@runs.command()
@STORE_OF_RUNS
@JSON
def check(store: str | None, as_json: bool) -> int:
    """Reads every byte of every run and compares checksums; exit code 1 where a run is damaged.

    A damaged run is set aside: whatever needs it computes it again.
    """
    from archlab.runs import DamagedRunError

    place, problems, aside = _opened(store), {}, 0
    keys = sorted(place.keys())
    for key in keys:
        try:
            place.verify(key)
        except (DamagedRunError, UserError) as error:
            problems[key] = str(error)
            if isinstance(error, DamagedRunError):
                with suppress(OSError):  # a store that must not be written
                    place.set_aside(key)
                    aside += 1
    if as_json:
        echo(json.dumps({"checked": len(keys), "damaged": problems}))
    else:
        for key, problem in problems.items():
            echo(f"{key[:12]}  {problem}")
        echo(
            f"{counted(len(keys), 'run')} checked, {len(problems)} damaged; {aside} set aside, and computed again when needed"
        )
    return 1 if problems else 0


@runs.command()
@STORE_OF_RUNS
@click.option("--unfinished", is_flag=True, help="Also checkpoints of runs that have not finished.")
@click.option("--old-code", is_flag=True, help="Also runs whose blocks or loop are others in this archlab.")
@click.option("--without-class-scores", is_flag=True, help="Also runs that keep no class scores.")
@click.option("--empty-bin", is_flag=True, help="Also runs that lie in the bin, for --days at least; they are lost.")
@click.option("--days", type=click.IntRange(0), help="With --empty-bin.  [default: 30]")
@click.option("--dry-run", is_flag=True, help="Say what would be removed; remove nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def gc(store: str | None, empty_bin: bool, days: int | None, dry_run: bool, yes: bool, **also: bool) -> int:
    """Removes what crashes have left behind and, where asked, what is not needed any more.

    Finished runs, damaged ones too, go to a bin first: `archlab runs restore` brings them back, --empty-bin frees their space.
    Teachers, and runs that trainings start from, stay as long as runs that stay, or finished studies, stand on them.
    """
    from archlab.runs.bin import DAYS
    from archlab.runs.cleaning import in_bin, leftovers

    if days is not None and not empty_bin:
        raise UserError("--days goes with --empty-bin")
    place, removed = _opened(store), list[bool | None]()
    found = leftovers(place, **also)
    if empty_bin:
        found += in_bin(place, DAYS if days is None else days)
    for leftover in found:
        goes = ", to the bin" if leftover.is_run else ""
        goes = f", stays: {leftover.needed_by} stands on it" if leftover.needed_by else goes
        echo(f"{leftover.path.relative_to(place.home)}  {leftover.size / 1e6:.1f} MB  {leftover.why}{goes}")
    found = [leftover for leftover in found if not leftover.needed_by]
    total = f"{counted(len(found), 'leftover')}, {sum(leftover.size for leftover in found) / 1e6:.1f} MB"
    if dry_run or not found or not (yes or click.confirm(f"Remove {total}?", err=True)):
        echo(f"{total}; nothing removed")
    else:
        removed = [_removed(place, leftover) for leftover in found]
        echo(f"{removed.count(True)} of {total} removed")
    if binned := in_bin(place, 0):
        size = sum(leftover.size for leftover in binned) / 1e6
        restores, empties = (
            with_store(f"archlab runs {each}", place.home) for each in ("restore", "gc --empty-bin --days 0")
        )
        echo(
            f"the bin holds {counted(len(binned), 'run')}, {size:.1f} MB: `{restores}` brings back what lies there, "
            f"`{empties}` removes it for good"
        )
    return 1 if None in removed else 0


def _removed(store: Store, leftover: Leftover) -> bool | None:
    """Whether it is; None where it must not be, which is said."""
    from archlab.runs.cleaning import remove

    try:
        return remove(store, leftover)
    except OSError as error:
        echo(f"{leftover.path.relative_to(store.home)}  stays: {error.strerror}", err=True)
        return None


@runs.command()
@click.argument("key", default="")
@STORE_OF_RUNS
def restore(key: str, store: str | None) -> int:
    """Brings runs back that `gc` has moved to the bin: all, or those whose keys start with KEY.

    Damaged ones stay there, and what has been computed again since.
    """
    from archlab.runs.bin import restore as put_back
    from archlab.runs.bin import thrown_away

    place = _opened(store)
    found = thrown_away(place, key)
    if key and not found:
        known = [binned.key[: len(key)] for binned in thrown_away(place)]
        raise UserError(f"the bin holds no run that starts with {key!r}", name=key, known=known)
    stay = 0
    for binned in found:
        try:
            put_back(place, binned)
        except UserError as error:
            echo(f"{binned.key[:12]}  stays in the bin: {error.message}", err=True)
            stay += 1
    echo(f"{len(found) - stay} of {counted(len(found), 'run')} restored")
    return 1 if stay else 0


@runs.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@STORE_OF_RUNS
@click.option("--tidy", is_flag=True, help="A row per metric, as `archlab score` reads it, instead of one per run.")
def export(file: Path, store: str | None, tidy: bool) -> None:
    """Writes the table of all runs to FILE, .parquet or .csv."""
    from archlab.foundation import write_atomically
    from archlab.runs.index import tidy_table

    writers: dict[str, Callable[[Any, Path], None]] = {".parquet": _write_parquet, ".csv": _write_csv}
    if file.suffix not in writers:
        ending = file.suffix or "a file without an ending"
        raise UserError(f"cannot write {ending}: a table is .parquet or .csv", name=file.suffix, known=writers)
    table = _listing(_opened(store)).table
    try:
        with write_atomically(file) as temporary:
            writers[file.suffix](tidy_table(table) if tidy else table, temporary)
    except (OSError, UnicodeError) as error:
        raise UserError(f"cannot be written: {getattr(error, 'strerror', error)}", where=str(file)) from None
    echo(f"{counted(table.num_rows, 'run')} written to {file}", err=True)


def _write_parquet(table: Any, path: Path) -> None:
    import pyarrow.parquet

    pyarrow.parquet.write_table(table, path)


def _write_csv(table: Any, path: Path) -> None:
    import pyarrow.csv

    from archlab.scoring.spreadsheets import guarded

    pyarrow.csv.write_csv(guarded(table), path)


def _opened(store: str | None) -> Store:
    from archlab.runs import Store

    return Store(place_to_read(store))


def _listing(store: Store) -> Listing:
    from archlab.runs.index import list_runs

    listing = list_runs(store)
    for key, reason in listing.unreadable.items():
        echo(f"warning: run {key[:12]} is left out: {reason}", err=True)
    return listing


def _aligned(table: dict[str, list[Any]]) -> list[str]:
    """The runs in columns, a heading above and the count below."""
    from archlab.cli.columns import FILE_WIDTH, aligned

    def shares(name: str) -> list[str]:
        return ["-" if value is None else f"{value:.4f}" for value in table[name]]

    count = len(table["key"])
    named = [model or digest[:8] for model, digest in zip(table["model"], table["architecture"], strict=True)]
    columns = {
        "KEY": [key[:12] for key in table["key"]],
        "MODEL": named,
        "DATASET": table["dataset"],
        "SEED": [str(seed) for seed in table["seed"]],
        "KIND": ["try" if each else "full" for each in table["is_try"]],
        "PIXELS": [str(pixels) for pixels in table["resolution"]],
        "EPOCHS": [str(epochs) for epochs in table["epochs"]],
        "VALIDATION": shares("validation_accuracy"),
        "TEST": shares("test_accuracy"),
        "SECONDS": [f"{seconds:.1f}" for seconds in table["seconds"]],
        "FINISHED": [moment[:16].replace("T", " ") for moment in table["finished"]],
    }
    cells = list(zip(*columns.values(), strict=True))
    edge = shutil.get_terminal_size().columns if sys.stdout.isatty() else FILE_WIDTH
    return [*aligned(list(columns), cells, edge), counted(count, "run")]
