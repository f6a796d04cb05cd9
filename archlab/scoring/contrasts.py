"""Contrasts of a study: which models to weigh against which, for an option, two options, or two choices together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

KINDS = ("raw", "equal_budget")


@dataclass(frozen=True)
class Contrast:
    """A weighted sum of models whose weights add up to 0.

    Args:
        choice, option, against: `attention`, `se`, `none`; of an interaction, joined by " x ".
        kind: `raw` (the edit alone) or `equal_budget` (the width fitted again after it).
        weights: By model. In a grid, the mean over all pairs that differ in this choice alone.
        of: `effect` (against the base's option), `comparison` (of two other options) or `interaction`.
    """

    choice: str
    option: str
    against: str
    kind: str
    weights: dict[str, float]
    of: str


def contrasts(models: Sequence[Mapping[str, Any]], base: str) -> list[Contrast]:
    """All contrasts that a study's models allow.

    Each of `models` has `model` (its name), `options` (option by choice; a choice left out stands at the base's option)
    and `kind` (one of KINDS, several, or None for both). The base belongs to both kinds.
    """
    by_name = {model["model"]: model for model in models}
    defaults = {choice: str(option) for choice, option in (by_name[base].get("options") or {}).items()}
    found: list[Contrast] = []
    for kind in KINDS:
        cells: dict[tuple, str] = {}
        choices = list(dict.fromkeys([*defaults, *(c for m in models for c in m.get("options") or {})]))
        for name, model in by_name.items():
            kinds = model.get("kind") or KINDS
            if name == base or kind in ([kinds] if isinstance(kinds, str) else kinds):
                options = model.get("options") or {}
                cells.setdefault(tuple(str(options.get(c, defaults.get(c))) for c in choices), name)
        found += _of_kind(kind, cells, choices, [str(defaults.get(choice)) for choice in choices])
    return found


def asked(found: Iterable[Contrast]) -> list[Contrast]:
    """What a study is about: effects and comparisons, at equal budget where a choice has such."""
    listed = [each for each in found if each.of != "interaction"]
    fitted = {each.choice for each in listed if each.kind == "equal_budget"}
    return [each for each in listed if each.kind == "equal_budget" or each.choice not in fitted]


def _of_kind(kind: str, cells: dict[tuple, str], choices: list[str], defaults: list[str]) -> Iterator[Contrast]:
    options = [list(dict.fromkeys(cell[at] for cell in cells)) for at in range(len(choices))]
    others = [[option for option in options[at] if option != defaults[at]] for at in range(len(choices))]
    for at, choice in enumerate(choices):
        pairs = [(option, defaults[at], "effect") for option in others[at]]
        pairs += [(one, two, "comparison") for one, two in combinations(others[at], 2)]
        for option, against, of in pairs:
            weights = _weights(cells, {at: (option, against)})
            if weights:
                yield Contrast(choice, option, against, kind, weights, of)
    for one, two in combinations(range(len(choices)), 2):
        for first in others[one]:
            for second in others[two]:
                weights = _weights(cells, {one: (first, defaults[one]), two: (second, defaults[two])})
                if weights:
                    yield Contrast(
                        f"{choices[one]} x {choices[two]}",
                        f"{first} x {second}",
                        f"{defaults[one]} x {defaults[two]}",
                        kind,
                        weights,
                        "interaction",
                    )


def _weights(cells: dict[tuple, str], moves: dict[int, tuple[str, str]]) -> dict[str, float]:
    """Weights of the mean (double) difference over all settings of the other choices for which every model is there."""
    weights: dict[str, float] = {}
    settings = 0
    for cell in cells:
        if any(cell[at] != option for at, (option, _) in moves.items()):
            continue
        corners = [(list(cell), 1)]
        for at, (_, against) in moves.items():
            corners += [([*corner[:at], against, *corner[at + 1 :]], -sign) for corner, sign in corners]
        names = [cells.get(tuple(corner)) for corner, _ in corners]
        if None in names:
            continue
        settings += 1
        for name, (_, sign) in zip(names, corners, strict=True):
            weights[str(name)] = weights.get(str(name), 0.0) + sign
    return {name: weight / settings for name, weight in weights.items()}
