"""Classes that may be none: images that nobody has labelled, a part, several labels at once, one word in two spellings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from archlab.data.readers.labels import SPLIT_NAMES
from archlab.foundation.words import counted

_NO_LABEL = ("unlabeled", "unlabelled", "no_label", "no label", "unsorted", "untagged", "unsup", "nan", "null")
_JSON = re.compile(r"^\{\"choices\":|[\[\]{}\"']")  # around several labels, as Label Studio and pandas write them


def doubts(names: Sequence[str]) -> Iterator[str]:
    """What is said of classes of these names that may be none."""
    known = set(names)
    for name in names:
        if name.lower() in _NO_LABEL or SPLIT_NAMES.get(name.lower(), "train") != "train":
            yield f"the class {name!r} is learned as any other: leave its images out if it is none"
    several = [name for name in names if _is_several(name, known)]
    if several:
        told = f"{counted(len(several), 'class is', 'classes are')} several others at once, {several[0]!r} for one"
        yield f"{told}: an image has one class here, so each such combination is learned as a class of its own"
    spelled: dict[str, str] = {}
    twice = [(other, name) for name in names if (other := spelled.setdefault(name.lower(), name)) != name]
    if twice:
        yield "the classes {!r} and {!r} differ in capitals alone".format(*twice[0])


def _is_several(name: str, known: set[str]) -> bool:
    plain = _JSON.sub("", name)
    between = ",;| " if re.search(r"[^\W\d_]", plain) else ";| "  # 0,5 is a number
    parts = [[part.strip() for part in plain.split(each)] for each in between]
    return any(len(each) > 1 and known.issuperset(each) for each in parts)
