"""The catalogue: what archlab knows about a dataset before it has seen a single image of it."""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from archlab.foundation import Mapping, UserError, check_keys, read_yaml, where, with_lines_of
from archlab.foundation.settings import Matching, Within, read_settings

BUILT_IN = Path(__file__).parent / "catalogue"
_log = logging.getLogger("archlab")

Natural = Annotated[int, Within(1)]
Share = Annotated[float, Within(0, 1, strictly=True)]
Colour = tuple[float, float, float]
Spread = Annotated[float, Within(0, strictly=True)]
Name = Annotated[str, Matching(r"\w[\w.@+-]*", "letters, digits and . @ + - _")]
FileName = Annotated[str, Matching(r"(?!\.{1,2}\Z)[^/]+", "a plain file name")]
Fit = Literal["crop", "stretch", "whole"]
Checksum = Annotated[str, Matching(r"md5:[0-9a-f]{32}|sha256:[0-9a-f]{64}", "md5:... or sha256:... in hexadecimal")]


@dataclass(frozen=True)
class Archive:
    """A file that the owners of a dataset publish, an archive or not.

    `checksum`: `md5:...` or `sha256:...`, where published. `aliases`: other names that it goes by.
    """

    file: FileName
    url: str | None = None
    checksum: Checksum | None = None
    aliases: tuple[FileName, ...] = ()


@dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation of red, green and blue, of pixel values in [0, 1]."""

    mean: Colour
    std: tuple[Spread, Spread, Spread]


@dataclass(frozen=True)
class Entry:
    """What the catalogue says about a dataset.

    `images`: how many the owners say there are, by split. `resolution`: pixels, of the square that it is prepared at
    unless told otherwise. `flip`: whether the mirror image of an example is an example of the same class. `fit`,
    `white`: see `decode`. `source`: the reader, see `archlab.data.reading`, and its options. `test`, `validation`: the
    shares carved where the source has no such part. `together`: keeps identical images, or nearly identical ones too, on one
    side of the splits; where the source itself has them on two, `copies` of held-out images are left out of what comes before,
    or kept. `normalisation`: instead of that of the training images. `like`: the entry whose keys it has where it
    gives none itself.
    """

    name: Name
    title: str
    domain: str
    classes: Natural
    resolution: Natural
    licence: str
    source: str
    options: dict[str, Any] = field(default_factory=dict)
    citation: str = ""
    homepage: str = ""
    flip: bool = True
    fit: Fit = "crop"
    white: Natural = 65535
    images: dict[Literal["train", "validation", "test", "all"], Natural] = field(default_factory=dict)
    archives: tuple[Archive, ...] = ()
    test: Share = 0.2
    validation: Share = 0.1
    seed: int = 0
    together: Literal["identical", "near"] | None = None
    copies: Literal["left out", "kept"] = "left out"
    normalisation: Normalisation | None = None
    sample: bool = False
    like: str | None = field(default=None, compare=False)
    where: str | None = field(default=None, compare=False)

    def other(self, fit: Fit | None) -> Fit | None:
        """The fit, where it is another than the entry's own."""
        return None if fit == self.fit else fit


def user_catalogue(home: Path) -> Path:
    """The folder of the user's own entries."""
    return home / "datasets" / "catalogue"


def catalogue(home: Path) -> dict[str, Entry]:
    """Every entry, by name: the built-in ones and the user's own below `home`. One that cannot be read is warned of and left
    out."""
    found = {}
    for name in names(home):
        try:
            found[name] = _load(name, home)
        except UserError as error:
            _log.warning("warning: the dataset %s is left out: %s", name, error)
    return found


def names(home: Path) -> list[str]:
    """What there are entries of, in order; none is read. What is hidden, as macOS leaves it on other disks, is none."""
    return [name for name in _names(home) if not name.startswith(".")]


def entry(name: str, home: Path, at: str | None = None) -> Entry:
    """The entry called `name`. Raises UserError with the nearest name where there is none; `at` says who asked."""
    known = _names(home)
    if name not in known:
        raise UserError(f"no dataset is called {name!r}", where=at, name=name, known=known)
    return _load(name, home)


def kin(name: str, home: Path) -> tuple[str, ...]:
    """All that a dataset counts as where datasets are named: itself, then what it is a variant of, nearest first.

    It is a variant of what it is `like`, and of what its name has before an `@`. Raises UserError for an unknown name.
    """
    known, found, waiting = _names(home), list[str](), [entry(name, home).name]
    while waiting:
        each = waiting.pop(0)
        if each not in found:
            found.append(each)
            like = entry(each, home).like if each in known else None
            waiting += [other for other in (like, each.partition("@")[0]) if other]
    return tuple(found)


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
    check_keys(mapping, sorted(known), "a dataset")
    values = {key: value for key, value in mapping.items() if key != "like"}
    others: dict[str, Any] = {"where": where(mapping), "like": mapping.get("like")}
    if "source" in values:
        values["source"], others["options"] = _source(mapping)
    described = read_settings(Entry, with_lines_of(mapping, values), "a dataset", base=base)
    if described.name != Path(mapping.source).stem:
        expected = Path(mapping.source).stem
        raise UserError(f"a dataset: name must be {expected!r}, the name of the file", where=where(mapping, "name"))
    return dataclasses.replace(described, **others)


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
