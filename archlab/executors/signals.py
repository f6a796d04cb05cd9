"""Signals that are handled otherwise for a while."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def handling(numbers: tuple[int, ...], handler: Callable[[int, Any], object]) -> Iterator[None]:
    """Within, the handler is called for these signals, of which SIGTERM is one, and a terminal that is closed sends that.

    Outside the main thread they stay as they are.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in numbers}
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # else `nohup` ignores it, or another `handling` has it
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, _hang_up)
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def _hang_up(*_: object) -> None:
    """SIGTERM, once: of a terminal that is closed the shell and the system both tell."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.raise_signal(signal.SIGTERM)
