"""What a recipe names outside of itself, in a form that no longer depends on the folder of the recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archlab.data import augment as augmentation
from archlab.foundation import Mapping, UserError, where, with_lines_of
from archlab.foundation.own_code import is_own, own_call
from archlab.training import optimizers
from archlab.training.foundations import PUBLISHERS
from archlab.training.metrics import OWN, check_names

FILES = (".safetensors", ".yaml", ".yml")
STARTS = ("weights", "run", "pretrain")  # what `init` takes one of
OwnCall = dict[str, dict[str, Any]]  # {DIGEST:NAME: {argument: value}}


def placed(settings: Mapping, folder: Path | None, at: str | None) -> Mapping:
    """The settings with the own code that they name loaded, in its canonical form, and with the paths of other files.

    `init: timm` is short for `init: {weights: timm}`. Raises UserError for another word there. What `init` starts from takes
    the place of what a recipe before has there.
    """

    def loaded(named: list, given: tuple[str, ...]) -> list[OwnCall]:
        return [own_call(each, given, folder=folder, at=where(named, index) or at) for index, each in enumerate(named)]

    found = dict(settings)
    augment, optimizer = (settings.get(name) for name in ("augment", "optimizer"))
    if isinstance(augment, dict) and isinstance(augment.get("own"), list):
        own = loaded(augment["own"], augmentation.OWN)
        found["augment"] = with_lines_of(augment, {**augment, "own": own})
    if isinstance(optimizer, dict) or is_own(optimizer):
        found["optimizer"] = own_call(optimizer, optimizers.OWN, folder=folder, at=where(settings, "optimizer") or at)
    if isinstance(settings.get("metrics"), list):
        found["metrics"] = loaded(settings["metrics"], OWN)
        check_names(found["metrics"], where(settings, "metrics") or at)
    if isinstance(init := settings.get("init"), str) and init != "none":
        if init not in PUBLISHERS:
            raise UserError(
                f"init takes keys by name, or the name of one of {' and '.join(PUBLISHERS)}, not {init!r}",
                where=where(settings, "init") or at,
                name=init,
                known=PUBLISHERS,
            )
        found["init"] = {"weights": init}
    if isinstance(start := found.get("init"), dict) and sum(name in start for name in STARTS) == 1:
        found["init"] = with_lines_of(start, {**dict.fromkeys(STARTS), **start})
    for name in ("distill", "init"):
        if folder and isinstance(settings.get(name), dict):
            found[name] = _with_paths(found[name], folder)
    return with_lines_of(settings, found)


def _with_paths(value: Any, folder: Path) -> Any:
    """The value, the files that it names by their paths from `folder`."""
    if isinstance(value, dict):
        return with_lines_of(value, {name: _with_paths(each, folder) for name, each in value.items()})
    return str(folder / value) if isinstance(value, str) and Path(value).suffix in FILES else value
