import dataclasses
import json

import numpy as np
import pytest

from archlab.architecture import architecture
from archlab.foundation.escaping import file_name
from archlab.report import read_material


@pytest.fixture
def command(command, monkeypatch, tmp_path):
    """The command line, on an empty store."""
    monkeypatch.setenv("ARCHLAB_HOME", str(tmp_path / "store"))
    return command


@pytest.mark.slow
def test_the_published_table_is_printed_and_written(command, tmp_path):
    code, out, err = command("report", "zhang2025")
    assert code == 0
    assert "Which datasets stand for all?" in out
    folder = tmp_path / "store" / "reports" / "zhang2025"
    assert str(folder) in err
    assert (folder / "report.html").read_text().startswith("<!doctype html>")
    assert (folder / "report.md").read_text() == out


@pytest.mark.slow
def test_a_page_stays_in_the_store_whatever_its_study_is_called(command, tmp_path, monkeypatch):
    named = dataclasses.replace(read_material("zhang2025", tmp_path), name="../../out")
    monkeypatch.setattr("archlab.report.read_material", lambda *_: named)
    assert command("report", "any")[0] == 0
    assert [path.name for path in (tmp_path / "store" / "reports").iterdir()] == [file_name("../../out")]
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "start"),
    [("markdown", "# Which"), ("csv", "model,"), ("latex", "% \\usepackage"), ("html", "<!doctype html>")],
)
def test_a_format_is_printed_and_nothing_written(command, tmp_path, form, start):
    code, out, _ = command("report", "zhang2025", f"--{form}")
    assert code == 0
    assert out.startswith(start)
    assert not (tmp_path / "store" / "reports").exists()


@pytest.mark.slow
def test_any_table_with_a_chosen_folder_and_plots(command, tmp_path):
    (tmp_path / "mine.csv").write_text("model,one,two,three\na,50,60,40\nb,70,40,30\nc,60,50,80\nd,20,30,25\n")
    code, _, _ = command("report", tmp_path / "mine.csv", "--output", tmp_path / "out", "--plots")
    assert code == 0
    assert (tmp_path / "out" / "plots" / "xscore.svg").exists()
    assert (tmp_path / "out" / "report.html").exists()


def test_held_against_the_published_table(command, tmp_path):
    lines = [
        f"{model},{seed},{nette + seed},{ham - seed}"
        for model, nette, ham in (("convmixer", 88, 80), ("fbnet", 84, 70), ("starnet", 80, 75))
        for seed in range(3)
    ]
    (tmp_path / "mine.csv").write_text("\n".join(["model,seed,imagenette,ham10000@published", *lines]) + "\n")
    code, out, _ = command("report", tmp_path / "mine.csv", "--against", "zhang2025", "--json")
    against = json.loads(out)["against"]
    assert code == 0 and len(against["cells"]) == 6
    cell = next(c for c in against["cells"] if (c["model"], c["dataset"]) == ("convmixer", "imagenette"))
    assert (cell["published"], cell["reproduced"], cell["difference"]) == pytest.approx((89.25, 89, -0.25))
    assert cell["explained_by"] == "seed noise" and against["test_images"] == {
        "imagenette": 3925,
        "ham10000@published": 1502,
    }
    code, out, _ = command("report", tmp_path / "mine.csv", "--against", "zhang2025")
    assert code == 0 and "## Held against zhang2025" in out
    folder = tmp_path / "store" / "reports" / "mine"
    assert "Held against zhang2025" in (folder / "report.html").read_text()
    assert len((folder / "against-cells.csv").read_text().splitlines()) == 7


@pytest.mark.slow
def test_two_protocols_rank_alike(command, tmp_path):
    random = np.random.default_rng(0)
    truth = random.normal(0, 10, (8, 3))
    for name, noise in (("quick", 6), ("thorough", 3)):
        lines = [
            f"m{model},{seed},{','.join(f'{50 + each + random.normal(0, noise):.2f}' for each in truth[model])}"
            for model in range(8)
            for seed in range(3)
        ]
        (tmp_path / f"{name}.csv").write_text("\n".join(["model,seed,one,two,three", *lines]) + "\n")
    tables = [tmp_path / "quick.csv", tmp_path / "thorough.csv"]
    code, out, err = command("report", *tables, "--agreement")
    assert code == 0 and "## Does quick rank as thorough?" in out, err
    folder = tmp_path / "store" / "reports" / "quick+thorough"
    assert "Does quick rank as thorough?" in (folder / "report.html").read_text()
    assert len((folder / "agreement-runs.csv").read_text().splitlines()) == 6
    code, out, _ = command("report", *tables, "--agreement", "--json")
    found = json.loads(out)["agreement"]
    assert [row["by"] for row in found["rows"]] == ["xscore", "mean", "one", "two", "three"]
    assert found["rows"][1]["corrected"] > 0.5 and found["rows"][1]["seconds_ratio"] is None


def test_two_protocols_may_have_one_name(command, tmp_path):
    random = np.random.default_rng(0)
    for folder in ("cheap", "dear"):
        lines = [f"m{at},{','.join(f'{50 + 5 * at + random.normal(0, 4):.2f}' for _ in range(3))}" for at in range(6)]
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "results.csv").write_text("\n".join(["model,one,two,three", *lines]) + "\n")
    cheap, dear = (tmp_path / folder / "results.csv" for folder in ("cheap", "dear"))
    code, out, err = command("report", cheap, dear, "--agreement", "--json")
    found = json.loads(out)["agreement"]
    assert code == 0 and (found["cheap"], found["dear"]) == ("cheap/results", "dear/results"), err
    assert command("report", cheap, dear, "--agreement")[0] == 0
    assert len(list((tmp_path / "store" / "reports").glob("cheap_results+dear_results-*/report.html"))) == 1
    code, out, err = command("report", cheap, tmp_path / "dear" / ".." / "cheap" / "results.csv", "--agreement")
    assert (code, out) == (2, "") and "results is named twice" in err


def test_which_way_of_a_metric_is_better_is_asked_for(command, tmp_path):
    table = tmp_path / "lat.csv"
    table.write_text(
        "model,dataset,metric,value\na,x,latency_ms,10\na,y,latency_ms,11\nb,x,latency_ms,20\nb,y,latency_ms,30\n"
    )
    code, out, err = command("report", table, "--json")
    assert code == 0 and "warning: archlab does not know the metric latency_ms" in err
    assert json.loads(out)["scores"][0]["model"] == "b"
    code, out, err = command("report", table, "--lower-is-better", "--json")
    assert (code, json.loads(out)["scores"][0]["model"]) == (0, "a") and "latency_ms" not in err
    code, out, err = command("report", table, "zhang2025", "--metric", "latency_ms", "--lower-is-better")
    assert (code, out) == (2, "") and "--metric says what a table holds, and zhang2025 is scored by accuracy" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["zhang2025", "--agreement"], "--agreement takes two studies or tables, a cheap and a dear one, not 1"),
        (["zhang2025", "zhang2025", "--agreement"], "zhang2025 is named twice"),
        (["zhang2052"], "there is no finished study or table 'zhang2052', and nothing is stored in "),
        (["zhang2025", "--csv", "--plots"], "--csv prints, so it takes neither"),
        (["zhang2025", "--json", "--csv"], "--csv and --json exclude each other"),
        (["zhang2025", "--against", "zhang2052"], "there is no finished study or table 'zhang2052'"),
        ([], "Missing argument 'STUDY...'"),
    ],
)
def test_what_cannot_be_reported_is_one_line(command, tmp_path, arguments, message):
    code, out, err = command("report", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1 and not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_finished_study_and_a_published_table_of_one_name(command, tmp_path):
    model = {"role": "reference", "kind": None, "options": {}, "width": 1.0, "cost": {"params": 1, "macs": 1}}
    layers = architecture("mobilenetv2").canonical()
    names, datasets = ("convmixer", "mobilenetv2", "starnet"), ("cifar10", "cifar100")
    study = {
        **dict.fromkeys(("question", "base", "path"), None),
        **{"name": "zhang2025", "frame": names, "weight_of_variance": 0.5, "seeds": [0], "suite": "s", "recipe": "r"},
        **{"budget": {"fit": "none", "of": "train"}, "classes": 100, "datasets": dict.fromkeys(datasets, 32)},
        "models": [{**model, "name": name, "architecture": layers} for name in names],
    }
    rows = [f"{name},{data},0,test,accuracy,0.{at}{len(data)}" for at, name in enumerate(names, 3) for data in datasets]
    folder = tmp_path / "store" / "studies" / "zhang2025"
    folder.mkdir(parents=True)
    (folder / "study.json").write_text(json.dumps(study))
    (folder / "ablation.json").write_text(json.dumps({"cells": [], "failed": [], "scores": []}))
    (folder / "results.csv").write_text("\n".join(["model,dataset,seed,split,metric,value", *rows]))

    code, out, err = command("report", "zhang2025", "--against", "zhang2025", "--json")
    assert code == 0, err
    against = json.loads(out)["against"]
    assert against["origin"] == "the published table that comes with archlab" and len(against["cells"]) == 6
    assert all(abs(cell["difference"]) > 5 for cell in against["cells"])
    assert "zhang2025 is your finished study; the published table of that name is zhang2025.csv" in err
    assert f"held against the published table zhang2025; your finished study of that name is {folder}" in err
    other_code, out, err = command("report", "zhang2025.csv", "--against", folder, "--json")
    against = json.loads(out)["against"]
    assert other_code == 0 and against["origin"] == "a finished study" and "zhang2025.csv" not in err
    assert all(abs(cell["difference"]) > 5 for cell in against["cells"])
    assert len(json.loads(out)["scores"]) == 11
