"""Resolving a study: settled once, and kept until anything that it rests on changes.

Settling builds and counts architectures, so it imports torch; reading what is kept does not.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from hashlib import sha256
from importlib import resources
from pathlib import Path

from archlab.foundation import files_read, read_file, read_yaml, write_file
from archlab.foundation.sealed import read_sealed, seal
from archlab.study.resolved import ResolvedStudy
from archlab.study.shipped import study_path
from archlab.study.source import StudySource, parts

FORMAT = 1


def resolve(source: StudySource, home: Path) -> ResolvedStudy:
    """The settled study of a name, a file or a mapping; from `<home>/cache/studies` where nothing has changed since.

    Raises UserError for anything wrong in the study.
    """
    written, overridden = parts(source)
    if isinstance(written, dict):
        return _settled(source, home)
    path = study_path(written)
    read_yaml(path)  # tells what is wrong with the file itself
    asked = f"{path} {path.absolute()} {_package()}"
    if overridden:
        asked += f" {overridden} {Path.cwd()}"
    name = sha256(asked.encode(errors="surrogatepass")).hexdigest()[:32]  # a file's name may be no text
    kept = home / "cache" / "studies" / f"{name}.json"
    if found := _read_kept(kept):
        return found
    with files_read() as files:
        resolved = _settled(source, home)
    digests = {str(file): _digest(file) for file in sorted(files)}
    with suppress(OSError):  # a store that must not be written settles it each time
        write_file(kept, seal({"format": FORMAT, "files": digests, "study": resolved.document()}))
    return resolved


def _read_kept(kept: Path) -> ResolvedStudy | None:
    try:
        record = read_sealed(kept)
        if (
            record
            and record["format"] == FORMAT
            and all(_digest(Path(file)) == digest for file, digest in record["files"].items())
        ):
            return ResolvedStudy.from_document(record["study"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not kept, or not whole
    return None


def _digest(path: Path) -> str:
    return sha256(read_file(path)).hexdigest()


@cache
def _package() -> str:
    """The digest of archlab's own sources and data, blocks among them: any change settles studies anew."""
    whole = sha256()
    for package in ("archlab", "blocks"):
        folder = Path(str(resources.files("archlab"))).parent / package
        for path in sorted(path for pattern in ("*.py", "*.yaml") for path in folder.rglob(pattern)):
            whole.update(f"{path.relative_to(folder)} {_digest(path)}\n".encode())
    return whole.hexdigest()


def _settled(source: StudySource, home: Path) -> ResolvedStudy:
    from archlab.study.settling import settled  # imports torch

    return settled(source, home)
