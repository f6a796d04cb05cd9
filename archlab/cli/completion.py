"""What the shell completes: names of architectures, studies and datasets, keys of runs.

`eval "$(_ARCHLAB_COMPLETE=bash_source archlab)"` turns it on (zsh_source, fish_source).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from archlab.foundation import home_path

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
DIGITS = 12  # of a key, as `archlab runs list` shows it


def _completion(names: Callable[[Path], Iterable[str]], *, files: bool = False) -> Complete:
    """Of the names that a store knows; `files`: of files too."""

    def complete(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
        try:
            place = home_path(context.params.get("store"))
            found = [CompletionItem(name) for name in dict.fromkeys(names(place)) if name.startswith(begun)]
        except Exception:  # nobody who types wants to hear of it
            found = []
        return found if found or not files else [CompletionItem(begun, type="file")]

    return complete


def _models(place: Path) -> list[str]:
    from archlab.architecture import references

    return references()


def _datasets(place: Path) -> list[str]:
    from archlab.data.entries import names

    return names(place)


def _studies(place: Path) -> list[str]:
    from archlab.study.shipped import studies

    return studies()


def _finished(place: Path) -> list[str]:
    return sorted(path.parent.name for path in (place / "studies").glob("*/study.json"))


def _results(place: Path) -> list[str]:
    from archlab.scoring import shipped_tables

    return [*_finished(place), *shipped_tables()]


def _keys(place: Path) -> list[str]:
    from archlab.runs import Store

    return sorted(key[:DIGITS] for key in Store(place).keys())  # noqa: SIM118 (a store is no mapping)


def _architectures(place: Path) -> list[str]:
    return [*_models(place), *_studies(place)]


def _recipes(place: Path) -> list[str]:
    from archlab.training.reading import recipes

    return recipes()


def _blocks(place: Path) -> list[str]:
    from blocks.registry import REGISTRIES

    return sorted({name for registry in REGISTRIES for name in registry})


BLOCK = _completion(_blocks, files=True)
DATASET = _completion(_datasets)
KEY = _completion(_keys, files=True)
MODEL = _completion(_models, files=True)
MODEL_OR_STUDY = _completion(_architectures, files=True)
RECIPE = _completion(_recipes, files=True)
FINISHED = _completion(_finished)
RESULTS = _completion(_results, files=True)
STUDY = _completion(_studies, files=True)
