"""Fetching archives, from a server on this machine."""

import hashlib
import http.server
import io
import tarfile
import threading

import pytest

from archlab.data import prepare
from archlab.data.download import download
from archlab.data.entries import Archive
from archlab.foundation import UserError


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves `files`; knows ranges; breaks off after `patience` bytes."""

    files: dict[str, bytes]
    patience: int | None
    asked: list[str]

    def do_GET(self):
        content = self.files.get(self.path.lstrip("/"))
        wanted = self.headers.get("Range", "")
        self.asked.append(wanted)
        if content is None:
            self.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if start and start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start:][: self.patience])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    handler = type("OfThisTest", (Handler,), {"files": {}, "patience": None, "asked": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    handler.url = f"http://127.0.0.1:{server.server_port}"
    yield handler
    server.shutdown()
    server.server_close()


def sha256(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def test_fetched_once_and_verified(server, tmp_path):
    server.files["a.zip"] = b"content" * 1000
    archive = Archive("a.zip", f"{server.url}/a.zip", sha256(server.files["a.zip"]))
    seen = []
    path = download(archive, tmp_path, lambda *step: seen.append(step))
    assert path.read_bytes() == server.files["a.zip"] and seen[-1] == ("downloading a.zip", 7000, 7000)
    assert download(archive, tmp_path) == path and len(server.asked) == 1


def test_continued_where_it_broke_off(server, tmp_path):
    server.files["a.zip"] = bytes(range(256)) * 40
    server.patience = 3000
    archive = Archive("a.zip", f"{server.url}/a.zip", sha256(server.files["a.zip"]))
    with pytest.raises(UserError, match="cannot be fetched"):
        download(archive, tmp_path)
    assert not (tmp_path / "a.zip").exists()
    server.patience = None
    assert download(archive, tmp_path).read_bytes() == server.files["a.zip"]
    assert server.asked[-1] == "bytes=3000-"


@pytest.mark.parametrize("checksum", [True, False])
def test_all_there_but_not_yet_moved(server, tmp_path, checksum):
    server.files["a.txt"] = b"content" * 1000
    (tmp_path / "a.txt.part").write_bytes(server.files["a.txt"])
    archive = Archive("a.txt", f"{server.url}/a.txt", sha256(server.files["a.txt"]) if checksum else None)
    assert download(archive, tmp_path).read_bytes() == server.files["a.txt"]
    assert server.asked == (["bytes=7000-"] if checksum else ["bytes=7000-", ""])


def test_another_file_than_published_is_thrown_away(server, tmp_path):
    server.files["a.zip"] = b"something else"
    with pytest.raises(UserError, match="checksum"):
        download(Archive("a.zip", f"{server.url}/a.zip", sha256(b"content")), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_page_in_the_place_of_an_archive_is_not_kept(server, tmp_path):
    archive, packed = Archive("a.tar", f"{server.url}/a.tar"), io.BytesIO()
    server.files["a.tar"] = b"<html>Who are you?</html>"
    with pytest.raises(UserError, match=r"a\.tar gives is no archive: get it yourself and pass --from PATH"):
        download(archive, tmp_path)
    with tarfile.open(fileobj=packed, mode="w") as file:
        file.addfile(tarfile.TarInfo("x"))
    server.files["a.tar"] = packed.getvalue()
    assert download(archive, tmp_path).read_bytes() == packed.getvalue()


@pytest.mark.parametrize("url", [None, "file:///etc/passwd", "ftp://example.org/a.zip"])
def test_nothing_to_fetch(tmp_path, url):
    with pytest.raises(UserError, match=r"not offered for download.*--from PATH"):
        download(Archive("a.zip", url), tmp_path)


def test_an_address_that_is_not_ascii_is_told(tmp_path):
    with pytest.raises(UserError, match=r"\u00e4\.zip cannot be fetched: .*; or get it yourself and pass --from PATH"):
        download(Archive("a.zip", "http://127.0.0.1/\u00e4.zip"), tmp_path)


def test_not_there(server, tmp_path):
    with pytest.raises(UserError, match="cannot be fetched: Not Found; or get it yourself and pass --from PATH"):
        download(Archive("a.zip", f"{server.url}/a.zip"), tmp_path)


def test_prepare_downloads(server, home, fill, describe):
    root = fill({"train/n01440764": 10, "val/n01440764": 2, "train/n02102040": 10, "val/n02102040": 2})
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.add(root, "imagenette2-160")
    server.files["little.tgz"] = buffer.getvalue()
    archives = [{"file": "little.tgz", "url": f"{server.url}/little.tgz", "checksum": sha256(buffer.getvalue())}]
    describe("little", like="imagenette", classes=2, archives=archives, resolution=16)
    prepared = prepare("little", home)
    assert prepared.class_names == ["tench", "English springer"]
    assert [len(prepared.labels(split)) for split in ("train", "validation", "test")] == [18, 2, 4]
    prepare("little", home, resolution=8)
    assert len(server.asked) == 1
