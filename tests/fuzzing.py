"""Tries many damaged inputs in a process of its own: a crash, a hang and a lack of memory are told like any other fault."""

from __future__ import annotations

import contextlib
import os
import pickle
import resource
import signal
import sys
import traceback
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from archlab.foundation.escaping import visible

MEMORY = 6 * 2**30  # bytes that the process may have
PATIENCE = 200  # seconds after which an input counts as a hang, a hundred times what any has taken
LONGEST = 2000  # characters of a message


@dataclass
class Tried:
    """How many inputs came to what, and what was wrong, the number of the input first."""

    outcomes: Counter = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def check(self, number: int, *outcomes: str) -> None:
        """That all came to one of these, and none to a fault."""
        assert not self.faults, "\n".join(self.faults[:20])
        assert sum(self.outcomes[each] for each in outcomes) == self.outcomes.total() == number


def try_all(attempt: Callable[[int], str], number: int, folder: Path) -> Tried:
    """What `attempt` says of the inputs 0 to `number`; what it raises is a fault."""
    told, at = folder / "tried.pickle", folder / "at"
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
            told.write_bytes(pickle.dumps(_try(attempt, number, at)))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if not told.exists():
        return Tried(faults=[f"{at.read_text()}: the process ended, status {status}"])
    return pickle.loads(told.read_bytes())


def _try(attempt: Callable[[int], str], number: int, at: Path) -> Tried:
    tried = Tried()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    for each in range(number):
        at.write_text(str(each))
        signal.alarm(PATIENCE)
        try:
            tried.outcomes[attempt(each)] += 1
        except BaseException as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            tried.faults.append(
                f"{each}: {type(error).__name__}: {str(error)[:300]!r} in {last.filename}:{last.lineno}"
            )
    signal.alarm(0)
    return tried


def check_message(message: str, named: str) -> None:
    """One line of bounded length, without what a terminal obeys, about the thing called `named`."""
    assert not any(unicodedata.category(each) in ("Cc", "Cs", "Cf", "Zl", "Zp") for each in message), (
        f"not one line: {message!r}"
    )
    assert len(message) <= LONGEST, f"{len(message)} characters: {message!r}"
    assert named in message, f"does not name {named}: {message!r}"


def called(arguments: list[str]) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of the command line, called in this process."""
    import io

    from archlab.cli.main import main

    out, err, before = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["archlab", *arguments]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as end:
        return int(end.code or 0), out.getvalue(), err.getvalue()
    finally:
        sys.argv = before
    raise AssertionError("the command did not end")


def check_called(arguments: list[str], named: str) -> str:
    """`loaded` or `refused` in one line, and never anything else."""
    code, _, err = called(arguments)
    assert code in (0, 1, 2), f"exit code {code} of {' '.join(arguments)}: {err[-500:]}"
    assert "Traceback" not in err
    lines = [line for line in err.split("\n") if line]
    for line in lines:
        check_message(visible(line), "")  # which `echo` sees to on a terminal
    if code == 2:
        assert (
            lines
            and lines[-1].startswith("error: ")
            and len([line for line in lines if line.startswith("error: ")]) == 1
        )
        check_message(lines[-1], named)
    return "refused" if code == 2 else "loaded"
