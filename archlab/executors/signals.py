"""Signals that are handled otherwise for a while."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def handling(numbers: tuple[int, ...], handler: Callable[[int, Any], object]) -> Iterator[None]:
    """Within, the handler is called for these signals. Outside the main thread they stay as they are."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
