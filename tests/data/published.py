"""Archives as the owners of datasets publish them, made small."""

import hashlib
import io
import tarfile

from archlab.data.listing import SPLITS


def encoded(make_picture, seed, format="JPEG", size=(40, 30)):
    buffer = io.BytesIO()
    make_picture(seed, size).save(buffer, format=format)
    return buffer.getvalue()


def tar(path, files, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), 1_300_000_000
            archive.addfile(info, io.BytesIO(content))


def md5(path):
    return "md5:" + hashlib.md5(path.read_bytes()).hexdigest()


def sizes(prepared):
    return [len(prepared.labels(split)) for split in SPLITS]
