"""What archlab warns of while it works, told to whoever is to hear it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def warnings_told(tell: Callable[[str], None]) -> Iterator[None]:
    """Within, `tell` is called with every warning of archlab's in this process."""
    handler, log = logging.Handler(logging.WARNING), logging.getLogger("archlab")
    handler.emit = lambda record: tell(record.getMessage())  # type: ignore[method-assign]
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
