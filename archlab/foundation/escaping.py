"""What names and texts of others become on their way out, so that nothing in them is run or hidden.

Pages are escaped by Jinja and by XML, LaTeX by `archlab.report.latex`, CSV by `archlab.scoring.spreadsheets`, JSON by itself;
the rest is here.
"""

from __future__ import annotations

import re
import unicodedata
from hashlib import sha256

_LONGEST = 200  # characters of a file's name


def visible(text: str) -> str:
    r"""Control characters and those that turn the direction of writing, as `\x1b`; line ends and tabs stay."""
    return "".join(
        each
        if each in "\n\t" or unicodedata.category(each) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
        else ascii(each)[1:-1]
        for each in text
    )


def for_markdown(text: str) -> str:
    """One line in which no character is markup but the backtick, and underscores within words."""
    return " ".join(re.sub(r"([\\*\[\]<>|#])", r"\\\1", visible(text)).split())


def file_name(name: str) -> str:
    """A name for a file or folder, in the folder where it is put: another for every `name`."""
    safe = re.sub(r"[^\w.,+@=-]+", "_", name, flags=re.ASCII).lstrip(".")
    if safe == name and len(safe) <= _LONGEST:
        return safe
    return f"{safe[:_LONGEST]}-{sha256(name.encode(errors='surrogatepass')).hexdigest()[:8]}"
