"""JSON files that others may have written or damaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from archlab.foundation.errors import UserError
from archlab.foundation.files import check_file


def read_json(path: str | Path) -> Any:
    """What a file holds. Raises FileNotFoundError where there is none, and UserError for whatever else is wrong with it."""
    path = Path(path)
    try:
        return json.loads(check_file(path).read_bytes())
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except RecursionError:
        raise UserError("not valid JSON: nested too deeply", where=str(path)) from None
    except ValueError as error:  # a number of thousands of digits and undecodable text too
        raise UserError(f"not valid JSON: {error}", where=str(path)) from None
