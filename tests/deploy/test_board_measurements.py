"""What somebody's board took: a CSV in, measurements in the store for good, found again by the network."""

from __future__ import annotations

import dataclasses
import json
import os
import random

import pytest
from standin import make_run, make_trained

from archlab.deploy.board_measurements import FOLDER, import_measurements, network_of, read_measurements
from archlab.foundation import UserError
from archlab.foundation.sealed import read_sealed, seal
from archlab.runs import Store
from archlab.runs.cleaning import leftovers

TOY, WIDE, LARGE = (
    make_run(model="toy"),
    make_run(model="wide", width=2.0),
    make_run(model="toy", dataset="mnist5k", dataset_digest="e" * 64, num_classes=26),
)
STORED = (TOY, WIDE, LARGE, make_run(1, model="toy"))


@pytest.fixture
def store(tmp_path):
    """Three networks, and a finished study `small` of them."""
    place = Store(tmp_path / "home")
    for run in STORED:
        place.put(run, make_trained(run))
    cells = [
        {"model": run.model, "dataset": run.dataset, "seed": run.seed, "split": split, "key": run.key}
        for run in STORED
        for split in ("validation", "test")
    ]
    cells.append({"model": "gone", "dataset": "digits", "seed": 0, "split": "test", "key": "f" * 64})
    folder = place.home / "studies" / "small"
    folder.mkdir(parents=True)
    (folder / "ablation.json").write_text(json.dumps({"cells": cells}))
    return place


@pytest.fixture
def imported(store, tmp_path):
    """Imports the text of a CSV."""

    def call(text: str | bytes, name: str = "board.csv"):
        file = tmp_path / name
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return import_measurements(file, store)

    return call


def digits(run):
    return run.key[:12]


def test_a_row_is_kept_and_read_again(imported, store):
    (found,) = imported(
        "run,target,precision,milliseconds,low,high,n,peak_memory,flash,energy_mj,note\n"
        f"{digits(TOY)},My  board,int8,12.5,12,13.25,30,64K,2097152,3e-1,with CMSIS-NN\n"
    )
    assert (found.network, found.run, found.model, found.dataset) == (network_of(TOY), TOY.key, "toy", "digits")
    assert (found.resolution, found.classes, found.target, found.precision) == (32, 10, "My board", "int8")
    assert (found.milliseconds, found.low, found.high, found.n) == (12.5, 12.0, 13.25, 30)
    assert (found.peak_memory, found.flash, found.energy_mj) == (65536, 2097152, 0.3)
    assert (found.note, found.file) == ("with CMSIS-NN", "board.csv") and found.imported.endswith("+00:00")
    assert read_measurements(store) == [found]
    assert str(found) == (
        "toy in int8 on My board: 12.5 ms (12 to 13.25, n = 30), 64 KiB of memory, 2,048 KiB of flash, 0.3 mJ"
    )


def test_what_was_not_measured_is_not_there(imported):
    (found,) = imported(f"run,target,precision,milliseconds,flash\n{digits(TOY)},b,,,1M\n")
    assert found.precision == "float" and found.flash == 2**20
    assert {found.milliseconds, found.low, found.n, found.peak_memory, found.energy_mj, found.note} == {None}
    assert str(found) == "toy in float on b: 1,024 KiB of flash"


def test_a_network_is_what_decides_its_speed():
    same = [
        make_run(7, model="other name", dataset="b", dataset_digest="f" * 64),
        make_run(recipe={"epochs": 9}),
        make_run(code="d" * 32),
    ]
    assert {network_of(run) for run in same} == {network_of(make_run())}
    others = [
        make_run(width=1.5),
        make_run(num_classes=11),
        make_run(resolution=64),
        make_run(smallest_map=4),
        make_run(architecture={"layers": [], "head": {}, "resolution": 32}),
        make_run(code=f"{'c' * 32}+0123456789abcdef"),
    ]
    assert len({network_of(run) for run in [make_run(), *others]}) == 7


@pytest.mark.parametrize(
    "changed",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace(",", ";"),
        lambda text: text.replace(",", "\t"),
        lambda text: "sep=;\r\n" + text.replace(",", ";"),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\n,,,\n"),
        lambda text: text.replace("b,", '"b",').replace("12", " 12"),
        lambda text: text.replace(",30\n", ",30.0\n"),
    ],
    ids=["bom", "semicolons", "tabs", "said", "windows", "empty lines", "quotes", "pandas"],
)
def test_as_spreadsheets_write_it(imported, store, changed):
    text = f"run,target,milliseconds,n\n{digits(TOY)},b,12.5,30\n{digits(WIDE)},b,25,30\n"
    plain = imported(text)
    again = imported(changed(text))
    assert [dataclasses.replace(each, replaced=False) for each in again] == plain
    assert all(each.replaced for each in again) and len(read_measurements(store)) == 2


def test_what_was_not_measured_this_time_stays(imported, store):
    key = STORED[0].key
    imported(f"run,target,milliseconds,low,high,n,peak_memory\n{key},b,2.0,1.9,2.1,30,124K\n")
    imported(f"run,target,flash\n{key},b,2M\n", "flash.csv")
    (found,) = read_measurements(store)
    assert (found.milliseconds, found.low, found.high, found.n) == (2.0, 1.9, 2.1, 30)
    assert (found.peak_memory, found.flash, found.file) == (124 * 1024, 2 * 1024**2, "board.csv, flash.csv")
    imported(f"run,target,milliseconds\n{key},b,3.0\n")
    (found,) = read_measurements(store)
    assert (found.milliseconds, found.low, found.n, found.flash) == (3.0, None, None, 2 * 1024**2)
    assert found.file == "board.csv, flash.csv"


def test_the_same_again_replaces_and_says_so_and_others_stay(imported, store):
    head = "run,target,precision,milliseconds\n"
    imported(f"{head}{digits(TOY)},b,float,5\n{digits(TOY)},b,int8,3\n{digits(TOY)},c,float,50\n{digits(WIDE)},b,,9\n")
    other_seed = make_run(1, model="toy")
    (found,) = imported(f"{head}{digits(other_seed)},b,float,6\n", "later.csv")
    assert found.replaced and str(found).endswith("; replaces what was known")
    (new,) = imported(f"{head}{digits(LARGE)},b,float,7\n")
    assert not new.replaced
    known = {
        (each.network, each.target, each.precision): (each.milliseconds, each.file) for each in read_measurements(store)
    }
    toy = network_of(TOY)
    assert known == {
        (toy, "b", "float"): (6.0, "later.csv"),
        (toy, "b", "int8"): (3.0, "board.csv"),
        (toy, "c", "float"): (50.0, "board.csv"),
        (network_of(WIDE), "b", "float"): (9.0, "board.csv"),
        (network_of(LARGE), "b", "float"): (7.0, "board.csv"),
    }


def test_by_the_name_that_a_study_gives(imported):
    head = "model,study,dataset,target,milliseconds\n"
    wide, toy, large = imported(f"{head}wide,small,,b,1\ntoy,small,digits,b,2\ntoy,small,mnist5k,b,3\n")
    assert [each.network for each in (wide, toy, large)] == [network_of(run) for run in (WIDE, TOY, LARGE)]
    assert (wide.model, wide.run, large.classes) == ("wide", WIDE.key, 26)


RIGHT = f"{digits(TOY)},b,,5,,,"
HEAD = "run,target,precision,milliseconds,low,high,flash\n"
BY_MODEL = "model,study,dataset,target,milliseconds\n"
WRONG = {
    "": "board.csv: is empty",
    " \n,,\n": "board.csv: is empty",
    HEAD: "board.csv: holds a first line but no rows",
    "run,target,miliseconds\nab,b,1\n": "board.csv:1: there is no column 'miliseconds' - did you mean 'milliseconds'?",
    "run,target,zzz\nab,b,1\n": "board.csv:1: there is no column 'zzz'; there are target, run, model",
    "run,target,flash,flash\nab,b,1,1\n": "board.csv:1: column 'flash' appears twice",
    "run,milliseconds\nab,1\n": "board.csv:1: has no column 'target'",
    "model,target,milliseconds\ntoy,b,1\n": "board.csv:1: which networks were measured? it needs a column 'run'",
    "run,target,n\nab,b,1\n": "board.csv:1: has none of the columns milliseconds, peak_memory, flash, energy_mj",
    f"{HEAD}{RIGHT}\n{digits(TOY)},c\n": "board.csv:3: 2 cells where the first line has 7",
    f"{HEAD}{RIGHT}\n{digits(WIDE)},b,,12,5,,,\n": "board.csv:3: 8 cells where the first line has 7",
    f"{HEAD}{RIGHT}\n{digits(WIDE)},b,,-5,,,\n": "board.csv:3: a measurement: milliseconds must be a number above 0, not -5",
    f"{HEAD}{RIGHT}\n{digits(WIDE)},b,,0,,,\n": "board.csv:3: a measurement: milliseconds must be a number above 0",
    f"{HEAD}{RIGHT}\n{digits(WIDE)},b,,nan,,,\n": "board.csv:3: milliseconds: 'nan' is not a number",
    f"{HEAD}{RIGHT}\n{digits(WIDE)},b,,1e999,,,\n": "board.csv:3: a measurement: milliseconds must be a number above 0",
    f"{HEAD}{RIGHT}\n{digits(WIDE)},b,,1_0,,,\n": "board.csv:3: milliseconds: '1_0' is not a number",
    f'{HEAD}{RIGHT}\n{digits(WIDE)},b,,"12,5",,,\n': "'12,5' is not a number: the decimal sign is a point",
    f"{HEAD}{RIGHT}\n{digits(WIDE)},b,,5,,,-3\n": "board.csv:3: a measurement: flash must be a whole number of bytes above 0",
    f"{HEAD}{RIGHT}\n{digits(WIDE)},b,,5,,,64Q\n": "board.csv:3: a measurement: flash must be a whole number of bytes above 0",
    f"{HEAD}{RIGHT}\n{digits(WIDE)},b,,,,,\n": "board.csv:3: nothing was measured",
    f"{HEAD}{RIGHT}\n{digits(WIDE)},b,,5,4,,\n": "board.csv:3: the quartiles low and high go together",
    f"{HEAD}{RIGHT}\n{digits(WIDE)},b,,5,6,7,\n": "board.csv:3: a median of 5 ms is not between its quartiles 6 and 7",
    f"{HEAD}{RIGHT}\n{digits(WIDE)},b,,,4,6,64K\n": "board.csv:3: low is of milliseconds, which are empty",
    f"{HEAD}{RIGHT}\n{digits(WIDE)},b,int16,5,,,\n": "precision must be float or int8, not 'int16' - did you mean 'int8'?",
    f"{HEAD}{RIGHT}\n{digits(WIDE)},,,5,,,\n": "board.csv:3: a measurement needs the key 'target'",
    f"{HEAD}{RIGHT}\n{digits(WIDE)},{61 * 'x'},,5,,,\n": "board.csv:3: a measurement: target must be a name of 1 to 60",
    f"{HEAD}{RIGHT}\n,b,,5,,,\n": "board.csv:3: which network was measured?",
    f"{HEAD}{RIGHT}\nxyz,b,,5,,,\n": "board.csv:3: a measurement: run must be the first digits of a run's key, not 'xyz'",
    f"{HEAD}{RIGHT}\n{'0' * 12},b,,5,,,\n": "board.csv:3: no stored run starts with '000000000000'",
    f"{HEAD}{RIGHT}\n{digits(make_run(1, model='toy'))},b,float,5,,,\n": (
        "board.csv:3: toy on b in float is given twice, first at "
    ),
    f'{HEAD}{RIGHT}\n{digits(WIDE)},"b"x,,5,,,\n': "board.csv:3: is not a CSV file",
    f"run,model,target,milliseconds\n{digits(TOY)},wide,b,1\n": f"run {digits(TOY)} is of the model toy, not wide",
    f"run,dataset,target,milliseconds\n{digits(TOY)},pines,b,1\n": f"run {digits(TOY)} is of the dataset digits, not pines",
    f"run,study,target,milliseconds\n{digits(TOY)},small,b,1\n": "leave the study empty",
    "run,model,target,milliseconds\n,toy,b,1\n": "'toy' can be another network in every study",
    f"{BY_MODEL}toy,small,,b,1\n": "toy is not one network on all datasets of small",
    f"{BY_MODEL}wide,smal,,b,1\n": "there is no finished study 'smal' - did you mean 'small'?",
    f"{BY_MODEL}wide,../small,,b,1\n": "there is no finished study '../small'",
    f"{BY_MODEL}wyde,small,,b,1\n": "small has no model 'wyde' - did you mean 'wide'?",
    f"{BY_MODEL}wide,small,digit,b,1\n": "small has no dataset 'digit' - did you mean 'digits'?",
    f"{BY_MODEL}gone,small,,b,1\n": "board.csv:2: no run of gone in small is in the store",
}


@pytest.mark.parametrize("text", WRONG)
def test_nothing_is_kept_unless_all_is_right(imported, store, text):
    with pytest.raises(UserError) as raised:
        imported(text)
    assert WRONG[text] in str(raised.value) and "\n" not in str(raised.value)
    assert not (store.home / FOLDER).exists()


def test_only_text_files_are_read(imported, store, tmp_path):
    with pytest.raises(UserError, match="is not UTF-8 text"):
        imported("run,target".encode("utf-16"))
    os.mkfifo(tmp_path / "pipe")
    for name, said in (("pipe", "is a pipe"), ("absent.csv", "cannot be read"), ("home", "cannot be read")):
        with pytest.raises(UserError, match=said):
            import_measurements(tmp_path / name, store)


def test_whatever_the_file_is_it_is_read_or_refused_in_a_line(imported, store):
    chance = random.Random(0)
    text = f"{HEAD}{RIGHT}\n{digits(WIDE)},Ä b,int8,5,4.5,6,64K\n".encode()
    refused = 0
    for _ in range(400):
        changed = bytearray(text)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(changed))
            changed[at : at + chance.randint(0, 3)] = chance.choice(
                (b"", b'"', b",", b"\n", b"\xff", b"\0", b"9", b";;")
            )
        try:
            imported(bytes(changed))
        except UserError as error:
            refused += 1
            assert str(error) and "\n" not in str(error)
    assert 100 < refused < 400


def test_damaged_measurements_do_not_count_and_newer_ones_are_refused(imported, store, caplog):
    first, second = imported(f"run,target,milliseconds\n{digits(TOY)},b,5\n{digits(WIDE)},b,9\n")
    folder = store.home / FOLDER
    file = folder / f"{first.name}.json"
    file.write_text(file.read_text().replace("5.0", "4.0"))
    (folder / "other.json").write_text(seal({"format": 1, "milliseconds": 3}))
    (folder / "more.json").write_text(seal([1, 2]))
    (folder / "notes.txt").touch()
    assert read_measurements(store) == [second]
    assert sum("damaged" in each.message for each in caplog.records) == 3
    kept = read_sealed(folder / f"{second.name}.json")
    (folder / "newer.json").write_text(seal({**kept, "format": 2}))
    with pytest.raises(UserError, match="a newer archlab wrote this"):
        read_measurements(store)


def test_what_a_newer_archlab_wrote_is_not_replaced(imported, store):
    text = f"run,target,milliseconds\n{digits(TOY)},b,5\n"
    (known,) = imported(text)
    file = store.home / FOLDER / f"{known.name}.json"
    newer = seal({**read_sealed(file), "format": 2, "watts": 3})
    file.write_text(newer)
    with pytest.raises(UserError, match="a newer archlab wrote this"):
        imported(text)
    assert file.read_text() == newer


def test_what_is_known_survives_a_writer_that_dies(imported, store, monkeypatch):
    (before,) = imported(f"run,target,milliseconds\n{digits(TOY)},b,5\n")
    with monkeypatch.context() as patched, pytest.raises(OSError, match="full"):
        patched.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "full")))
        imported(f"run,target,milliseconds\n{digits(TOY)},b,7\n")
    (store.home / FOLDER / f".elsewhere.1.0123abcd.{before.name}.json.part").write_text("{")
    assert read_measurements(store) == [before]


def test_nothing_that_is_kept_counts_as_left_behind(imported, store):
    imported(f"run,target,milliseconds\n{digits(TOY)},b,5\n")
    found = leftovers(store, unfinished=True, old_code=True, without_class_scores=True)
    assert found and not [each for each in found if FOLDER in each.path.parts]


def test_a_damaged_run_is_named_with_the_line(imported, store):
    (store.directory(TOY.key) / "result.json").write_text("{")
    with pytest.raises(UserError, match=rf"board.csv:2: run {digits(TOY)} is damaged"):
        imported(f"run,target,milliseconds\n{digits(TOY)},b,5\n")
