"""What a pick is held against, of made-up results."""

import math

import pandas as pd
import pytest

from archlab.architecture import references
from tests.comparisons import pick_folders
from tests.comparisons.picks import PICK, WAYS, is_done
from tests.comparisons.picks_table import above, compared


def row(way, value, validation, repeat=0, within="3m"):
    found = {"folder": "pets", "repeat": repeat, "hardware": "a machine", "within": within}
    return {**found, "way": way, "value": value, "validation": validation}


def test_the_best_of_eleven_is_that_of_validation_images_and_half_a_repetition_counts_nothing():
    rows = [row(PICK, 0.8, 0.9), row(PICK, 0.1, 0.1, repeat=1), row("starnet", 0.1, 0.1, repeat=1)]
    for name in references():
        rows.append(row(name, *{"starnet": (0.7, 0.95), "mobilenetv2": (0.75, 0.6)}.get(name, (0.3, 0.2))))
    longer = row(PICK, 0.85, 0.9, within="11m")
    beside = row("mobilenetv2", 0.77, 0.6, within="11m")
    found, of_longer = compared(pd.DataFrame([*rows, longer, beside])).to_dict("records")
    assert (
        math.isnan(of_longer.pop("any reference")) and of_longer.items() >= {"within": "11m", "folder": "pets"}.items()
    )
    assert (of_longer[PICK], of_longer["mobilenetv2"], of_longer["best of eleven"]) == pytest.approx((85, 77, 70))
    assert (found["repeat"], found["best of eleven"], found["mobilenetv2"]) == (0, pytest.approx(70), pytest.approx(75))
    assert found["any reference"] == pytest.approx((70 + 75 + 9 * 30) / 11)


def test_what_is_done_is_not_done_again_unless_another_machine_left_it_unfinished():
    half = [{"way": way, "hardware": "here"} for way in WAYS[:3]]
    whole = [{"way": way, "hardware": "there"} for way in WAYS]
    assert is_done(WAYS[0], half, "here") and not is_done(WAYS[3], half, "here")
    assert not is_done(WAYS[0], half, "there")
    assert all(is_done(way, half + whole, "here") for way in WAYS)
    assert not is_done(WAYS[0], [], "here")


def test_a_folder_has_no_more_images_than_it_may_of_every_class_alike(tmp_path, monkeypatch):
    monkeypatch.setattr(pick_folders, "FEWEST", 10)
    made = [pick_folders.Example(name, ".txt", lambda path: path.touch()) for name in "aaab" for _ in range(10)]
    made.append(pick_folders.Example("few", ".txt", lambda path: path.touch()))
    for folder in ("one", "other"):
        pick_folders._write(made, tmp_path / folder, 20)
    written = [
        {str(path.relative_to(tmp_path / each)) for path in (tmp_path / each).rglob("*.txt")}
        for each in ("one", "other")
    ]
    assert written[0] == written[1]
    assert {each.name: len(list(each.iterdir())) for each in (tmp_path / "one").iterdir()} == {"a": 15, "b": 5}


def test_no_figure_is_in_both_parts():
    made = [
        pick_folders.Example(of, ".png", lambda path: None, group)
        for of in "ab"
        for group in "uvwxyz"
        for _ in range(3)
    ]
    halves = pick_folders._halves(made)
    groups = {part: {(each.of, each.group) for each in half} for part, half in halves.items()}
    assert len(groups["train"]) == len(groups["test"]) == 6 and not groups["train"] & groups["test"]
    assert sum(map(len, halves.values())) == len(made)


def test_differences_have_the_interval_of_student():
    differences = pd.Series([1.0, 2.0, 6.0])
    mean, half = above(differences.to_numpy())
    assert (mean, half) == (3.0, pytest.approx(4.3027 * differences.sem(), rel=1e-4))
