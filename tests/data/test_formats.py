"""Which files count as images, also where the library of a format is missing."""

import importlib.util
import io

import numpy as np
import pytest
from PIL import Image

from archlab.data import formats
from archlab.data.decode import decode
from archlab.data.readers.folder import read
from archlab.data.readers.places import is_image
from archlab.foundation import UserError


@pytest.fixture
def without_heic(monkeypatch):
    """As where pillow-heif is not installed."""
    real = importlib.util.find_spec
    with monkeypatch.context() as patch:
        patch.setattr(formats, "find_spec", lambda name: None if name == "pillow_heif" else real(name))
        formats.formats.cache_clear()
        formats.suffixes.cache_clear()
        yield
    formats.formats.cache_clear()
    formats.suffixes.cache_clear()


def photograph(side=64):
    """Smooth, so that lossy formats keep it: red grows to the right, blue downwards."""
    red, blue = np.meshgrid(np.linspace(0, 255, side), np.linspace(0, 255, side))
    return Image.fromarray(np.dstack([red, np.full_like(red, 60), blue]).astype(np.uint8))


def test_heic_of_phones_is_read_turned_and_in_folders(tmp_path):
    pytest.importorskip("pillow_heif", reason="pip install 'archlab[heic]'")
    formats.formats()
    exif = Image.Exif()
    exif[0x0112] = 6
    for name in ("a/0.heic", "a/1.HEIC", "b/0.heif", "b/1.hif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        photograph().save(tmp_path / name, format="HEIF", quality=95)
    photograph().save(tmp_path / "turned.png", exif=exif)
    photograph().save(tmp_path / "turned.heic", format="HEIF", quality=95, exif=exif.tobytes())
    listing = read(None, path=tmp_path)
    assert len(listing.images.names) == 4 and listing.class_names == ("a", "b")
    upright = decode(photograph(), 16).astype(int)
    assert all(np.abs(decode(listing.images.open(i), 16) - upright).max() < 12 for i in range(4))
    turned = [decode(formats.open_image(str(tmp_path / f"turned.{kind}")), 16).astype(int) for kind in ("png", "heic")]
    assert np.abs(turned[0] - turned[1]).max() < 12 < np.abs(turned[0] - upright).max()


@pytest.mark.skipif("AVIF" not in formats.formats(), reason="this Pillow has no AVIF")
def test_avif_is_read(tmp_path):
    photograph().save(tmp_path / "a.avif", quality=95)
    assert is_image("a.AVIF")
    found = decode(formats.open_image(str(tmp_path / "a.avif")), 16).astype(int)
    assert np.abs(found - decode(photograph(), 16)).max() < 12


def test_without_its_library_heic_is_left_out_with_what_to_install(tmp_path, without_heic):
    for name in ("a/0.png", "b/0.png"):
        (tmp_path / name).parent.mkdir()
        photograph(8).save(tmp_path / name)
    for name in ("a/1.heic", "a/2.HEIC", "a/3.nef"):
        (tmp_path / name).write_bytes(b"\0\0\0\x18ftypheic")
    (note,) = read(None, path=tmp_path).notes
    assert note == (
        "left out, since they are no images of a known format: 2 .heic, 1 .nef; those of phones (HEIC) count after "
        "pip install 'archlab[heic]'; photographs among them count once they are converted to JPEG"
    )
    (tmp_path / "b/0.png").rename(tmp_path / "b/0.heic")
    with pytest.raises(UserError, match=r"but 1 \.heic: an empty class cannot be learnt, those .* install"):
        read(None, path=tmp_path)
    with pytest.raises(OSError, match=r"HEIC is read after pip install 'archlab\[heic\]'"):
        formats.open_image(str(tmp_path / "a/1.heic"))
    with pytest.raises(OSError, match="cannot identify"):
        formats.open_image(io.BytesIO(b"\0\0\0\x18ftypheic"))
