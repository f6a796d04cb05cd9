"""What the command line does with what goes wrong."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import warnings

import click
import pytest

from archlab.cli import main as module
from archlab.foundation import UserError

ARCHLAB = [sys.executable, "-m", "archlab"]


@pytest.fixture
def call(command, monkeypatch):
    """Calls the command line, `archlab models` replaced by a function."""

    def run(function, *arguments):
        monkeypatch.setattr(module._LazyGroup, "get_command", lambda *_: click.Command("models", callback=function))
        return command(*(arguments or ["models"]))

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


def test_a_working_directory_that_is_gone_is_called_so(command, tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.delenv("ARCHLAB_HOME", raising=False)
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    told = "error: the folder that this was started in is there no longer: `cd` to another\n"
    assert command("runs", "list") == (2, "", told)


def test_what_nobody_foresaw_is_one_line_and_its_traceback_a_file(call, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code, out, err = call(raises(ZeroDivisionError("by\nnothing")))
    (file,) = tmp_path.iterdir()
    line = f"error: a fault of archlab: ZeroDivisionError: by nothing; the traceback is in {file}, please report it\n"
    assert (code, out, err) == (3, "", line)
    assert file.read_text().startswith("archlab models\nTraceback") and "test_main.py" in file.read_text()


def test_without_a_file_for_it_the_traceback_is_shown(call, monkeypatch):
    monkeypatch.setattr(tempfile, "mkstemp", _full)
    code, _, err = call(raises(ZeroDivisionError("by nothing")))
    assert (
        code == 3 and "Traceback" in err and err.splitlines()[-1].startswith("error: a fault of archlab: ZeroDivision")
    )


def _full(*_, **__):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("error", [MemoryError(), ImportError("libx.so: failed to map segment from shared object")])
def test_a_lack_of_memory_is_called_so(call, error):
    code, _, err = call(raises(error))
    assert code == 2 and err.startswith("error: out of memory") and err.count("\n") == 1


def test_code_of_the_users_does_not_end_archlab_without_a_word(call):
    assert call(raises(SystemExit(0))) == (2, "", "error: code of the study's own ended archlab: sys.exit(0)\n")


def test_warnings_of_libraries_are_not_shown(call):
    def warn(**_):
        warnings.warn("a library is old", DeprecationWarning, stacklevel=1)
        warnings.warn("and a number small", RuntimeWarning, stacklevel=1)

    with warnings.catch_warnings():
        assert call(warn) == (0, "", "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "streams", "code"),
    [
        ("bild", "2>/dev/full", 2),
        ("bild", "2>&-", 2),
        ("models list", "<&- >&- 2>&-", 0),
        ("models list", "2>/dev/full", 0),
        ("models list", ">/dev/full", 2),
        ("models list", ">/dev/full 2>/dev/full", 2),
    ],
)
def test_closed_and_full_streams_decide_nothing_else(arguments, streams, code):
    line = f"'{sys.executable}' -m archlab {arguments} {streams}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True)
    assert done.returncode == code
    if streams == ">/dev/full":
        assert done.stderr == "error: [Errno 28] No space left on device\n"
    elif "2>" in streams:
        assert done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bild"], "error: archlab has no command 'bild' - did you mean 'build'?\n"),
        (["help"], f"error: archlab has no command 'help'; there are {', '.join(module.COMMANDS)}\n"),
        (["--vresion"], "error: no such option --vresion - did you mean '--version'?\n"),
        (["--zzz"], "error: no such option --zzz\n"),
    ],
)
def test_wrong_words_are_one_line(call, arguments, message):
    assert call(lambda: None, *arguments) == (2, "", message)


def test_nothing_at_all_shows_the_help(command):
    code, shown, _ = command()
    assert code == 2 and all(name in shown for name in module.COMMANDS)


def test_help_imports_nothing_that_takes_long():
    program = "import sys; from archlab.cli.main import COMMANDS, cli\n"
    program += "for words in ([], *([name] for name in COMMANDS)): cli([*words, '--help'], standalone_mode=False)\n"
    program += "print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "click" in loaded and not loaded & {"torch", "numpy", "pandas", "scipy", "optuna", "sklearn", "matplotlib"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "first"), [("models show mobilenetv2 --json", "{\n"), ("models show mobilenetv2", "mobilenetv2: ")]
)
def test_a_reader_that_leaves_early_is_no_fault(arguments, first):
    """Whether the output is one write or many."""
    command = f"'{sys.executable}' -m archlab {arguments} | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(first) and done.stderr == ""


def test_a_study_without_its_option_is_told_where_it_goes(command):
    code, out, err = command("ablate", "my_study.yaml")
    assert (code, out) == (2, "") and err.endswith("(my_study.yaml); a study is given as `--spec STUDY`\n")
