"""The catalogue: what archlab knows about a dataset before it has seen a single image of it."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archlab.data.decode import FITS
from archlab.foundation import Mapping, UserError, check_keys, read_yaml, where

BUILT_IN = Path(__file__).parent / "catalogue"
_NAME = re.compile(r"[\w][\w.@+-]*\Z")


@dataclass(frozen=True)
class Archive:
    """A file that the owners of a dataset publish, an archive or not.

    `checksum`: `md5:...` or `sha256:...`, where published. `aliases`: other names that it goes by.
    """

    file: str
    url: str | None = None
    checksum: str | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entry:
    """What the catalogue says about a dataset.

    `images`: how many the owners say there are, by split. `resolution`: pixels, of the square that it is prepared at
    unless told otherwise. `flip`: whether the mirror image of an example is an example of the same class. `fit`,
    `white`: see `decode`. `source`: the reader and its options. `test`, `validation`: the shares carved where the
    source has no such part. `normalisation`: mean and std of pixel values in [0, 1], three each, instead of those of
    the training images.
    """

    name: str
    title: str
    domain: str
    classes: int
    resolution: int
    licence: str
    source: str
    options: dict[str, Any] = field(default_factory=dict)
    citation: str = ""
    homepage: str = ""
    flip: bool = True
    fit: str = "crop"
    white: int = 65535
    images: dict[str, int] = field(default_factory=dict)
    archives: tuple[Archive, ...] = ()
    test: float = 0.2
    validation: float = 0.1
    seed: int = 0
    normalisation: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    sample: bool = False
    where: str | None = field(default=None, compare=False)


def user_catalogue(home: Path) -> Path:
    """The folder of the user's own entries."""
    return home / "datasets" / "catalogue"


def catalogue(home: Path) -> dict[str, Entry]:
    """Every entry, by name: the built-in ones and the user's own below `home`."""
    return {name: _load(name, home) for name in _names(home)}


def entry(name: str, home: Path, at: str | None = None) -> Entry:
    """The entry called `name`. Raises UserError with the nearest name where there is none; `at` says who asked."""
    known = _names(home)
    if name not in known:
        raise UserError(f"no dataset is called {name!r}", where=at, name=name, known=known)
    return _load(name, home)


def _names(home: Path) -> list[str]:
    return sorted({path.stem for folder in (BUILT_IN, user_catalogue(home)) for path in folder.glob("*.yaml")})


def _load(name: str, home: Path, waiting: tuple[str, ...] = ()) -> Entry:
    path, own = BUILT_IN / f"{name}.yaml", user_catalogue(home) / f"{name}.yaml"
    if path.exists() and own.exists():
        raise UserError(f"{name!r} is the name of a built-in dataset: choose another", where=str(own))
    mapping = read_yaml(path if path.exists() else own)
    base = mapping.get("like")
    if base is None:
        return parse_entry(mapping)
    if base == name or base in waiting or base not in _names(home):
        known = [other for other in _names(home) if other != name and other not in waiting]
        raise UserError(
            f"like: no other dataset is called {base!r}", where=where(mapping, "like"), name=base, known=known
        )
    return parse_entry(mapping, _load(base, home, (*waiting, name)))


def parse_entry(mapping: Mapping, base: Entry | None = None) -> Entry:
    """An Entry from its YAML; keys that it leaves out come from `base`, where it names one by `like`."""
    known = {f.name for f in dataclasses.fields(Entry)} - {"options", "where"}
    check_keys(mapping, sorted(known | {"like"}), "a dataset")
    values: dict[str, Any] = {"where": where(mapping)}
    for key, value in mapping.items():
        if key == "source":
            values["source"], values["options"] = _source(mapping)
        elif key != "like":
            values[key] = _checked(mapping, key, value)
    if base:
        return dataclasses.replace(base, **values)
    required = [f.name for f in dataclasses.fields(Entry) if f.default is f.default_factory is dataclasses.MISSING]
    for key in required:
        if key not in values:
            raise UserError(f"a dataset needs the key {key!r}", where=where(mapping))
    return Entry(**values)


def _checked(mapping: Mapping, key: str, value: Any) -> Any:
    def wrong(expected: str) -> UserError:
        return UserError(f"{key}: expected {expected}, not {value!r}", where=where(mapping, key))

    if key == "name" and not (isinstance(value, str) and _NAME.match(value)):
        raise wrong("letters, digits and . @ + - _")
    if key == "name" and value != Path(mapping.source).stem:
        raise wrong(f"{Path(mapping.source).stem!r}, the name of the file")
    if key in ("title", "domain", "licence", "citation", "homepage") and not isinstance(value, str):
        raise wrong("text")
    if key in ("classes", "resolution", "white", "seed") and (type(value) is not int or value < (key != "seed")):
        raise wrong("a whole number" + ("" if key == "seed" else ", 1 or more"))
    if key in ("flip", "sample") and not isinstance(value, bool):
        raise wrong("true or false")
    if key in ("test", "validation") and not (type(value) is float and 0 < value < 1):
        raise wrong("a share between 0 and 1")
    if key == "fit" and value not in FITS:
        raise wrong(" or ".join(FITS))
    if key == "images":
        return _image_counts(value, wrong)
    if key == "archives":
        return _archives(value, wrong)
    if key == "normalisation":
        return _normalisation(value, wrong)
    return value


def _source(mapping: Mapping) -> tuple[str, dict[str, Any]]:
    """`source: digits` or `source: {folder: {path: photos}}`."""
    value = mapping["source"]
    if isinstance(value, str):
        return value, {}
    if isinstance(value, Mapping) and len(value) == 1:
        reader, options = next(iter(value.items()))
        if isinstance(options, Mapping) or options is None:
            return reader, options or {}
    raise UserError("source: expected a reader, or {reader: {option: value}}", where=where(mapping, "source"))


def _image_counts(value: Any, wrong: Any) -> dict[str, int]:
    if not isinstance(value, Mapping) or not all(type(n) is int and n > 0 for n in value.values()):
        raise wrong("counts by split, as in {train: 5000, test: 1000}")
    check_keys(value, ("train", "validation", "test", "all"), "images")
    return dict(value)


def _archives(value: Any, wrong: Any) -> tuple[Archive, ...]:
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise wrong("a list of {file, url, checksum, aliases}")
    for item in value:
        check_keys(item, [f.name for f in dataclasses.fields(Archive)], "an archive")
        aliases = item.get("aliases", [])
        names = [item.get("file"), *(aliases if isinstance(aliases, list) else [None])]
        if not all(isinstance(name, str) and Path(name).name == name for name in names):
            raise UserError("an archive needs `file` (and `aliases`, a list): plain file names", where=where(item))
        checksum = item.get("checksum")
        if checksum is not None and not re.match(r"(md5:[0-9a-f]{32}|sha256:[0-9a-f]{64})\Z", str(checksum)):
            raise UserError("checksum: expected md5:... or sha256:... in hexadecimal", where=where(item, "checksum"))
    return tuple(Archive(**{**item, "aliases": tuple(item.get("aliases", ()))}) for item in value)


def _normalisation(value: Any, wrong: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if isinstance(value, Mapping):
        check_keys(value, ("mean", "std"), "a normalisation")
        mean, std = value.get("mean", []), value.get("std", [])
        if _three_numbers(mean) and _three_numbers(std) and min(std) > 0:
            return tuple(map(float, mean)), tuple(map(float, std))
    raise wrong("{mean: [r, g, b], std: [r, g, b]} of pixel values in [0, 1], std above 0")


def _three_numbers(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(type(x) in (int, float) for x in value)
