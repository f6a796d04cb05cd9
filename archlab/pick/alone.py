"""That no other process is at the same pick: of two at once the later would take the place of the other without a word."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from archlab.foundation import UserError
from archlab.runs import Store
from archlab.runs.lock import lock
from archlab.runs.run import digest


@contextmanager
def alone(store: Store, what: str, refusal: UserError) -> Iterator[None]:
    """Within, no other process with this store is at `what`. Raises the refusal where one is."""
    folder = store.home / "cache" / "picks" / f"{digest(what)[:32]}.lock"
    with lock(folder) as held:
        if not held:
            raise refusal
        try:
            yield
        finally:
            shutil.rmtree(folder, ignore_errors=True)
