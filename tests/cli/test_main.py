"""What the command line does with what goes wrong."""

from __future__ import annotations

import resource
import subprocess
import sys

import click
import pytest

from archlab.cli import main as module
from archlab.foundation import UserError

ARCHLAB = [sys.executable, "-c", "from archlab.cli.main import main; main()"]


@pytest.fixture
def call(monkeypatch, capsys):
    """Calls the command line, `archlab models` replaced by a function; gives exit code, standard output and error."""

    def run(function, *arguments):
        monkeypatch.setattr(module._LazyGroup, "get_command", lambda *_: click.Command("models", callback=function))
        monkeypatch.setattr(sys, "argv", ["archlab", *(arguments or ["models"])])
        with pytest.raises(SystemExit) as stopped:
            module.main()
        captured = capsys.readouterr()
        return stopped.value.code, captured.out, captured.err

    return run


def raises(error: BaseException):
    def function(**_):
        raise error

    return function


@pytest.mark.parametrize(
    ("function", "code", "message"),
    [
        (lambda: None, 0, ""),
        (lambda: 1, 1, ""),
        (raises(UserError("is\nempty", where="a.yaml:3")), 2, "error: a.yaml:3: is empty\n"),
        (raises(click.UsageError("Both cannot be.")), 2, "error: Both cannot be\n"),
        (raises(OSError(28, "No space left on device", "runs/x")), 2, "error: runs/x: No space left on device\n"),
        (raises(KeyboardInterrupt()), 130, "\n"),
    ],
)
def test_exit_codes(call, function, code, message):
    assert call(function) == (code, "", message)


def test_a_fault_of_the_program_keeps_its_traceback(monkeypatch):
    monkeypatch.setattr(module.cli, "main", raises(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        module.main()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bild"], "error: archlab has no command 'bild' - did you mean 'build'?\n"),
        (["--vresion"], "error: no such option --vresion - did you mean '--version'?\n"),
        (["--zzz"], "error: no such option --zzz\n"),
    ],
)
def test_wrong_words_are_one_line(call, arguments, message):
    assert call(lambda: None, *arguments) == (2, "", message)


def test_nothing_at_all_shows_the_help(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["archlab"])
    with pytest.raises(SystemExit, match="2"):
        module.main()
    shown = capsys.readouterr().out
    assert all(name in shown for name in module.COMMANDS)


def test_help_is_quick():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([*ARCHLAB, "--help"], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.3


def test_a_reader_that_leaves_early_is_no_traceback():
    command = (
        f"'{sys.executable}' -c 'from archlab.cli.main import main; main()' models show mobilenetv2 --json | head -1"
    )
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("{\n", "")
