"""Hostile and damaged archives are refused, and leave nothing behind."""

import gzip
import hashlib
import io
import os
import stat
import tarfile
import zipfile

import pytest

from archlab.data import archives, prepare
from archlab.data.archives import unpack_all, verify
from archlab.foundation import UserError, clear, replace_folder


def tar(path, members, mode="w:gz"):
    """Members: (TarInfo or name, content)."""
    with tarfile.open(path, mode) as archive:
        for info, content in members:
            info = tarfile.TarInfo(info) if isinstance(info, str) else info
            if content is not None:
                info.size = len(content)
            archive.addfile(info, io.BytesIO(content or b""))
    return path


def link(name, target, kind):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def refused(archive, tmp_path, message):
    before = set(tmp_path.rglob("*"))
    target = tmp_path / "out"
    with pytest.raises(UserError, match=message) as caught:
        unpack_all({archive.name: archive}, target)
    assert archive.name in str(caught.value)
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz"])
def test_tar(tmp_path, suffix):
    mode = {".tar": "w", ".tgz": "w:gz"}.get(suffix, f"w:{suffix.rpartition('.')[2]}")
    archive = tar(tmp_path / f"a{suffix}", [("x/y.txt", b"hello"), ("z.txt", b"")], mode)
    unpack_all({archive.name: archive}, tmp_path / "out")
    assert (tmp_path / "out/x/y.txt").read_bytes() == b"hello" and (tmp_path / "out/z.txt").exists()
    assert not (tmp_path / "out.part").exists()


def test_zip_and_plain_files_go_into_one_folder(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x/é.txt", b"hello")
    (tmp_path / "list (1).txt").write_text("a list")
    unpack_all({"a.zip": tmp_path / "a.zip", "list.txt": tmp_path / "list (1).txt"}, tmp_path / "out")
    assert (tmp_path / "out/x/é.txt").read_bytes() == b"hello" and (tmp_path / "out/list.txt").read_text() == "a list"


def test_no_date_or_one_beyond_all_clocks(tmp_path):
    undated, wild = zipfile.ZipInfo("x"), tarfile.TarInfo("y")
    undated.date_time, wild.mtime = (1980, 0, 0, 0, 0, 0), 2**80
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(undated, b"1")
    tar(tmp_path / "b.tar", [(wild, b"2")], "w")
    unpack_all({name: tmp_path / name for name in ("a.zip", "b.tar")}, tmp_path / "out")
    assert [(tmp_path / "out" / name).stat().st_mtime for name in "xy"] == [0, 0]


def test_folders_of_a_zip_as_windows_packs_them(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("x\\", "x\\y\\", "x\\y\\z.txt"):
            archive.writestr(zipfile.ZipInfo(name), b"hello" if name.endswith(".txt") else b"")
    unpack_all({"a.zip": tmp_path / "a.zip"}, tmp_path / "out")
    assert (tmp_path / "out/x/y/z.txt").read_bytes() == b"hello"


def test_a_tar_that_ends_with_a_zip(tmp_path):
    zips = []
    for name in ("one", "two"):
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
            archive.writestr("x.txt", name)
        zips.append((f"{name}.zip", (tmp_path / f"{name}.zip").read_bytes()))
    unpack_all({"a.tar": tar(tmp_path / "a.tar", zips, "w")}, tmp_path / "out")
    assert [(tmp_path / "out" / name / "x.txt").read_text() for name in ("one", "two")] == ["one", "two"]


def test_colons_in_names(tmp_path):
    archive = tar(tmp_path / "a.tar", [("10:30/x:y.txt", b"hello")], "w")
    unpack_all({"a.tar": archive}, tmp_path / "out")
    assert (tmp_path / "out/10:30/x:y.txt").read_bytes() == b"hello"


def test_what_stands_twice_is_refused_by_its_name(tmp_path):
    for members in ([("x", b"1"), ("x", b"2")], [("x", b"1"), ("x/y", b"2")]):
        archive = tar(tmp_path / "a.tar", members, "w")
        refused(archive, tmp_path, f"holds '{members[1][0]}' twice, or a file and a folder of one name: refused")


def test_a_name_in_a_zip_that_is_no_text(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("é.txt", b"hello")
    content = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(content.replace("é".encode(), b"\xff\xfe"))
    refused(tmp_path / "a.zip", tmp_path, "damaged or cut short: .*can't decode")


def test_folders_count_as_members(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MOST_MEMBERS", 3)
    folders = [(link(f"d{number}", "", tarfile.DIRTYPE), None) for number in range(4)]
    refused(tar(tmp_path / "a.tar", folders, "w"), tmp_path, "more than 3 files and folders")


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/tmp/evil", "a/..", "C:/evil", "..\\evil"])
def test_paths_that_lead_out(tmp_path, name):
    refused(tar(tmp_path / "a.tar.gz", [("good", b"1"), (name, b"2")]), tmp_path, "leads out")
    (tmp_path / "a.tar.gz").unlink()
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("good", b"1")
        archive.writestr(name, b"2")
    refused(tmp_path / "a.zip", tmp_path, "leads out")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices(tmp_path, kind):
    members = [(link("out", "/etc", kind), None), ("out/passwd", b"me")]
    refused(tar(tmp_path / "a.tar", members, "w"), tmp_path, "link or a device")


def test_links_in_a_zip(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        info = zipfile.ZipInfo("out")
        info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    refused(tmp_path / "a.zip", tmp_path, "link or a device")


def test_a_gigabyte_of_zeros(tmp_path):
    zeros = tarfile.TarInfo("zeros")
    zeros.size = 2**30
    with gzip.open(tmp_path / "a.tar.gz", "wb", compresslevel=1) as file:
        file.write(zeros.tobuf())
        for _ in range(4):  # the rest is cut off: it must be refused before it is read
            file.write(bytes(2**20))
    refused(tmp_path / "a.tar.gz", tmp_path, "more than 20 times")


@pytest.mark.slow
def test_a_zip_bomb(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive, archive.open("zeros", "w") as file:
        for _ in range(200):
            file.write(bytes(2**20))
    refused(tmp_path / "a.zip", tmp_path, "more than 20 times")


def test_many_small_bombs_add_up(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(8):
            archive.writestr(f"{number}", bytes(12 * 2**20))
    refused(tmp_path / "a.zip", tmp_path, "more than 20 times")


def test_a_zip_that_lies_about_a_size(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("x", b"0123456789")
    content = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(content.replace(b"\x0a\x00\x00\x00\x0a\x00\x00\x00", b"\x0a\0\0\0\x05\0\0\0"))
    refused(tmp_path / "a.zip", tmp_path, "damaged")


@pytest.mark.parametrize("share", [0.3, 0.7, 0.99])
def test_truncated(tmp_path, share):
    import random

    noise = random.Random(0).randbytes(100_000)
    for path in (
        tar(tmp_path / "a.tar.gz", [("x", noise), ("y", noise)]),
        tar(tmp_path / "b.tar", [("x", noise)], "w"),
    ):
        content = path.read_bytes()
        path.write_bytes(content[: int(share * (len(content) if path.suffix == ".gz" else len(noise)))])
        refused(path, tmp_path, "damaged or cut short")
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("x", noise)
    content = (tmp_path / "c.zip").read_bytes()
    (tmp_path / "c.zip").write_bytes(content[: int(share * len(content))])
    refused(tmp_path / "c.zip", tmp_path, "damaged or cut short")


def test_not_an_archive(tmp_path):
    (tmp_path / "a.tar.gz").write_text("<html>404</html>")
    refused(tmp_path / "a.tar.gz", tmp_path, "damaged")


def test_checksums(tmp_path):
    path = tmp_path / "a.tar"
    path.write_bytes(b"content")
    verify(path, f"md5:{hashlib.md5(b'content').hexdigest()}")
    verify(path, f"sha256:{hashlib.sha256(b'content').hexdigest()}")
    with pytest.raises(UserError, match="checksum"):
        verify(path, "md5:" + "0" * 32)


def headers(archive, kind, size, count):
    """A small archive of headers alone, of which a reader could keep far more than the archive has."""
    info = tarfile.TarInfo("long")
    info.type, info.size = kind, size
    block = info.tobuf(tarfile.GNU_FORMAT) + b"a" * size + b"\0" * (-size % 512)
    archive.write_bytes(gzip.compress(block * count, compresslevel=1))
    return archive


@pytest.mark.parametrize(
    ("kind", "size", "count"),
    [
        (tarfile.GNUTYPE_LONGNAME, 3 * 2**20, 1),
        (tarfile.XHDTYPE, 3 * 2**20, 1),
        (tarfile.XGLTYPE, 2**19, 40),
        (tarfile.DIRTYPE, 0, 40_000),
        (tarfile.REGTYPE, 0, 40_000),
    ],
)
def test_headers_out_of_all_proportion(tmp_path, monkeypatch, kind, size, count):
    monkeypatch.setattr(archives, "_FREE_BYTES", 2**24)
    names = iter(range(count))
    archive = headers(tmp_path / "headers.tar.gz", kind, size, count)
    if kind in (tarfile.DIRTYPE, tarfile.REGTYPE):  # the same name again and again is refused for itself
        monkeypatch.setattr(archives, "_FREE_BYTES", 0)
        monkeypatch.setattr(archives, "_inside", lambda name, path: f"{next(names)}")
    refused(archive, tmp_path, "headers out of all proportion")


@pytest.mark.parametrize("name", ["photos.zip", "photos.tar.gz"])
def test_pipes_and_devices_are_no_archives(home, tmp_path, describe, name):
    """As the source, and in a folder that is the source."""
    describe("mine", like="stanford_dogs")
    for kind in (os.mkfifo, lambda path: path.symlink_to("/dev/zero")):
        path = tmp_path / kind.__name__.strip("<>") / name
        path.parent.mkdir()
        kind(path)
        for source in (path, path.parent):
            with pytest.raises(UserError, match=r"is a pipe or a device|cannot be unpacked|missing"):
                prepare("mine", home, source=source)


def test_a_pipe_among_what_is_cleared_is_not_waited_for(tmp_path):
    for make in (os.mkfifo, lambda path: path.symlink_to(path), lambda path: path.mkdir(), lambda path: path.touch()):
        make(tmp_path / "x")
        clear(tmp_path / "x")
        assert not os.path.lexists(tmp_path / "x")
        part, target = tmp_path / "part", tmp_path / "target"
        part.mkdir(exist_ok=True)
        (part / "file").touch()
        make(target)
        replace_folder(part, target)
        assert (target / "file").exists()
        clear(target)
