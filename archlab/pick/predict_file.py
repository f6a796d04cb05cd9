"""Says what images show: `python predict.py photo.jpg folder/`. Needs onnxruntime, pillow 10.1 and the model beside it."""

import argparse
import json
import os
import stat
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

try:
    from pillow_heif import register_heif_opener
except ImportError:  # then HEIC, as phones have it, cannot be read
    pass
else:
    register_heif_opener()
Image.init()
FORMATS: list[str] = [
    name for name in ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP", "PPM", "AVIF", "HEIF") if name in Image.OPEN
]
ENDINGS = [".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm"]
ENDINGS += [".avif"] if "AVIF" in FORMATS else []
HEIC = (".heic", ".heif", ".hif")
ENDINGS += HEIC if "HEIF" in FORMATS else ()
TURNS = {  # by EXIF's orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read(file, resolution, fit, white):
    """uint8 (resolution, resolution, 3) of an image file, to the last digit as the training images were read."""
    mode = Path(file).stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # a pipe would be waited for
        raise OSError("it is a pipe or a device, not a file")
    image: Image.Image = Image.open(file, formats=FORMATS)
    if image.format in ("JPEG", "MPO"):
        image.draft(None, (2 * resolution, 2 * resolution))  # decodes large ones at reduced size
    image.load()
    turn = TURNS.get(orientation(image))
    if turn is not None:
        image = image.transpose(turn)
    if image.mode == "F":
        raise ValueError("floating-point pixels have no agreed range")
    if image.mode.startswith("I"):  # 16 bits
        wide = np.asarray(image).astype(np.int64)
        most = max(white, 65535)
        if wide.min() < 0 or wide.max() > most:
            raise ValueError(f"pixel values from {wide.min()} to {wide.max()} are outside 0 to {most}")
        image = Image.fromarray((np.minimum(wide, white) * 255 // white).astype(np.uint8))
    elif image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    side = min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    box = (left, top, left + side, top + side) if fit == "crop" else None
    return np.asarray(image.convert("RGB").resize((resolution, resolution), Image.Resampling.BILINEAR, box))


def orientation(image):
    """As EXIF says; 1, which is upright, where EXIF is malformed."""
    try:
        return image.getexif().get(0x0112, 1)
    except MemoryError:
        raise
    except Exception:  # Pillow raises nearly anything on damaged bytes
        return 1


def files_of(path):
    """The images in a folder, at any depth, behind links too, hidden ones left out; itself where it is none, or is closed."""
    found = []
    tops = [path]
    known = {str(above) for above in Path(os.path.realpath(path)).parents}
    for top in tops:
        for place, below, names in os.walk(top, onerror=lambda error: found.append(error.filename)):
            below[:] = [name for name in below if not name.startswith(".")]
            if os.path.realpath(place) in known:  # a link has led back
                below.clear()
                continue
            known.add(os.path.realpath(place))
            tops += [link for name in sorted(below) if (link := Path(place) / name).is_symlink()]
            images = [name for name in names if name.lower().endswith(tuple(ENDINGS)) and not name.startswith(".")]
            found.extend(str(Path(place) / name) for name in images)
    return sorted(found)


def shown(text):
    """On one line, whatever the text holds."""
    printable = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in str(text))
    return printable.encode(sys.stdout.encoding, "backslashreplace").decode(sys.stdout.encoding)


def main():
    """Prints file, class and probability of each image. Gives 1 where a file cannot be read, else 0."""
    asked = argparse.ArgumentParser(description="Prints file, class and probability of each image.")
    asked.add_argument("images", nargs="+", help="files, and folders of images")
    asked.add_argument("--int8", action="store_true", help="use model-int8.onnx")
    given = asked.parse_args()
    if not hasattr(Image.Image, "has_transparency_data"):
        asked.error("Pillow 10.1 or newer is needed: pip install --upgrade pillow")
    model = Path(__file__).with_name("model-int8.onnx" if given.int8 else "model.onnx")
    if not model.exists():
        asked.error(f"there is no {model.name} beside {Path(__file__).name}")
    onnxruntime.set_default_logger_severity(3)
    try:
        session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    except Exception as error:  # of a damaged file, or of a version that is too old for it
        asked.error(f"onnxruntime {onnxruntime.__version__} cannot use {model.name}: {shown(error)}")
    about = {name: json.loads(text) for name, text in session.get_modelmeta().custom_metadata_map.items()}
    form = [about["preprocessing"][name] for name in ("resolution", "fit", "white")]
    found = [file for path in given.images for file in files_of(path)]
    if not found:
        asked.error(f"there are no images in {shown(', '.join(given.images))}")
    failed = 0
    for file in found:
        try:
            pixels = read(file, *form)
        except Exception as error:  # Pillow raises nearly anything on damaged bytes
            failed = 1
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            if file.lower().endswith(HEIC) and "HEIF" not in FORMATS:
                why = "HEIC is read after pip install pillow-heif"
            print(f"failed: {shown(file)} cannot be read: {shown(why)}", file=sys.stderr)
            continue
        probabilities = session.run(None, {"images": pixels[None]})[0][0]
        best = probabilities.argmax()
        print(shown(file), shown(about["classes"][best]), f"{probabilities[best]:.4f}", sep="\t")
    return failed


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:  # whoever read it has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        sys.exit(130)
