"""What names and texts of others become on their way out, so that nothing in them is run or hidden.

Pages are escaped by Jinja and by XML, LaTeX by `archlab.report.latex`, CSV by `archlab.scoring.spreadsheets`, JSON by itself;
the rest is here.
"""

from __future__ import annotations

import re
import unicodedata
from hashlib import sha256

_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")  # categories
_NOT_IN_XML = "\ufffe\uffff"  # beside the control characters and the halves of characters
_MARKUP = r"[\\*\[\]<>|#~]|&(?=#?\w+;)|(?<![^\W_])_|_(?![^\W_])"


def visible(text: str) -> str:
    r"""Control characters, those that turn the direction of writing and those that XML has not, as `\x1b`; line ends and tabs
    stay."""
    if text.isprintable():
        return text
    return "".join(
        each
        if each in "\n\t" or (unicodedata.category(each) not in _UNSEEN and each not in _NOT_IN_XML)
        else ascii(each)[1:-1]
        for each in text
    )


def in_one_line(text: str) -> str:
    """The text as `visible`, each run of blanks and line ends as one blank."""
    return " ".join(visible(text).split())


def printable(text: str) -> str:
    """Without the halves of characters that file names of unknown encoding hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def for_markdown(text: str) -> str:
    """One line in which no character is markup but the backtick; underscores within words and a mere `&` stay as they are."""
    return re.sub(_MARKUP, r"\\\g<0>", in_one_line(text))


def without_passwords(text: str) -> str:
    """With `***` in the place of each password in a URL."""
    return re.sub(r"(://[^\s/:@]*:)\S*@", r"\1***@", text)


def file_name(name: str, longest: int = 200) -> str:
    """A name for a file or folder, in the folder where it is put: another for every `name`, and no longer than `longest`
    characters and nine."""
    safe = re.sub(r"[^\w.,+@=-]+", "_", name, flags=re.ASCII).lstrip(".")
    if safe == name and len(safe) <= longest:
        return safe
    return f"{safe[:longest]}-{sha256(name.encode(errors='surrogatepass')).hexdigest()[:8]}"
