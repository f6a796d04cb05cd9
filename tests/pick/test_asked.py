"""Where a pick is left when nobody says where, and how it is shown."""

from pathlib import Path

import pytest

from archlab.pick import picking
from archlab.pick.asked import default_output
from archlab.pick.photographs import Source

PHOTOS, TABLE = Path("photos"), Path("lists/labels.csv")


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (Source(PHOTOS), "photos-picked"),
        (Source(PHOTOS, csv=TABLE), "photos-picked"),
        (Source(csv=TABLE), "labels-picked"),
    ],
)
def test_it_is_called_after_the_folder_else_the_table(source, name):
    assert default_output(source) == Path(name)


@pytest.mark.parametrize("table", [None, Path("labels.csv")])
def test_it_does_not_lie_among_the_images(tmp_path, monkeypatch, table):
    photos = tmp_path.resolve() / "photos"
    photos.mkdir()
    monkeypatch.chdir(photos)
    assert default_output(Source(Path(), csv=table)) == photos.with_name("photos-picked")


def test_what_has_no_name_of_its_own_is_called_after_where_it_is_and_refused_later(tmp_path, monkeypatch):
    place = tmp_path.resolve()
    monkeypatch.chdir(place)
    assert default_output(Source(csv=Path())) == place.with_name(f"{place.name}-picked")
    assert default_output(Source(Path("/"))) == Path("/images-picked")


def test_a_notebook_shows_what_came_of_it(monkeypatch):
    monkeypatch.setattr(picking, "answers", lambda document: [document["short"], "It is right on 41.3 %."])
    picked = picking.Picked({"short": "A classifier."}, Path("photos-picked"), computed=3)
    assert repr(picked) == "A classifier.\nIt is right on 41.3 %.\nIt is in photos-picked."
