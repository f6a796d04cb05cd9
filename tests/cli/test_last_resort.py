"""A fault that nobody foresaw, and warnings of libraries, in every command that there is."""

from __future__ import annotations

import logging
import subprocess
import sys
import tempfile
import warnings

import click
import pytest

from archlab.cli.main import cli


def commands(group: click.Group = cli, before: tuple[str, ...] = ()) -> dict[tuple[str, ...], click.Command]:
    """Every command by the words that call it."""
    found: dict[tuple[str, ...], click.Command] = {}
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        words = (*before, name)
        found |= commands(command, words) if isinstance(command, click.Group) else {words: command}
    return found


COMMANDS = commands()


@pytest.fixture
def call(command, monkeypatch):
    """Calls a command with nothing given, and a function in its place."""

    def run(words, function):
        called = COMMANDS[words]
        monkeypatch.setattr(called, "callback", function)
        monkeypatch.setattr(called, "params", [])
        return command(*words)

    return run


def test_there_are_many():
    assert len(COMMANDS) > 25 and {("ablate",), ("runs", "list"), ("datasets", "prepare")} <= COMMANDS.keys()


@pytest.mark.parametrize(
    "error",
    [ZeroDivisionError("by\nnothing \x1b[31m"), RecursionError("deep"), GeneratorExit(), KeyError("\ud800")],
    ids=repr,
)
def test_a_fault_is_one_line_and_exit_code_3_in_every_command(call, tmp_path, monkeypatch, error):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def fails(**_):
        raise error

    said = ""
    for words in COMMANDS:
        code, out, err = call(words, fails)
        said += err
        assert (code, out) == (3, ""), words
        assert err.startswith(f"error: a fault of archlab: {type(error).__name__}: ") and err.count("\n") == 1, err
        assert err[:-1].isprintable()
    files = list(tmp_path.iterdir())
    assert len(files) == len(COMMANDS)
    assert all("Traceback" in file.read_text() and file.name in said for file in files)


def test_what_is_to_be_reported_holds_no_password(call, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def fails(**_):
        sys.argv += ["--storage", "postgresql://me:se:c/ret@host/name"]
        raise ValueError("postgresql://me:se:c/ret@host/name")

    code, _, err = call(("search",), fails)
    (file,) = tmp_path.iterdir()
    assert code == 3 and "ret@" not in err + file.read_text()
    assert "archlab search --storage postgresql://me:***@host/name\n" in file.read_text()


def test_warnings_of_libraries_are_shown_by_no_command(call):
    def warns(**_):
        warnings.warn("a library is old", DeprecationWarning, stacklevel=1)
        warnings.warn("Glyph 128512 missing from font(s) DejaVu Sans.", UserWarning, stacklevel=1)
        logging.getLogger("matplotlib.font_manager").warning("findfont: no such font")
        logging.getLogger("PIL.Image").error("a broken picture")

    for words in COMMANDS:
        with warnings.catch_warnings():
            assert call(words, warns) == (0, "", ""), words


RAW = """
import logging, sys, warnings
from archlab.cli import main as module
import click

def warns(**_):
    logging.getLogger("matplotlib.font_manager").warning("findfont: no such font")
    logging.getLogger("PIL.Image").error("a broken picture")
    logging.warning("nobody's")
    warnings.warn("Glyph 128512 missing from font(s) DejaVu Sans.", UserWarning)
    logging.getLogger("archlab").warning("warning: archlab's own\\nand more")

module._LazyGroup.get_command = lambda *_: click.Command("models", callback=warns)
sys.argv = ["archlab", "models"]
module.main()
"""


def test_only_what_archlab_itself_warns_of_is_told():
    done = subprocess.run([sys.executable, "-c", RAW], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "warning: archlab's own and more\n")
