"""What names of others can do to a terminal: nothing."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from archlab.cli.streams import echo, told_warnings

CLI = Path(__file__).parents[2] / "archlab" / "cli"
ARCHLAB = [sys.executable, "-m", "archlab"]
TABLE = "model,one,two,three\n\x1b[31mred\x1b[2J,.1,.2,.3\nb\x9b,.4,.5,.7\nc,.7,.6,.9\n"


def on_a_terminal(command, folder):
    """What a command writes to a terminal."""
    pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=theirs, cwd=folder)
    os.close(theirs)
    hanging = threading.Timer(60, process.kill)
    hanging.start()
    said = b""
    while True:
        try:
            read = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not read:
            break
        said += read
    process.wait(timeout=60)
    hanging.cancel()
    os.close(ours)
    assert process.returncode >= 0, "it was killed"
    return said.decode()


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["score", "table.csv"], ["report", "table.csv"], ["score", "\x1b[2J.csv"]])
def test_control_characters_never_reach_a_terminal(tmp_path, arguments):
    (tmp_path / "table.csv").write_text(TABLE)
    said = on_a_terminal([*ARCHLAB, *arguments], tmp_path)
    assert "\x1b[31m" not in said and "\x1b[2J" not in said and "\x9b" not in said
    assert r"\x1b" in said


def test_commands_print_in_one_way():
    printing = {path.name for path in CLI.glob("*.py") if "click.echo(" in path.read_text()}
    assert printing == {"streams.py", "predict.py"}  # bytes, since names of files may be any


@pytest.mark.parametrize("err", [False, True])
def test_what_is_no_text_is_written_into_a_file_too(monkeypatch, err):
    file = io.TextIOWrapper(io.BytesIO(), "utf-8")
    monkeypatch.setattr(sys, "stderr" if err else "stdout", file)
    echo(os.fsdecode(b"caf\xc3\xa9 \xff"), err=err)
    file.flush()
    assert file.buffer.getvalue().decode() == "caf\u00e9 \\udcff\n"


def test_what_archlab_warns_of_is_one_line_of_text(capsys):
    with told_warnings():
        logging.getLogger("archlab").warning(os.fsdecode(b"two\nlines \x1b[31m\xff"))
    assert capsys.readouterr().err == "two lines \\x1b[31m\\udcff\n"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_what_an_encoding_has_no_character_for_is_written_all_the_same(encoding):
    """By `echo` and by rich."""
    program = "from archlab.cli.streams import echo, mend_streams; mend_streams(); echo('caf\\u00e9 \\u732b'); "
    program += "from archlab.cli.tables import print_table; print_table(['\\u732b'], [['\\u00e9']])"
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True)
    said = done.stdout.decode("cp1252" if encoding == "cp1252" else "utf-8")
    table = {"utf-8": ["猫", "é"], "cp1252": ["\\u732b", "é"], "ascii": ["\\u732b", "\\xe9"]}
    assert said.split()[-2:] == table[encoding]
    assert done.stderr == b"" and len(said.splitlines()) == 3
