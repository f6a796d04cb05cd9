"""The predict.py that ships: it reads images as archlab does, and needs neither archlab nor torch."""

from __future__ import annotations

import errno
import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("onnxruntime")

import archlab
from archlab.data.formats import formats, suffixes
from archlab.data.preprocessing import Preprocessing
from archlab.deploy.predicting import image_files
from archlab.pick import predict_file
from archlab.pick.folder import write_folder
from tests.data.test_decode import ODD_EXIF
from tests.deploy.made import CLASSES
from tests.pick.made import document

ALONE = """
import runpy, sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "archlab", "blocks", "onnx"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Blocked())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def odd_images(folder: Path) -> list[str]:
    """Files of every kind that decoding tells apart, some of which cannot be read."""
    chance = np.random.default_rng(0)
    pixels = chance.integers(0, 256, (37, 53, 3), dtype=np.uint8)
    image, grey = Image.fromarray(pixels), Image.fromarray(pixels[..., 0])
    see_through = Image.fromarray(np.dstack([pixels, pixels[..., :1]]))
    large = Image.fromarray(chance.integers(0, 256, (40, 30, 3), dtype=np.uint8)).resize((900, 1200))
    wide = (pixels[..., 0].astype(np.uint16) << 8) + pixels[..., 1]
    image.save(folder / "plain.png")
    image.save(folder / "plain.bmp")
    image.save(folder / "plain.ppm")
    image.convert("CMYK").save(folder / "cmyk.jpg")
    large.save(folder / "large.jpg", quality=90)
    for turn in range(1, 10):
        exif = Image.Exif()
        exif[0x0112] = turn
        large.save(folder / f"turned{turn}.jpg", exif=exif)
        image.save(folder / f"turned{turn}.png", exif=exif)
    large.save(folder / "odd_exif.jpg", exif=ODD_EXIF)
    large.save(folder / "two.jpg", format="MPO", save_all=True, append_images=[large.rotate(90)])
    image.convert("P", palette=Image.Palette.ADAPTIVE).save(folder / "palette.gif")
    image.convert("P", palette=Image.Palette.ADAPTIVE).save(folder / "holes.png", transparency=3)
    image.save(folder / "colour_key.png", transparency=tuple(map(int, pixels[0, 0])))
    grey.save(folder / "grey_key.png", transparency=int(pixels[0, 0, 0]))
    see_through.save(folder / "see_through.png")
    see_through.save(folder / "see_through.webp", lossless=True)
    see_through.convert("LA").save(folder / "grey_see_through.png")
    if "AVIF" in predict_file.FORMATS:
        see_through.save(folder / "see_through.avif", quality=100)
    if "HEIF" in predict_file.FORMATS:  # with pillow-heif
        large.save(folder / "phone.heic")
    image.save(folder / "moving.gif", save_all=True, append_images=[image.rotate(90)], duration=10)
    grey.save(folder / "grey.pgm")
    image.convert("1").save(folder / "bits.png")
    image.convert("LAB").save(folder / "lab.tif")
    Image.fromarray(wide).save(folder / "sixteen.tiff")
    Image.fromarray(wide).save(folder / "sixteen.png")
    Image.fromarray(wide.astype(np.int32)).save(folder / "thirty_two.tif")
    Image.fromarray(pixels[..., 0].astype(np.int32) - 9).save(folder / "negative.tif")
    Image.fromarray(wide.astype(np.float32)).save(folder / "float.tif")
    Image.fromarray(pixels[:1, :1]).save(folder / "pixel.png")
    Image.fromarray(pixels[:2]).save(folder / "strip.png")
    Image.fromarray(pixels[:16, :16]).save(folder / "exact.png")
    (folder / "cut.png").write_bytes((folder / "plain.png").read_bytes()[:300])
    (folder / "cut.jpg").write_bytes((folder / "large.jpg").read_bytes()[:9000])
    (folder / "text.png").write_text("no image")
    (folder / "drawing.eps.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    os.mkfifo(folder / "pipe.png")
    return sorted(str(each) for each in folder.iterdir())


UNREADABLE = {"negative.tif", "float.tif", "cut.png", "cut.jpg", "text.png", "drawing.eps.png", "pipe.png"}


@pytest.mark.parametrize(("fit", "white"), [("crop", 65535), ("stretch", 65535), ("crop", 40000)])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_it_reads_every_kind_of_image_to_the_last_digit(tmp_path, fit, white):
    preprocessing = Preprocessing(16, fit, white, (0.5,) * 3, (0.5,) * 3)
    unreadable = set()
    for file in odd_images(tmp_path):
        try:
            if Path(file).is_fifo():
                raise OSError
            expected = preprocessing.read(file)
        except Exception:
            unreadable.add(Path(file).name)
            with pytest.raises(Exception):  # noqa: B017
                predict_file.read(file, 16, fit, white)
            continue
        found = predict_file.read(file, 16, fit, white)
        assert found.dtype == np.uint8 and np.array_equal(found, expected), file
    assert unreadable == UNREADABLE


def test_it_takes_the_files_that_archlab_takes():
    assert set(predict_file.FORMATS) == set(formats())
    assert set(predict_file.ENDINGS) == set(suffixes())


def test_a_damaged_exif_header_leaves_a_photograph_readable(tmp_path):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (37, 53, 3), dtype=np.uint8))
    found = []
    for name, exif in (("plain.png", b""), ("damaged.png", b"Exif\0\0no header")):
        image.save(tmp_path / name, exif=exif)
        found.append(predict_file.read(tmp_path / name, 16, "crop", 65535))
    assert np.array_equal(*found)
    with pytest.raises(SyntaxError):
        Image.open(tmp_path / "damaged.png").getexif()


def test_images_are_known_by_their_endings(tmp_path):
    for name in ("a.JFIF", "b.jpe", "c.txt", ".d.png"):
        (tmp_path / name).touch()
    assert [Path(each).name for each in predict_file.files_of(tmp_path)] == ["a.JFIF", "b.jpe"]


def test_a_folder_that_cannot_be_looked_into_is_told_by_itself(tmp_path, monkeypatch):
    real, closed = os.scandir, str(tmp_path / "closed")
    for name in ("closed", "open"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").touch()

    def scandir(path):
        if path == closed:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert predict_file.files_of(tmp_path) == [closed, str(tmp_path / "open/a.png")]
    assert predict_file.files_of(closed) == [closed]
    assert predict_file.files_of(str(tmp_path / "open/a.png")) == [str(tmp_path / "open/a.png")]


def test_links_to_folders_are_followed_once_as_archlab_predict_does(tmp_path):
    photos, away = tmp_path / "photos", tmp_path / "away"
    for folder in (photos / "a", away):
        folder.mkdir(parents=True)
        (folder / "one.png").touch()
    for name, target in (("again", photos / "a"), ("away", away), ("up", tmp_path), ("self", photos / "self")):
        (photos / name).symlink_to(target)
    expected = [str(photos / "a/one.png"), str(photos / "away/one.png")]
    assert predict_file.files_of(str(photos)) == image_files([photos]) == expected
    assert predict_file.files_of(str(photos / "away")) == [str(photos / "away/one.png")]


def refusal(monkeypatch, capsys):
    """What it says where it is asked for an image and cannot even begin."""
    monkeypatch.setattr(sys, "argv", ["predict.py", "photo.png"])
    with pytest.raises(SystemExit) as stopped:
        predict_file.main()
    assert stopped.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


def test_a_pillow_that_is_too_old_is_told(monkeypatch, capsys):
    monkeypatch.delattr(Image.Image, "has_transparency_data")
    assert refusal(monkeypatch, capsys).endswith("error: Pillow 10.1 or newer is needed: pip install --upgrade pillow")


def test_a_model_that_onnxruntime_refuses_is_told_in_a_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "model.onnx").write_bytes(b"half of it")
    monkeypatch.setattr(predict_file, "__file__", str(tmp_path / "predict.py"))
    assert re.search(r"error: onnxruntime [\d.]+\S* cannot use model\.onnx: ", refusal(monkeypatch, capsys))


def test_interrupted_it_ends_without_a_traceback(tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    (tmp_path / "model.onnx").touch()
    (tmp_path / "predict.py").write_bytes(Path(predict_file.__file__).read_bytes())
    monkeypatch.setattr("onnxruntime.InferenceSession", interrupted)
    monkeypatch.setattr(sys, "argv", ["predict.py", "photo.png"])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(tmp_path / "predict.py"), run_name="__main__")
    assert stopped.value.code == 130


@pytest.fixture(scope="module")
def folder(place, tmp_path_factory):
    network = archlab.load(place.keys["gated"], store=place.home)
    found = tmp_path_factory.mktemp("predict") / "picked"
    write_folder(network, document(network), found, int8=True)
    return found


def run(folder, *arguments, cwd):
    command = [sys.executable, "-I", "-c", ALONE, str(folder / "predict.py"), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, check=False, encoding="utf-8")


def test_alone_it_says_what_archlab_predict_says(place, folder, command, tmp_path):
    photos = tmp_path / "photos"
    (photos / "deeper/.hidden").mkdir(parents=True)
    odd_images(photos)
    Image.new("RGB", (9, 5), "red").save(photos / "deeper/a\n\x1b[2J\u202eb.png")
    Image.new("RGB", (9, 5), "red").save(photos / "deeper/.hidden/no.png")
    (photos / "deeper/notes.txt").write_text("no image")
    done = run(folder, "photos", cwd=tmp_path)
    code, out, err = command("predict", place.keys["gated"], photos, "--store", place.home, "--json")
    assert done.returncode == code == 1
    expected = {os.path.relpath(row["file"], tmp_path): row for row in json.loads(out)}
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert [line[0] for line in lines] == [predict_file.shown(name) for name in expected]
    assert r"a\n\x1b[2J\u202eb.png" in done.stdout, "no name acts on the terminal"
    for (_, said, probability), row in zip(lines, expected.values(), strict=True):
        assert said == predict_file.shown(row["class"])
        assert float(probability) == pytest.approx(max(row["probabilities"].values()), abs=1e-4)
    failed = done.stderr.splitlines()
    assert all(line.startswith("failed: ") and "cannot be read: " in line for line in failed), done.stderr
    assert {Path(line.split(": ")[1].removesuffix(" cannot be read")).name for line in failed} == UNREADABLE
    assert len(failed) == len(err.splitlines()) == len(UNREADABLE)
    assert "pipe.png cannot be read: it is a pipe or a device, not a file\n" in done.stderr


def test_the_program_on_the_card_says_what_predict_py_says(folder, tmp_path):
    card = (folder / "card.md").read_text(encoding="utf-8")
    (program,) = (code for code in re.findall("(?s)\n```\n(.*?)\n```\n", card) if "import" in code)
    chance = np.random.default_rng(0)
    for at, size in enumerate([(40, 30, 3), (30, 40, 3), (16, 16, 3)]):
        Image.fromarray(chance.integers(0, 256, size, dtype=np.uint8)).save(tmp_path / f"{at}.png")
        alone = program.replace("model.onnx", str(folder / "model.onnx")).replace("photo.jpg", f"{at}.png")
        done = subprocess.run([sys.executable, "-I", "-c", alone], cwd=tmp_path, capture_output=True, check=True)
        _, said, probability = run(folder, f"{at}.png", cwd=tmp_path).stdout.split("\t")
        name, found = done.stdout.decode().rsplit(maxsplit=1)
        assert predict_file.shown(name) == said and float(found) == pytest.approx(float(probability), abs=1e-4)


def test_an_error_without_words_is_told_by_its_kind(folder, monkeypatch, capsys):
    def wordless(*_):
        raise EOFError

    monkeypatch.setattr(predict_file, "read", wordless)
    monkeypatch.setattr(predict_file, "__file__", str(folder / "predict.py"))
    monkeypatch.setattr(sys, "argv", ["predict.py", "photo.png"])
    assert predict_file.main() == 1
    assert capsys.readouterr().err == "failed: photo.png cannot be read: EOFError\n"


def test_heic_that_cannot_be_read_says_what_to_install(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(predict_file, "FORMATS", ["JPEG", "PNG"])
    monkeypatch.setattr(predict_file, "__file__", str(folder / "predict.py"))
    (tmp_path / "photo.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    monkeypatch.setattr(sys, "argv", ["predict.py", str(tmp_path / "photo.HEIC")])
    assert predict_file.main() == 1
    assert capsys.readouterr().err.endswith("photo.HEIC cannot be read: HEIC is read after pip install pillow-heif\n")


def test_probabilities_of_the_file_are_those_of_the_network(place, folder, tmp_path):
    import onnxruntime
    import torch

    network = archlab.load(place.keys["gated"], store=place.home)
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
    for file in odd_images(tmp_path):
        if Path(file).name in UNREADABLE:
            continue
        pixels = predict_file.read(file, 16, "crop", 65535)
        (found,) = session.run(None, {"images": pixels[None]})
        expected = network.probabilities(torch.from_numpy(network.preprocessing.read(file))[None])
        assert np.abs(found - expected.numpy()).max() < 1e-5, file


@pytest.mark.slow
def test_int8_and_what_is_not_there_are_said_in_a_line(folder, tmp_path):
    Image.new("RGB", (9, 5), "red").save(tmp_path / "photo.png")
    done = run(folder, "photo.png", "--int8", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    file, said, probability = done.stdout.rstrip("\n").split("\t")
    assert file == "photo.png" and said in map(predict_file.shown, CLASSES) and 0.3 < float(probability) <= 1
    done = run(folder, "nowhere.png", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "failed: nowhere.png cannot be read: No such file or directory\n"
    (tmp_path / "empty").mkdir()
    done = run(folder, "empty", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("error: there are no images in empty\n")
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "predict.py").write_bytes((folder / "predict.py").read_bytes())
    done = run(alone, "photo.png", cwd=tmp_path)
    assert done.returncode == 2 and done.stderr.endswith("error: there is no model.onnx beside predict.py\n")
