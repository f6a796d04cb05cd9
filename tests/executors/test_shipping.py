"""Prepared datasets on their way from one home to another, without a cluster."""

import os
import stat
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from archlab.data import add_dataset, open_prepared, prepare
from archlab.data.listing import SPLITS
from archlab.executors import shipping
from archlab.executors.shipping import pack, receive
from archlab.foundation import UserError, write_atomically


def make_photos(home, seed=0):
    """A dataset of one's own of two classes, at 32 pixels, prepared from a folder that is gone afterwards."""
    chance, root = np.random.default_rng(seed), home.parent / f"photos{seed}"
    for number in range(40):
        path = root / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(chance.integers(0, 256, (32, 32, 3), np.uint8)).save(path)
    add_dataset("photos", home, "folder", {"path": str(root)}, {"resolution": 32}, replace=True)
    prepared = prepare("photos", home)
    root.rename(root.with_name(f"moved{seed}"))
    return prepared


def data_in(prepared):
    return prepared.name, prepared.resolution, None, prepared.digest


def send(prepared, home, to, damage=lambda piece: piece):
    """The number of parcels that were asked for."""
    parcel, asked = pack(data_in(prepared), home, np.array), []
    receive(data_in(prepared), to, lambda: asked.append(1) or parcel, damage)
    return len(asked)


def test_a_dataset_arrives_whole_once_and_takes_the_place_of_an_older_one(tmp_path, monkeypatch):
    monkeypatch.setattr(shipping, "PIECE", 1000)
    home, node = tmp_path / "home", tmp_path / "node"
    for seed in range(2):
        sent = make_photos(home, seed)
        assert (send(sent, home, node), send(sent, home, node)) == (1, 0)
        arrived = open_prepared("photos", node)
        assert arrived.digest == sent.digest and arrived.names("test") == sent.names("test")
        for split in SPLITS:
            np.testing.assert_array_equal(arrived.images(split), sent.images(split))
    beside = [path.name for path in (node / "datasets" / "photos").iterdir()]
    assert set(beside) <= {"32", ".lock"}


def test_a_dataset_like_another_brings_its_entry(tmp_path):
    home, node = tmp_path / "home", tmp_path / "node"
    make_photos(home)
    with write_atomically(home / "datasets" / "catalogue" / "mirrored.yaml") as path:
        path.write_text("name: mirrored\nlike: photos\nflip: false\n")
    (tmp_path / "moved0").rename(tmp_path / "photos0")
    sent = prepare("mirrored", home)
    send(sent, home, node)
    assert open_prepared("mirrored", node).entry == sent.entry


def test_what_is_damaged_on_its_way_is_not_kept(tmp_path):
    home, node = tmp_path / "home", tmp_path / "node"
    sent = make_photos(home)

    def damage(piece):
        if len(piece) > 32 * 32 * 3:
            piece[-1] ^= 1
        return piece

    with pytest.raises(UserError, match="was damaged on its way"):
        send(sent, home, node, damage)
    assert send(sent, home, node) == 1  # nothing had been left


def test_only_what_the_study_began_with_is_sent_and_no_sample(tmp_path):
    name, resolution, fit, _ = data_in(make_photos(tmp_path / "home"))
    with pytest.raises(UserError, match="changed since the study began"):
        pack((name, resolution, fit, "other"), tmp_path / "home", np.array)
    assert pack(("digits", 32, None, "any"), tmp_path / "home", np.array) == {}


def test_the_home_of_a_node_is_of_its_user_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    place = tmp_path / f"archlab-{os.getuid()}"
    place.mkdir()
    place.chmod(0o777)
    assert shipping.home_here() == place and stat.S_IMODE(place.stat().st_mode) == 0o700
    place.rename(tmp_path / "others")
    place.symlink_to(tmp_path / "others")
    monkeypatch.setattr(Path, "is_symlink", lambda path: False)  # as it was a moment before
    with pytest.raises(UserError, match=f"{place.name}: belongs to somebody else"):
        shipping.home_here()
    monkeypatch.setattr(os, "getuid", lambda: 4_711)
    with pytest.raises(UserError, match="archlab-4711: belongs to somebody else"):
        shipping.home_here()
