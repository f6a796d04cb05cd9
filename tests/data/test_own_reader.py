"""A reader of one's own: a function in a file, named by path in the catalogue."""

import numpy as np
import pytest

from archlab.data import add_dataset, entry, inspect, open_prepared, prepare
from archlab.data.reading import own_source
from archlab.foundation import UserError
from tests.data.published import sizes

READER = """
from pathlib import Path

import numpy as np

from archlab.data import ImageArray, Listing


def read(root: Path | None, *, path: Path, share: float = 1.0) -> Listing:
    held = np.load(path)
    count = int(share * len(held["labels"]))
    return Listing(("dark", "bright"), ImageArray(held["pixels"][:count]), held["labels"][:count], np.full(count, ""))
"""


@pytest.fixture
def arrays(tmp_path):
    """60 grey images of 12 pixels, dark and bright in turn."""
    labels = np.arange(60) % 2
    pixels = np.random.RandomState(0).randint(0, 100, (60, 12, 12)) + 100 * labels[:, None, None]
    np.savez(tmp_path / "images.npz", pixels=pixels.astype(np.uint8), labels=labels)
    return tmp_path / "images.npz"


@pytest.fixture
def reader(tmp_path):
    path = tmp_path / "my_reader.py"
    path.write_text(READER)
    return path


def test_from_adding_to_checking(home, arrays, reader, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    described, listing, _ = add_dataset(
        "mine", home, *own_source("my_reader.py:read", {"path": "images.npz", "share": 0.5}), {}
    )
    assert described.source == f"{reader}:read" and described.options == {"path": str(arrays), "share": 0.5}
    assert described.resolution == 12 and len(listing.labels) == 30
    monkeypatch.chdir("/")
    prepared = prepare("mine", home, workers=2)
    assert prepared.class_names == ["dark", "bright"] and sum(sizes(prepared)) == 30
    bright = prepared.images("train").mean((1, 2, 3)) > 100
    assert (bright == prepared.labels("train")).all()
    assert not inspect(prepared).conflicts


def test_a_reader_that_finds_nothing(home, arrays, reader):
    source = own_source(f"{reader}:read", {"path": str(arrays), "share": 0.0})
    with pytest.raises(UserError, match=r"my_reader\.py:read has found no images$"):
        add_dataset("mine", home, *source, {})


def test_paths_are_relative_to_the_entry(home, arrays, reader, describe):
    entries = describe("mine", source={"my_reader.py:read": {"path": "images.npz"}}).parent
    for path in (arrays, reader):
        path.rename(entries / path.name)
    assert sum(sizes(prepare("mine", home))) == 60


def test_what_is_prepared_needs_no_reader_and_a_changed_reader_prepares_anew(home, arrays, reader, describe):
    describe("mine", source={f"{reader}:read": {"path": str(arrays)}})
    first = prepare("mine", home).digest
    assert prepare("mine", home).digest == first
    reader.write_text(READER.replace("[:count]", "[:count][::-1]"))
    assert prepare("mine", home).digest != first
    reader.unlink()
    assert sum(sizes(open_prepared("mine", home))) == 60
    with pytest.raises(UserError, match=r"my_reader\.py cannot be read"):
        prepare("mine", home)


def test_a_changed_reader_of_archives_is_called_again(home, arrays, reader, describe):
    reader.write_text(READER.replace("np.load(path)", "np.load(root / path.name)"))
    describe(
        "mine",
        source={f"{reader}:read": {"path": "images.npz"}},
        archives=[{"file": "images.npz"}, {"file": "more.zip"}],
    )
    import zipfile

    with zipfile.ZipFile(arrays.parent / "more.zip", "w") as archive:
        archive.writestr("read.me", "nothing")
    first = prepare("mine", home, source=arrays.parent).digest
    reader.write_text(reader.read_text().replace("[:count]", "[:count][::-1]"))
    assert prepare("mine", home, source=arrays.parent).digest != first


OWN_IMAGES = """
import numpy as np
from PIL import Image

from archlab.data import Listing


class Shades:
    names = [f"shade {n}" for n in range(1100)]

    def open(self, index):
        return Image.new("L", (8, 8), index % 250)

    def fingerprint(self):
        return "shades"


def read(root):
    return Listing(("a", "b"), Shades(), np.arange(1100) % 2, np.full(1100, ""))
"""


def test_images_of_a_class_of_one_s_own(home, tmp_path, describe):
    (tmp_path / "shades.py").write_text(OWN_IMAGES)
    describe("mine", source=f"{tmp_path / 'shades.py'}:read")
    prepared = prepare("mine", home, workers=2)
    assert sum(sizes(prepared)) == 1100
    for name, image in zip(prepared.names("test"), prepared.images("test"), strict=True):
        assert (image == int(name.split()[1]) % 250).all()


@pytest.mark.parametrize(
    ("text", "source", "message"),
    [
        ("", "none.py:read", r"x\.yaml:\d+: .*none\.py cannot be read: No such file"),
        (
            "def reed(root): pass",
            "my_reader.py:read",
            r"x\.yaml:\d+: .* no function or class 'read' - did you mean 'reed'",
        ),
        (
            "def read(*, root): pass",
            "my_reader.py:read",
            r"x\.yaml:\d+: source my_reader\.py:read must take \(root, \.\.\.\)",
        ),
        ("def read(root, side): pass", "my_reader.py:read", r"x\.yaml:\d+: source .* needs the key 'side'"),
        (
            "def read(root, *, side: int): pass",
            {"my_reader.py:read": {"side": "a"}},
            r"x\.yaml:\d+: .*side must be a whole",
        ),
        ("def read(root, *, side=1): pass", {"my_reader.py:read": {"sied": 1}}, r"x\.yaml:\d+: .*did you mean 'side'"),
        (
            "def read(root):\n    return 1 / 0",
            "my_reader.py:read",
            r"my_reader\.py:2: ZeroDivisionError: division by zero$",
        ),
        ("def read(root):\n    return 5", "my_reader.py:read", r"my_reader\.py:read must return a Listing, not 5"),
        ("import nothing_of_this_name", "my_reader.py:read", r"my_reader\.py fails on import: ModuleNotFoundError"),
    ],
)
def test_mistakes_are_one_line(home, describe, text, source, message):
    folder = describe("x", source=source).parent
    (folder / "my_reader.py").write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        prepare("x", home)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("labels", "splits", "message"),
    [
        ("[0, 1]", "np.full(2, '')", "labels must be an array of 2 values"),
        ("np.array([0, 1, 0])", "np.full(2, '')", "labels must be an array of 2 values"),
        ("np.array([0, 1])", "np.full(3, '')", "splits must be an array of 2 values"),
        ("np.array([0, 2])", "np.full(2, '')", "labels must be indices of 2 classes"),
        ("np.array([0, 0.5])", "np.full(2, '')", "labels must be indices of 2 classes"),
        ("np.array([0, 1])", "np.full(2, 'val')", "splits must be train, validation, test or empty"),
    ],
)
def test_listings_that_are_refused(home, describe, labels, splits, message):
    folder = describe("x", source="my_reader.py:read").parent
    (folder / "my_reader.py").write_text(
        "import numpy as np\nfrom archlab.data import ImageArray, Listing\ndef read(root):\n"
        f"    return Listing(('a', 'b'), ImageArray(np.zeros((2, 8, 8), np.uint8)), {labels}, {splits})\n"
    )
    with pytest.raises(UserError, match=message):
        prepare("x", home)
    assert entry("x", home).source == "my_reader.py:read"
