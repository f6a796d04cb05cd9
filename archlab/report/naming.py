"""Studies and tables of one name, told apart by where they lie."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from archlab.report.material import Material


def told_apart(materials: list[Material]) -> list[Material]:
    """The materials; of those of one name that lie in different places each is named by the end of its path, as far as ends
    must go to differ."""
    names: dict[str, dict[Path, str]] = {}
    for each in materials:
        names.setdefault(each.name, {})[_place(each)] = each.name
    ends = {name: _ends(list(places), name) if len(places) > 1 else places for name, places in names.items()}
    return [replace(each, name=ends[each.name][_place(each)]) for each in materials]


def _place(material: Material) -> Path:
    return material.source.resolve() if material.source else Path(material.name)


def _ends(places: list[Path], name: str) -> dict[Path, str]:
    """Without what their files end in, where that is not all that differs."""
    for paths in ([each.parent / name for each in places], places):
        for count in range(1, max(len(each.parts) for each in paths) + 1):
            ends = ["/".join(each.parts[-count:]) for each in paths]
            if len(set(ends)) == len(ends):
                return dict(zip(places, ends, strict=True))
    return dict.fromkeys(places, name)
