"""Fetching the archives that the owners of a dataset publish."""

from __future__ import annotations

import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from tarfile import is_tarfile
from zipfile import is_zipfile

from archlab.data.archives import is_archive, verify
from archlab.data.entries import Archive
from archlab.foundation import UserError

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""

_BLOCK = 2**20
_SECONDS = 30  # without an answer


def download(archive: Archive, folder: Path, progress: Progress | None = None) -> Path:
    """The archive below `folder`, fetched where it is not there yet; an interrupted download is continued.

    Raises UserError, with the way round it, where the source cannot be reached, the checksum differs, or what should be an
    archive is none.
    """
    path, part = folder / archive.file, folder / (archive.file + ".part")
    if path.exists():
        return path
    if archive.url is None or not archive.url.startswith(("http://", "https://")):
        raise UserError(f"{archive.file} is not offered for download: get it from the owners and pass --from PATH")
    folder.mkdir(parents=True, exist_ok=True)
    have = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "archlab", **({"Range": f"bytes={have}-"} if have else {})}
    try:
        request = urllib.request.Request(archive.url, headers=headers)  # noqa: S310 (the scheme is checked above)
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
            if answer.status != 206:  # the server sends it from the start
                have = 0
            total = have + int(answer.headers.get("Content-Length") or 0)
            with part.open("ab" if have else "wb") as file:
                while block := answer.read(_BLOCK):
                    file.write(block)
                    have += len(block)
                    if progress:
                        progress(f"downloading {archive.file}", have, max(total, have))
        if have < total:
            raise urllib.error.URLError("the connection ended early; the same command continues")
    except (OSError, HTTPException, ValueError) as error:  # the last of an address that cannot be one
        if not (have and getattr(error, "code", None) == 416):  # 416: what is there already reaches to the end
            reason = getattr(error, "reason", error)
            said = f"{archive.url} cannot be fetched: {reason}; or get it yourself and pass --from PATH"
            raise UserError(said) from None
        if not archive.checksum:
            part.unlink()
            return download(archive, folder, progress)
    try:
        if archive.checksum:
            verify(part, archive.checksum)
        elif is_archive(path) and not (is_zipfile(part) or is_tarfile(part)):  # a page that asks to log in
            raise UserError(f"what {archive.url} gives is no archive: get it yourself and pass --from PATH")
    except UserError:
        part.unlink()
        raise
    shutil.move(part, path)
    return path
