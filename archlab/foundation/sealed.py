"""JSON with its own checksum, so that what has changed on the disk since is not believed."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from archlab.foundation.files import read_file


def checksum(value: Any) -> str:
    """SHA-256 over the JSON of a value."""
    return sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def seal(value: Any) -> str:
    """A value as text for a file."""
    value = json.loads(json.dumps(value))  # as a reader will see it
    return json.dumps({"checksum": checksum(value), "value": value})


def read_sealed(path: Path) -> Any | None:
    """The value in such a file; None where there is none, or not as it was written."""
    try:
        sealed = json.loads(read_file(path))
        return sealed["value"] if sealed["checksum"] == checksum(sealed["value"]) else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
