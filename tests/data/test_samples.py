"""The sample suite: real images out of installed packages, in parts that share nothing."""

import numpy as np
import pytest

from archlab.data import catalogue, load_suite, open_prepared
from archlab.data.listing import SPLITS

pytest.importorskip("mlxtend")
pytest.importorskip("tensorly")
pytest.importorskip("elpv_dataset")
pytest.importorskip("skimage")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


def test_the_suite_spans_domains(home):
    entries = [catalogue(home)[name] for name in load_suite("samples", home).datasets]
    assert len(entries) >= 5
    assert len({entry.domain for entry in entries}) >= 4
    assert all(entry.licence and entry.sample for entry in entries)


@pytest.mark.parametrize("name", ["digits", "mnist5k", "pines", "elpv", "textures", "glyphs"])
def test_prepares_itself(home, name):
    prepared = open_prepared(name, home)
    assert prepared.num_classes == prepared.entry.classes
    pixels = set()
    for split in SPLITS:
        images, labels = prepared.images(split), prepared.labels(split)
        assert images.shape == (len(labels), 32, 32, 3) and images.dtype == np.uint8
        assert labels.dtype == np.int64
        assert set(labels) == set(range(prepared.num_classes))
        if split in prepared.entry.images:
            assert len(labels) == prepared.entry.images[split]
        of_split = {digest.tobytes() for digest in prepared.digests(split)}
        assert not pixels & of_split
        pixels |= of_split
    again = open_prepared(name, home)
    assert again.digest == prepared.digest
