"""Other forms that a study gives some of its models on some datasets."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archlab.architecture import Architecture, apply_edits, check_edit
from archlab.data import entry
from archlab.foundation import UserError, check_keys, where
from archlab.foundation.settings import read_value

KEYS = ("models", "datasets", "edits", "architecture")
Named = tuple[str, ...]


@dataclass(frozen=True)
class Form:
    """What some models are on some datasets: edited, or another architecture altogether.

    A variant of a model counts as the base it is named after, one of a dataset as all that `archlab.data.kin` says it is.
    """

    models: Named
    datasets: Named
    edits: tuple[dict[str, Any], ...] = ()
    architecture: Architecture | None = None

    def concerns(self, model: str, dataset: Iterable[str]) -> bool:
        return model.split("+")[0] in self.models and not set(dataset).isdisjoint(self.datasets)

    def of(self, model: Architecture) -> Architecture:
        """The model in this form, under its own name. Raises UserError where an edit matches nothing."""
        changed = self.architecture or apply_edits(model, list(self.edits))
        return changed.with_layers(changed.layers, name=model.name)


def parse_forms(
    given: Any,
    models: Collection[Architecture],
    read: Callable[[Any, str | None], Architecture],
    home: Path,
    at: str | None,
) -> tuple[Form, ...]:
    """The forms under `forms:` of a study, each tried on the models that it names.

    Args:
        models: That may be named.
        read: Makes an architecture of what names it.

    Raises:
        UserError: An unknown model or dataset, neither or both of edits and an architecture, or an edit that matches nothing.
    """
    if not isinstance(given, list):
        raise UserError("forms is a list, `- {models: [...], datasets: [...], edits: [...]}`", where=at)
    return tuple(
        _form(each, {model.name: model for model in models}, read, home, where(given, index) or at)
        for index, each in enumerate(given)
    )


def _form(
    given: Any,
    models: dict[str, Architecture],
    read: Callable[[Any, str | None], Architecture],
    home: Path,
    at: str | None,
) -> Form:
    if not isinstance(given, dict):
        raise UserError(f"a form takes keys by name, not {given!r}", where=at)
    check_keys(given, KEYS, "a form", at)
    names = {}
    for key in ("models", "datasets"):
        line = where(given, key) or at
        names[key] = read_value(Named, given.get(key), f"a form: {key}", line)
    for name in names["models"]:
        if name not in models:
            raise UserError(f"the study has no model {name!r}", where=where(given, "models"), name=name, known=models)
    for name in names["datasets"]:
        entry(name, home, where(given, "datasets") or at)
    if ("edits" in given) == ("architecture" in given):
        raise UserError("a form has either edits or an architecture", where=at)
    line = where(given, "edits") or at
    edits = given.get("edits", [])
    if not isinstance(edits, list):
        raise UserError(f"a form: edits must be a list, not {edits!r}", where=line)
    for edit in edits:
        check_edit(edit, line)
    other = read(given["architecture"], where(given, "architecture") or at) if "architecture" in given else None
    form = Form(names["models"], names["datasets"], tuple(edits), other)
    for name in form.models:
        form.of(models[name])
    return form
