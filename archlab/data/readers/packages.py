"""Where the sample datasets come from: the folders of installed packages, none of which is imported."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from archlab.foundation import UserError


def package_folder(package: str) -> Path:
    """The folder of an installed package. Raises UserError that names the extra where it is missing."""
    found = find_spec(package)
    if found is None or found.origin is None:
        raise UserError(f"this dataset comes with the package {package}: pip install 'archlab[samples]'")
    return Path(found.origin).parent
