"""Where archlab keeps things, and how it writes them: to a temporary name, then renamed."""

from __future__ import annotations

import errno
import os
import re
import shlex
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from uuid import uuid4

from archlab.foundation.errors import UserError
from archlab.foundation.machine import host_of_processes, is_alive

_SCRATCH = re.compile(r"\.(?P<host>.+?)\.(?P<pid>\d{1,9})\.[0-9a-f]{8}\.(?P<name>.+)\.part")

_read: ContextVar[set[Path] | None] = ContextVar("_read", default=None)


@contextmanager
def files_read() -> Iterator[set[Path]]:
    """Collects every file that `note_read` is told of inside it: the YAML and the own blocks that a study rests on."""
    files: set[Path] = set()
    token = _read.set(files)
    try:
        yield files
    finally:
        _read.reset(token)


def note_read(path: Path) -> None:
    files = _read.get()
    if files is not None:
        files.add(path.absolute())


def check_file(path: Path) -> Path:
    """The path of a file that has an end. Raises UserError for a pipe or a device, but for what a shell hands over, and for a
    name that no file can have."""
    handed_over = path.as_posix().startswith(("/dev/stdin", "/dev/fd/"))
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return path  # who reads it says so
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except ValueError:  # a NUL in it, or half a character
        raise UserError("no file can be called so", where=ascii(str(path))) from None
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or handed_over):
        raise UserError("is a pipe or a device, not a file", where=str(path))
    return path


def is_file(path: Path) -> bool:
    """Whether there is such a file, whatever the path is made of."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name too long for the file system, a NUL in it
        return False


def real(path: Path) -> Path:
    """The path without links, as far as there is one."""
    return Path(os.path.realpath(path))


def read_file(path: Path) -> bytes:
    """What a file holds. Raises OSError where it is none: a pipe would be waited for, a device has no end."""
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise OSError(errno.EINVAL, "is a pipe or a device, not a file", str(path))
    return path.read_bytes()


def home_path(store: str | Path | None = None) -> Path:
    """The folder of runs and prepared data: `store`, else ARCHLAB_HOME, else ./.archlab, whether it is there or not."""
    named = Path(store or os.environ.get("ARCHLAB_HOME") or ".archlab")
    try:
        return named.expanduser().absolute()  # a shell leaves the ~ of `--store=~/runs` as it is
    except RuntimeError:
        raise UserError("nobody's home folder is called so", where=str(named)) from None


def home_to_read(store: str | Path | None = None) -> Path:
    """As `home_path`. Raises UserError for what cannot hold runs."""
    path = home_path(store)
    try:
        str(path).encode()
    except UnicodeEncodeError:  # torch, Arrow and safetensors cannot open it
        raise UserError("a folder of runs needs a name in UTF-8", where=ascii(str(path))) from None
    if is_file(path):
        raise UserError("is a file: runs are kept in a folder", where=str(path))
    return path


def home(store: str | Path | None = None) -> Path:
    """As `home_to_read`, created where it is not there."""
    path = home_to_read(store)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot keep runs here: {error.strerror}", where=str(path)) from None
    return path


def with_store(command: str, home: Path | None) -> str:
    """A command for somebody to call, with --store where it is on another folder of runs than commands take by themselves."""
    return command if home in (None, home_path()) else f"{command} --store {shlex.quote(str(home))}"


def scratch(path: Path) -> Path:
    """A hidden path beside `path` that nobody else uses; `writer_of` says who does."""
    return path.with_name(f".{host_of_processes()}.{os.getpid()}.{uuid4().hex[:8]}.{path.name}.part")


def writer_of(path: Path) -> tuple[str, int] | None:
    """Host and process that made up a scratch name; None where it is none."""
    named = _SCRATCH.fullmatch(path.name)
    return (named["host"], int(named["pid"])) if named else None


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Within, an OSError that names no file, as of a full disk, names `path`."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


@contextmanager
def write_atomically(path: str | Path) -> Iterator[Path]:
    """Gives a temporary path beside `path`; on success it is synced and renamed to `path`, on failure removed."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = scratch(path)  # not by tempfile: others may read what is shared
    temporary.touch(exist_ok=False)
    try:
        with naming(path):
            yield temporary
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_file(path: str | Path, content: str | bytes) -> None:
    """Writes bytes, or a text in UTF-8, as `write_atomically` does."""
    with write_atomically(path) as temporary:
        if isinstance(content, str):
            temporary.write_text(content, encoding="utf-8")
        else:
            temporary.write_bytes(content)


def clear(path: Path) -> None:
    """Removes whatever is there, a folder with all in it, as far as that is possible."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:  # rmtree would wait at a pipe
        with suppress(OSError):
            path.unlink()


def clear_abandoned(path: Path) -> None:
    """Removes what processes of this machine that are gone have left of writing to `path`, under names that `scratch` made."""
    here = host_of_processes()
    for beside in path.parent.glob(".*.part"):
        named = _SCRATCH.fullmatch(beside.name)
        if named and (named["host"], named["name"]) == (here, path.name) and not is_alive(int(named["pid"])):
            clear(beside)


def replace_folder(part: Path, target: Path) -> None:
    """`part`, a folder beside `target`, takes its place; where it cannot, what was there is there again."""
    old = target.with_name(f".{target.name}.old")
    try:
        if os.path.lexists(target):  # else `old` may be all that is left by a process that was killed at this
            clear(old)
            target.rename(old)
        part.rename(target)
    finally:
        if not os.path.lexists(target) and os.path.lexists(old):
            old.rename(target)
    clear(old)
