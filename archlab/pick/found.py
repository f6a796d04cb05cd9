"""The designs that finished searches in a store have found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archlab.foundation import UserError
from archlab.foundation.checksums import changed_files
from archlab.foundation.json_files import read_json

if TYPE_CHECKING:
    from archlab.architecture import Architecture


@dataclass(frozen=True)
class Found:
    """A design of the final table of a search.

    Attributes:
        search: The search that found it.
        architecture: None where it cannot be read.
        reason: Why not, in one phrase; "" where it can.
    """

    name: str
    search: str
    architecture: Architecture | None = None
    reason: str = ""


def found_designs(home: Path) -> Iterator[Found]:
    """The finalists of every finished search in a store, each with its winner last; blocks of their own are imported.

    A winner is read from its file, which brings the texts of its own blocks; the others from the settled study of the final
    table, which says where the files of theirs are. Their files go first: texts that are imported already are passed over.
    """
    from archlab.report.study_files import SEARCH, finished_studies

    for name in finished_studies(home):
        folder = home / "studies" / name
        if not (folder / SEARCH).is_file():
            continue
        if damaged := changed_files(folder):
            yield Found(name, name, reason=f"{damaged[0]} is not what archlab wrote")
            continue
        try:
            best, others = _finalists(folder)
        except (OSError, UserError, AttributeError, KeyError, TypeError, ValueError) as error:
            yield Found(name, name, reason=f"no designs of a search can be read ({type(error).__name__}: {error})")
            continue
        yield from (_read(model["name"], name, _of_study, model) for model in others)
        if best:
            yield _read(best, name, _of_winner, folder)


def _finalists(folder: Path) -> tuple[str | None, list[dict[str, Any]]]:
    """The winner's name, None where nothing won, and the other finalists as the settled study has them."""
    from archlab.report.study_files import FILES, SEARCH

    found, study = read_json(folder / SEARCH), read_json(folder / FILES[0])
    best = found["best"]["model"] if found["best"] else None
    names = {each["model"] for each in found["finalists"]} - {best}
    return best, [model for model in study["models"] if model["name"] in names]


def _read(name: str, search: str, how: Callable[[Any], Architecture], what: Any) -> Found:
    try:
        design = how(what)
        return Found(design.name, search, design)
    except UserError as error:
        return Found(name, search, reason=error.message)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return Found(name, search, reason=f"it cannot be read ({type(error).__name__}: {error})")


def _of_winner(folder: Path) -> Architecture:
    from archlab.architecture import architecture
    from archlab.deploy.finding import WINNER

    return architecture(folder / WINNER)


def _of_study(model: dict[str, Any]) -> Architecture:
    from archlab.architecture import from_canonical
    from archlab.architecture.own_blocks import load_own_blocks, own_blocks_of

    load_own_blocks({"blocks": model["own_files"]}, None)
    design = from_canonical(model["architecture"], model["name"])
    own_blocks_of(design)  # raises where a block is not among what was imported
    return design
