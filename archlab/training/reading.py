"""Recipes as people write them: by name, in YAML files, as mappings of the same keys."""

from __future__ import annotations

import dataclasses
from importlib import resources
from pathlib import Path

from archlab.foundation import Mapping, UserError, check_keys, is_file, read_yaml, real, where, with_lines_of
from archlab.foundation.settings import read_settings
from archlab.training.consistency import check_consistency
from archlab.training.exemption import NOT_EXEMPT, Exemption
from archlab.training.own_calls import placed
from archlab.training.recipe import DEFAULTS, Recipe

RECIPES = resources.files("archlab.training") / "recipes"
NOT_CHANGED = ("name", "paper", "metrics", "test", "tune", "exemptions", "where")
CHANGEABLE = [name for name in DEFAULTS if name not in NOT_CHANGED]


def recipes() -> list[str]:
    """Names of the recipes that come with archlab."""
    return sorted(entry.name.removesuffix(".yaml") for entry in RECIPES.iterdir() if entry.name.endswith(".yaml"))


def load_recipe(
    source: str | Path | dict, *, at: str | None = None, folder: Path | None = None, seen: frozenset[Path] = frozenset()
) -> Recipe:
    """The recipe of a name, a YAML file's path, or a mapping of the same keys.

    Args:
        at: FILE:LINE that named it, for messages.
        folder: Where relative paths start; the working directory by default.
        seen: Files that wait for this one, through `like` or as it pretrains by them.
    """
    if isinstance(source, dict):
        return _parse(source, at, folder, seen)
    name = str(source)
    if name in recipes():
        return _parse(read_yaml(Path(str(RECIPES / f"{name}.yaml"))), at, folder, seen)
    path = (folder or Path()) / name
    if path.suffix in (".yaml", ".yml") or is_file(path):
        if is_file(path) and real(path) in seen:
            raise UserError("a recipe cannot be like itself, nor pretrain by itself", where=at)
        if at and not is_file(path):
            raise UserError(f"there is no file {str(path)!r}", where=at)
        document = read_yaml(path)
        return _parse(document, at, path.parent, seen | {real(path)}, path.stem)
    raise UserError(
        f"there is no recipe {name!r}: neither one of archlab's nor a YAML file", where=at, name=name, known=recipes()
    )


def _parse(
    document: dict, at: str | None, folder: Path | None, seen: frozenset[Path], file_name: str | None = None
) -> Recipe:
    own = {key: value for key, value in document.items() if key not in ("like", "exemptions")}
    base = None
    if "like" in document:
        base = load_recipe(document["like"], at=where(document, "like") or at, folder=folder, seen=seen)
    settings = _placed(with_lines_of(document, own), folder, at, seen)
    recipe = read_settings(Recipe, settings, "a recipe", at=at, base=base)
    if "exemptions" in document:
        recipe = dataclasses.replace(recipe, exemptions=_exemptions(document, recipe, folder, at, seen))
    check_consistency(recipe, "a recipe", [document], where(document) or at)
    if "name" in document:
        return recipe
    return dataclasses.replace(recipe, name=file_name or (_named_by_changes(base.name, own) if base else recipe.name))


def _placed(settings: Mapping, folder: Path | None, at: str | None, seen: frozenset[Path] = frozenset()) -> Mapping:
    """The settings as `placed` gives them, the recipe of a pretraining loaded."""
    found = placed(settings, folder, at)
    init = found.get("init")
    if not isinstance(init, dict) or not isinstance(init.get("pretrain"), dict):
        return found
    pretrain = init["pretrain"]
    if not isinstance(pretrain.get("recipe"), (str, dict)):
        return found
    written = settings["init"]["pretrain"]["recipe"]  # `placed` has put the folder before its files
    recipe = load_recipe(written, at=where(pretrain, "recipe") or at, folder=folder, seen=seen)
    inside = with_lines_of(pretrain, {**pretrain, "recipe": recipe})
    return with_lines_of(found, {**found, "init": with_lines_of(init, {**init, "pretrain": inside})})


def _named_by_changes(name: str, own: dict) -> str:
    """`quick, steps 60` of what is like quick but for its steps."""
    changes = [key if isinstance(value, (dict, list)) else f"{key} {value}" for key, value in own.items()]
    return ", ".join([name, *changes])


def _exemptions(
    document: dict, recipe: Recipe, folder: Path | None, at: str | None, seen: frozenset[Path]
) -> tuple[Exemption, ...]:
    """Those inherited, then the document's own; `exemptions: {replace: [...]}` gives up the inherited ones."""
    given, at = document["exemptions"], where(document, "exemptions") or at
    found = list(recipe.exemptions)
    if isinstance(given, dict):
        check_keys(given, ("replace",), "exemptions", at)
        given, found = given.get("replace"), []
    if not isinstance(given, list):
        raise UserError("exemptions must be a list, or {replace: a list} to give up inherited ones", where=at)
    for index, each in enumerate(given):
        exemption = read_settings(Exemption, each, "an exemption", where(given, index) or at)
        line = where(each, "set") or at
        for key in NOT_EXEMPT.keys() & exemption.set.keys():
            raise UserError(f"an exemption cannot {NOT_EXEMPT[key]}", where=where(exemption.set, key) or line)
        settings = _placed(with_lines_of(each["set"], exemption.set), folder, line, seen)
        read_settings(Recipe, settings, "a recipe", at=line, base=recipe)  # each value; all together when settled
        found.append(dataclasses.replace(exemption, set=settings))
    return tuple(found)


def read_change(settings: dict, folder: Path | None, at: str | None) -> Mapping:
    """Settings that change a recipe, the own code that they name loaded. Raises UserError for a key that no recipe has."""
    check_keys(settings, CHANGEABLE, "a change of a recipe", at)
    return _placed(with_lines_of(settings, settings), folder, at)
