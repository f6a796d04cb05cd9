import errno
import io
import json
import sys
from pathlib import Path

import pyarrow.parquet
import pytest

from archlab.runs import Store, code_digest

sys.path.insert(0, str(Path(__file__).parents[1] / "runs"))
from standin import make_run, make_trained


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    for seed in range(3):
        run = make_run(seed)
        store.put(run, make_trained(run))
    return store


@pytest.fixture
def runs(command, store):
    """Calls `archlab runs` on the store."""
    return lambda name, *arguments: command("runs", name, *arguments, "--store", store.home)


def test_list(runs, store):
    code, out, err = runs("list")
    assert code == 0 and err == ""
    *lines, count = out.splitlines()
    assert count == "3 runs" and lines[0].split()[:4] == ["KEY", "MODEL", "DATASET", "SEED"]
    assert {line.split()[0] for line in lines[1:]} == {make_run(seed).key[:12] for seed in range(3)}
    document = json.loads(runs("list", "--json")[1])
    assert {row["key"] for row in document["runs"]} == set(store.keys()) and document["unreadable"] == {}


def test_runs_that_only_helped_to_choose_are_listed_as_tries(runs, store):
    tried = make_run(10_000, recipe={"epochs": 2, "test": False})
    store.put(tried, make_trained(tried))
    heading, *lines, _ = runs("list")[1].splitlines()
    place = heading.split().index("KIND")
    assert {line.split()[3]: line.split()[place] for line in lines} == {str(seed): "full" for seed in range(3)} | {
        "10000": "try"
    }
    document = json.loads(runs("list", "--json")[1])
    assert {row["key"] for row in document["runs"] if row["is_try"]} == {tried.key}


def test_where_nothing_is_stored_that_is_said_and_nothing_made(runs, store, tmp_path):
    store.home /= "other"
    said = f"nothing is stored in {store.home} yet\n"
    for words, last in (
        (("list",), "0 runs"),
        (("check",), "0 runs checked, 0 damaged; 0 set aside, and computed again when needed"),
        (("gc",), "0 leftovers, 0.0 MB; nothing removed"),
        (("restore",), "0 of 0 runs restored"),
    ):
        code, out, err = runs(*words)
        assert (code, out.splitlines()[-1], err) == (0, last, said)
    assert runs("export", tmp_path / "table.csv") == (0, "", f"{said}0 runs written to {tmp_path / 'table.csv'}\n")
    assert runs("show", "ab12") == (2, "", f"error: no stored run starts with 'ab12': {said}")
    assert not store.home.exists()


def test_a_study_whose_results_are_damaged_is_named(runs, store):
    folder = store.home / "studies" / "mine"
    folder.mkdir(parents=True)
    (folder / "study.json").write_text("{}")
    (folder / "results.csv").write_text("model,dataset,seed,split,metric,value\nnet,digits,0,test,accuracy,0.5\n")
    for damaged in ("[]", "{}", '{"cells": [{}]}', '{"cells": 3}'):
        (folder / "ablation.json").write_text(damaged)
        code, out, err = runs("list", "--study", "mine")
        said = f"error: {folder}: no results of a study can be read there: `archlab ablate --spec mine --store {store.home}`"
        assert (code, out) == (2, "") and err.startswith(said) and err.count("\n") == 1


def test_show_takes_a_prefix(runs):
    run = make_run(1)
    code, out, _ = runs("show", run.key[:10])
    assert code == 0 and run.key in out and "toy on digits, seed 1" in out and "recipe.epochs" in out
    assert json.loads(runs("show", run.key, "--json")[1])["run"] == run.document()


def test_show_says_what_is_wrong_in_one_line(runs):
    key = make_run(1).key
    wrong = key[:9] + ("0" if key[9] != "0" else "1")
    assert runs("show", wrong) == (2, "", f"error: no stored run starts with '{wrong}' - did you mean '{key[:10]}'?\n")
    code, _, err = runs("show", "")
    assert code == 2 and err.startswith("error: 3 runs start with ''") and err.count("\n") == 1


def test_check_finds_damage(runs, store):
    code, out, _ = runs("check")
    assert code == 0 and out.startswith("3 runs checked, 0 damaged")
    key = make_run(2).key
    store.weights(key).write_bytes(b"")
    code, out, _ = runs("check")
    assert code == 1 and out.startswith(f"{key[:12]}  weights.safetensors does not have its checksum")
    assert key not in store, "it is computed again by whoever needs it"
    other = make_run(1).key
    store.weights(other).write_bytes(b"")
    assert json.loads(runs("check", "--json")[1])["damaged"] == {
        other: "weights.safetensors does not have its checksum"
    }
    assert len(list(store.damaged.iterdir())) == 2 and list(store.keys()) == [make_run(0).key]


def test_gc_asks_and_dry_run_removes_nothing(runs, store, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    (store.unfinished / make_run(0).key).mkdir(parents=True)
    code, out, _ = runs("gc", "--dry-run")
    assert code == 0 and "checkpoint of a finished run" in out and "nothing removed" in out
    assert runs("gc")[0] == 130  # nobody answered
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    code, out, _ = runs("gc")
    assert code == 0 and "1 leftover, 0.0 MB; nothing removed" in out
    assert list(store.unfinished.iterdir())
    code, out, _ = runs("gc", "--yes")
    assert code == 0 and "1 of 1 leftover," in out and not list(store.unfinished.iterdir())
    assert "3 runs" in runs("list")[1]
    code, out, _ = runs("gc", "--old-code", "--yes")
    assert code == 0 and "3 of 3 leftovers" in out and list(store.keys()) == []
    assert "to the bin" in out and "the bin holds 3 runs" in out


def test_gc_goes_on_where_another_users_leftover_stays(runs, store, monkeypatch):
    for name in ("a", "b"):
        (store.home / "datasets" / name / ".32.old").mkdir(parents=True)
        (store.home / "datasets" / name / "32").mkdir()
    rename = Path.rename

    def refused_once(path, target):
        if path.parent.name == "a":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refused_once)
    code, out, err = runs("gc", "--yes")
    assert code == 1 and "1 of 2 leftovers" in out and err == "datasets/a/.32.old  stays: Permission denied\n"
    assert runs("gc", "--dry-run")[0] == 0 and not (store.home / "datasets" / "b" / ".32.old").exists()


def test_gc_says_who_needs_what_it_spares(runs, store):
    teacher = make_run(0).key
    student = make_run(3, code=code_digest(make_run().architecture), recipe={"distill": {"teacher": teacher}})
    store.put(student, make_trained(student))
    code, out, _ = runs("gc", "--old-code", "--dry-run")
    assert code == 0 and out.count("to the bin") == 2 and "2 leftovers" in out
    (line,) = [line for line in out.splitlines() if "stays" in line]
    assert teacher in line and line.endswith(f"stays: run {student.key[:12]} stands on it")
    assert "2 of 2 leftovers" in runs("gc", "--old-code", "--yes")[1]
    assert set(store.keys()) == {teacher, student.key}


def test_what_gc_takes_away_comes_back(runs, store):
    keys = set(store.keys())
    damaged = make_run(2).key
    store.weights(damaged).write_bytes(b"")
    runs("check")
    assert runs("gc", "--old-code", "--dry-run")[1].count("to the bin") == 3 and len(list(store.keys())) == 2
    runs("gc", "--old-code", "--yes")
    assert runs("list")[1].splitlines()[-1] == "0 runs" and runs("check")[1].startswith("0 runs checked")
    assert runs("restore", "zz") == (2, "", "error: the bin holds no run that starts with 'zz'\n")
    key = make_run(1).key
    assert runs("restore", key[:12]) == (0, "1 of 1 run restored\n", "")
    assert list(store.keys()) == [key]
    run = make_run(0)
    store.put(run, make_trained(run))  # computed again meanwhile
    code, out, err = runs("restore")
    assert code == 1 and out == "0 of 2 runs restored\n" and "stored again" in err and "is damaged: weights" in err
    assert set(store.keys()) == keys - {damaged} and runs("check")[0] == 0
    code, out, _ = runs("gc", "--empty-bin", "--yes")
    assert code == 0 and "nothing removed" in out and "the bin holds 2 runs" in out
    assert runs("gc", "--days", 3)[0] == 2
    code, out, _ = runs("gc", "--empty-bin", "--days", 0, "--yes")
    assert code == 0 and "2 of 2 leftovers" in out and "bin holds" not in out
    assert runs("restore") == (0, "0 of 0 runs restored\n", "") and not list(store.bin.iterdir())


def test_export(runs, store, tmp_path):
    for name in ("table.parquet", "table.csv"):
        code, out, err = runs("export", tmp_path / name)
        assert (code, out) == (0, "") and err == f"3 runs written to {tmp_path / name}\n"
    table = pyarrow.parquet.read_table(tmp_path / "table.parquet")
    listed = [row["key"] for row in json.loads(runs("list", "--json")[1])["runs"]]
    assert table["key"].to_pylist() == listed and set(listed) == set(store.keys())
    assert len((tmp_path / "table.csv").read_text().splitlines()) == 4
    code, _, err = runs("export", tmp_path / "table.cvs")
    assert code == 2 and err == "error: cannot write .cvs: a table is .parquet or .csv - did you mean '.csv'?\n"


def test_score_reads_a_tidy_export(runs, store, tmp_path):
    from archlab.scoring import read_table

    other = make_run(0, recipe={}, model="other")
    store.put(other, make_trained(other))
    path = tmp_path / "table.parquet"
    runs("export", path, "--tidy")
    (value,) = read_table(path, split="validation").query("model == 'other'")["value"]
    assert value == make_trained(other).metrics["validation"]["accuracy"]


def test_show_is_in_units(runs, store):
    shown = {line[:30].strip(): line[31:] for line in runs("show", make_run(0).key)[1].splitlines()[2:]}
    assert shown["width"] == "1 times the published channels" and shown["resolution"] == "32 pixels"
    assert shown["time"] == "0 s" and shown["peak memory"] == "None"
    run = make_run(9)
    trained = make_trained(run)
    trained.seconds, trained.peak_memory = 200.4, 123_456_789
    store.put(run, trained)
    shown = runs("show", run.key)[1]
    assert "3 min 20 s" in shown and "123 MB" in shown


def test_list_of_a_model_a_dataset_and_a_study(runs, store):
    others = [make_run(7, model="toy+act=relu"), make_run(8, model="toys", dataset="textures")]
    for run in others:
        store.put(run, make_trained(run))

    def listed(*arguments):
        code, out, err = runs("list", "--json", *arguments)
        assert code == 0, err
        return {(row["model"], row["dataset"]) for row in json.loads(out)["runs"]}

    assert listed("--model", "toy") == {("toy", "digits"), ("toy+act=relu", "digits")}
    assert listed("--dataset", "textures") == {("toys", "textures")}
    assert listed("--model", "toys", "--dataset", "textures") == {("toys", "textures")}
    assert runs("list", "--model", "toyz")[2] == "error: no finished run has the model 'toyz' - did you mean 'toy'?\n"
    assert runs("list", "--dataset", "digit")[2].endswith("did you mean 'digits'?\n")
    assert runs("list", "--study", "none")[0] == 2
    assert runs("list", "--study", "zhang2025")[2] == "error: there is no finished study 'zhang2025'\n"
