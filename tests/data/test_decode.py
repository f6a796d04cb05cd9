"""Every kind of image that people have: decoded as it looks, or refused."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageOps

from archlab.data.decode import decode, shape_of
from archlab.data.formats import open_image


def stored(image, format, **options):
    """The image as a file of that format, opened again."""
    buffer = io.BytesIO()
    image.save(buffer, format=format, **options)
    buffer.seek(0)
    return open_image(buffer)


@pytest.fixture
def half():
    """Left half red, right half blue, 40 x 20."""
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, :20, 0] = 255
    pixels[:, 20:, 2] = 255
    return Image.fromarray(pixels)


def test_same_size_is_untouched(make_picture):
    image = make_picture(0, (16, 16))
    assert np.array_equal(decode(stored(image, "PNG"), 16), np.asarray(image))


def test_crop_cuts_the_middle_out_and_stretch_keeps_all(half):
    cropped, stretched = decode(half, 20, "crop"), decode(half, 20, "stretch")
    assert cropped.shape == stretched.shape == (20, 20, 3)
    for pixels in (cropped, stretched):
        assert (pixels[:, 0] == (255, 0, 0)).all() and (pixels[:, -1] == (0, 0, 255)).all()
    tall = half.rotate(90, expand=True)  # blue above red
    assert (decode(tall, 20)[0] == (0, 0, 255)).all()


def test_large_jpegs_decoded_at_a_fraction_look_the_same(make_picture):
    image = make_picture(1, (640, 480))
    fast = decode(stored(image, "JPEG", quality=95), 32).astype(int)
    exact = decode(image, 32).astype(int)
    assert np.abs(fast - exact).mean() < 2


def test_large_jpegs_of_phones_with_a_second_picture_behind_are_decoded_at_a_fraction_too(make_picture):
    image = make_picture(1, (640, 480))
    alone = stored(image, "JPEG", quality=95)
    both = stored(image, "MPO", quality=95, save_all=True, append_images=[image.resize((160, 120))])
    assert (alone.format, both.format) == ("JPEG", "MPO")
    assert np.array_equal(decode(both, 32), decode(alone, 32))
    assert alone.size == both.size == (160, 120)


def test_grey_palette_and_one_bit():
    grey = Image.fromarray(np.full((8, 8), 77, np.uint8))
    assert (decode(stored(grey, "PNG"), 8) == 77).all()
    assert (decode(stored(Image.new("RGB", (8, 8), (9, 99, 199)).quantize(4), "PNG"), 8) == (9, 99, 199)).all()
    assert (decode(stored(Image.new("1", (8, 8), 1), "PNG"), 8) == 255).all()


def test_cmyk():
    pixels = decode(stored(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95), 16)
    assert (pixels[..., 0] > 240).all() and (pixels[..., 1:] < 15).all()


def test_transparent_becomes_white():
    clear = Image.new("RGBA", (8, 8), (10, 20, 30, 0))
    assert (decode(stored(clear, "PNG"), 8) == 255).all()
    assert (decode(stored(Image.new("LA", (8, 8), (50, 255)), "PNG"), 8) == 50).all()


def test_sixteen_bits_are_scaled_and_clipped_at_white():
    wide = Image.fromarray(np.full((8, 8), 32768, np.uint16))
    assert (decode(stored(wide, "PNG"), 8) == 127).all()
    twelve = Image.fromarray(np.full((8, 8), 4095, np.uint16))
    assert (decode(stored(twelve, "PNG"), 8, white=4095) == 255).all()
    assert (decode(stored(wide, "PNG"), 8, white=4095) == 255).all()
    with pytest.raises(ValueError, match="from 65536 to 65536 are outside 0 to 65535"):
        decode(stored(Image.fromarray(np.full((8, 8), 65536, np.int32)), "TIFF"), 8, white=4095)


def test_floating_point_is_refused():
    with pytest.raises(ValueError, match="no agreed range"):
        decode(stored(Image.fromarray(np.zeros((8, 8), np.float32)), "TIFF"), 8)


def test_turned_as_exif_says(half):
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    assert (decode(stored(half, "PNG", exif=exif), 20)[:, 0] == (0, 0, 255)).all()
    pixels = decode(stored(half, "JPEG", exif=exif, quality=95, subsampling=0), 20)
    assert pixels[10, 1, 2] > 240 and pixels[10, 1, 0] < 15


@pytest.mark.parametrize("orientation", range(10))
def test_turned_as_pillow_turns(make_picture, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image, again = (stored(make_picture(1), "PNG", exif=exif) for _ in range(2))
    assert np.array_equal(decode(image, 20, "stretch"), decode(ImageOps.exif_transpose(again), 20, "stretch"))


ODD_EXIF = b"Exif\0\0II*\0" + struct.pack(  # turned, and its resolution is a word
    "<IHHHIHHHHI4sI", 8, 2, 0x0112, 3, 1, 6, 0, 0x011A, 2, 4, b"72\0\0", 0
)


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_turned_whatever_else_exif_holds(half, format):
    pixels = decode(stored(half, format, exif=ODD_EXIF), 20)
    assert pixels[2, 10, 0] > 128 > pixels[2, 10, 2] and pixels[17, 10, 2] > 128 > pixels[17, 10, 0]


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF"])
def test_an_image_on_its_side_has_the_shape_that_it_is_seen_in(half, format):
    exif = Image.Exif()
    exif[0x0112] = 6  # its left is at the top
    image = stored(half, format, exif=exif)
    assert shape_of(image) == (40, 20)
    pixels = decode(image, 20)
    assert pixels[2, 10, 0] > 128 > pixels[2, 10, 2] and pixels[17, 10, 2] > 128 > pixels[17, 10, 0]


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_with_malformed_exif_it_stands_upright(half, format):
    exif = b"Exif\0\0no header of a TIFF file"
    image, again = (stored(half, format, exif=exif, dpi=(72, 72)) for _ in range(2))
    assert shape_of(image) == (20, 40)
    for pixels in (decode(image, 20), decode(again, 20)):
        assert (np.abs(pixels[:, 0].astype(int) - (255, 0, 0)) < 9).all()


def test_of_an_animation_the_first_frame():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    for format in ("GIF", "PNG", "WEBP"):
        animated = stored(frames[0], format, save_all=True, append_images=frames[1:], duration=100)
        assert (np.abs(decode(animated, 8).astype(int) - (255, 0, 0)) < 5).all(), format


def test_truncated_is_refused(make_picture):
    for format in ("JPEG", "PNG"):
        buffer = io.BytesIO()
        make_picture(2, (200, 200)).save(buffer, format=format)
        with pytest.raises(OSError), open_image(io.BytesIO(buffer.getvalue()[:-600])) as image:
            decode(image, 8)


def test_a_png_with_damaged_pixels_is_not_one_with_malformed_exif(make_picture):
    buffer = io.BytesIO()
    make_picture(2, (200, 200)).save(buffer, format="PNG")
    with open_image(io.BytesIO(buffer.getvalue()[:-600])) as image, pytest.raises(OSError):
        shape_of(image)


def test_giants_are_refused():
    with pytest.raises(ValueError, match="more than"):
        decode(Image.new("1", (20000, 10000)), 8)


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_giants_are_refused_before_their_pixels_are_read(make_picture, monkeypatch, format):
    image = stored(make_picture(1, (20, 20)), format)
    monkeypatch.setattr("archlab.data.decode.LARGEST", 100)
    monkeypatch.setattr(image, "load", None)
    with pytest.raises(ValueError, match="20 x 20 is more than 100 pixels"):
        shape_of(image)


def test_formats_that_run_programs_are_not_opened():
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n"
    with pytest.raises(OSError):
        open_image(io.BytesIO(eps))
