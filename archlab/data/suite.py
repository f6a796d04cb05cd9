"""Suites: named lists of datasets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from archlab.data.entries import entry, names
from archlab.foundation import UserError, read_yaml, where, with_lines_of
from archlab.foundation.settings import read_settings

BUILT_IN = Path(__file__).parent / "suites"


@dataclass(frozen=True)
class Suite:
    """A named list of datasets, each of them in the catalogue."""

    name: str
    datasets: tuple[str, ...]


def suites() -> list[str]:
    """Names of the built-in suites."""
    return sorted(path.stem for path in BUILT_IN.glob("*.yaml"))


def load_suite(name: str | Path | list[str], home: Path, at: str | None = None) -> Suite:
    """A suite by name, by path (ends in .yaml), or given as a list of datasets.

    Raises UserError for a suite or a dataset that does not exist; `at` (FILE:LINE) says who asked.
    """
    if not isinstance(name, (str, Path, list)):
        raise UserError(f"a suite is a name, a file or a list of datasets, not {name!r}", where=at)
    if isinstance(name, list):
        return _suite("+".join(map(str, name)), name, home, at)
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        path = BUILT_IN / f"{name}.yaml"
        if not path.exists():
            alone = f": a suite of this dataset alone is [{name}]" if str(name) in names(home) else ""
            raise UserError(f"no suite is called {str(name)!r}{alone}", where=at, name=name, known=suites())
    mapping = read_yaml(path)
    named = with_lines_of(mapping, {"name": path.stem, **mapping})
    suite = read_settings(Suite, named, "a suite")
    return _suite(suite.name, mapping["datasets"], home, where(mapping, "datasets"))


def _suite(name: str, datasets: list[str], home: Path, at: str | None) -> Suite:
    if not datasets:
        raise UserError("a suite needs at least one dataset", where=at)
    names = tuple(map(str, datasets))  # one called 2024 is a number in YAML
    for index, dataset in enumerate(names):
        line = where(datasets, index) or at
        entry(dataset, home, line)
        if dataset in names[:index]:
            raise UserError(f"{dataset!r} stands in the suite twice", where=line)
    return Suite(name, names)
