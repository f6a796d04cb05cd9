"""The archives of the published study as people have them: repacked, unpacked, one folder deeper."""

import io
import shutil
import zipfile

from tests.data.conftest import picture
from tests.data.published import tar

SCENES = ("bar", "cloister", "dining_room")
BREEDS = ("n02085620-Chihuahua", "n02085782-Japanese_spaniel", "n02085936-Maltese_dog")


def image(seed):
    buffer = io.BytesIO()
    picture(seed, (12, 10)).save(buffer, format="PNG")
    return buffer.getvalue()


def write(root, files):
    """Files by path below `root`; a number stands for an image."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image(content) if isinstance(content, int) else content)
    return root


def in_classes(classes, below="", count=6, start=0):
    return {
        f"{below}{name}/{n}.png": start + 100 * c + n
        for c, name in enumerate(classes)
        for n in range(start, start + count)
    }


def zipped(root, path):
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(root.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(root))
                archive.writestr(f"__MACOSX/{file.relative_to(root).parent}/._{file.name}", b"resource fork")
    return path


PACKINGS = ("folder", "deeper", "zip", "zip in a folder", "tar")
FEW = ("deeper", "zip")


def packed(root, how, tmp_path):
    """What somebody has of the folder `root`."""
    if how == "folder":
        return root
    if how == "deeper":
        shutil.move(root, tmp_path / "archive" / "download" / root.name)
        return tmp_path / "archive"
    files = {str(file.relative_to(root)): file.read_bytes() for file in sorted(root.rglob("*")) if file.is_file()}
    if how == "tar":
        tar(tmp_path / "all.tar.gz", {f"deeper/{name}": content for name, content in files.items()}, "w:gz")
        return tmp_path / "all.tar.gz"
    (tmp_path / "download").mkdir()
    path = zipped(root, tmp_path / "download" / "archive (1).zip")
    return path if how == "zip" else path.parent


def classes_by_name(prepared):
    """The class of every image, by its name in the source."""
    return {
        name: prepared.class_names[label]
        for split in ("train", "validation", "test")
        for name, label in zip(prepared.names(split), prepared.labels(split), strict=True)
    }
