"""The standard streams, whatever they are when a command starts: closed, full, or gone while it runs."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, redirect_stdout
from typing import Any, TextIO

import click

from archlab.foundation.escaping import in_one_line, visible
from archlab.foundation.machine import is_open
from archlab.foundation.warnings_told import warnings_told

_for_documents: list[TextIO] = []


def mend_streams() -> None:
    """Opens the closed ones on nothing, and makes standard error one that takes whatever is said, heard or not, and standard
    output one that takes any character."""
    replaced = sys.stderr is not sys.__stderr__  # by whoever calls archlab from Python
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if not is_open(descriptor):
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest free number is this one
        if getattr(sys, name) is None:
            stream = open(descriptor, "w" if descriptor else "r", errors="backslashreplace", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout is sys.__stdout__:
        sys.stdout.reconfigure(errors="backslashreplace")  # of what its encoding has no character for
    if not replaced:
        raw = io.BufferedWriter(_Unfailing(2, "w", closefd=False))
        encoding = sys.stderr.encoding if sys.stderr else None
        sys.stderr = io.TextIOWrapper(raw, encoding, errors="backslashreplace", line_buffering=True)


def echo(text: str = "", *, err: bool = False, nl: bool = True) -> None:
    r"""Prints a line; what is no text in it as `\udcff`, and on a terminal without the control characters that names of others
    may hold."""
    stream = sys.stderr if err else [sys.stdout, *_for_documents][-1]
    written = visible(text) if stream.isatty() else text.encode(errors="backslashreplace").decode()
    click.echo(written, file=stream, nl=nl)


@contextmanager
def documents_alone() -> Iterator[None]:
    """Within, standard output takes what `echo` prints alone: what code of the user's own prints goes to standard error."""
    _for_documents.append(sys.stdout)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _for_documents.pop()


def told_warnings() -> AbstractContextManager[None]:
    """Within, what archlab warns of is told on standard error."""
    return warnings_told(lambda words: echo(in_one_line(words), err=True))


def leave_standard_output() -> None:
    """What it has not taken by now it never will: Python would try again at exit, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Unfailing(io.FileIO):
    def write(self, content: Any) -> int:
        try:
            return super().write(content)
        except OSError:
            return len(content)
