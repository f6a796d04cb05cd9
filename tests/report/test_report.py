import dataclasses
import io
import json
import shutil
import subprocess
import time

import numpy as np
import pandas as pd
import pytest

from archlab.foundation import UserError
from archlab.report import analyse, read_material, text, write
from archlab.report.costs import pareto
from archlab.report.palette import THEMED, themed
from archlab.report.plots import written
from archlab.report.sections import plots
from archlab.report.writing import csv_files
from archlab.scoring import xscore
from tests.report.made import REFERENCES, made_study


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    return analyse([read_material("zhang2025", tmp_path_factory.mktemp("home"))])


@pytest.fixture(scope="module")
def study():
    return analyse([made_study(datasets=4, seeds=3)])


def test_the_published_table_prints_all_three_claims(published):
    said = text(published, "markdown")
    for figure in (
        "| efficientnet |  0.962",
        "R² 0.9904",
        "R² 0.794",
        "0.977 in-sample, 0.925 left out",
        "R² is 0.661",
    ):
        assert figure in said
    for pair in ("cifar100 0.82/0.58", "ham10000 0.05/0.20", "stanford_dogs 0.68/0.64", "miniplaces 0.86/0.80"):
        assert pair in said
    assert "No conclusion: 11 models cannot tell 7 elements apart" in said
    assert "Friedman's test over 7 datasets" in said


def test_a_study_has_its_answer_effects_and_kinds(study):
    said = text(study, "markdown")
    assert said.startswith("# At equal parameters, does channel attention transfer better than token attention?")
    assert "At equal budget, attention=se is better than none" in said
    assert "| raw " in said
    assert "| equal budget " in said
    assert "seeds a cell 3" in said


def test_raw_variants_stay_beside_the_score_table(study):
    assert not any(model.endswith("@raw") for model in study.models.index)
    assert set(study.effects["made"].rows["kind"]) == {"raw", "equal_budget"}


def test_every_markdown_table_is_rectangular(study, published):
    for analysis in (study, published):
        block: list[str] = []
        for line in [*text(analysis, "markdown").splitlines(), ""]:
            if line.startswith("|"):
                block.append(line)
            elif block:
                assert len({row.replace("\\|", "").count("|") for row in block}) == 1
                block = []


def test_latex_is_ruled_by_booktabs_and_balanced(study):
    source = text(study, "latex")
    assert source.count("\\toprule") == source.count("\\midrule") == source.count("\\bottomrule") >= 3
    assert source.count("\\begin{") == source.count("\\end{")
    assert source.count("{") == source.count("}")
    assert "mobilenetv2+attention=se" in source
    assert "95 \\%" in source
    assert not [line for line in source.splitlines()[1:] if "_" in line.replace("\\_", "")]


DOCUMENT = r"""
\documentclass{article}
\usepackage{booktabs}
\usepackage{graphicx}
\begin{document}
%s
\end{document}
"""


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="no pdflatex (Debian: texlive-latex-recommended)")
def test_latex_compiles_whatever_the_names_are(published, tmp_path):
    awkward = dict(zip(REFERENCES, ["a_b", "c%d & e", "f#g{h}", "~i^j\\k", "$l+m=n <o>"], strict=True))
    material = made_study(datasets=3, seeds=2)
    table = material.table.replace({"model": awkward, "dataset": {"digits": "50%_of & $x^2$"}})
    models = {awkward.get(name, name): known for name, known in material.models.items()}
    references = list(awkward.values())
    runs = [{**run, "model": awkward.get(run["model"], run["model"])} for run in material.runs]
    parts = {"table": table, "models": models, "references": references, "base": "a_b", "runs": runs}
    study = analyse([dataclasses.replace(material, **parts)])
    source = "".join(text(analysis, "latex") for analysis in (study, published))
    (tmp_path / "report.tex").write_text(DOCUMENT % source, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "report.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "too wide" not in done.stdout


def test_csv_is_exact_and_reads_back(study):
    scores = pd.read_csv(io.StringIO(text(study, "csv"))).set_index("model")
    assert np.allclose(scores["xScore"], study.models["xscore"].loc[scores.index], rtol=0, atol=1e-15)
    files = csv_files(study)
    assert {"scores.csv", "accuracies.csv", "results.csv", "effects.csv", "runs.csv", "subsets.csv"} - set(files) <= {
        "subsets.csv"
    }
    wide = pd.read_csv(io.StringIO(files["accuracies.csv"]), index_col="model")
    again = xscore(wide, frame=study.frame)["xscore"]
    assert np.allclose(again, study.models["xscore"].loc[again.index])


def test_autorank_reads_the_accuracies(published):
    autorank = pytest.importorskip("autorank")
    wide = pd.read_csv(io.StringIO(csv_files(published)["accuracies.csv"]), index_col="model")
    result = autorank.autorank(wide.T, alpha=0.05, verbose=False)
    assert set(result.rankdf.index) == set(published.models.index)
    assert np.isfinite(result.pvalue)


def test_all_subsets_are_exported_not_only_those_shown(published):
    assert len(pd.read_csv(io.StringIO(csv_files(published)["subsets.csv"]))) == 35


@pytest.mark.slow
def test_everything_is_written_plots_too(study, tmp_path):
    files = {path.relative_to(tmp_path).as_posix() for path in write(study, tmp_path, with_plots=True)}
    assert {"report.html", "report.md", "report.tex", "scores.csv", "plots/xscore.svg", "plots/xscore.png"} <= files
    assert (tmp_path / "plots/effects.png").read_bytes().startswith(b"\x89PNG")
    assert not list(tmp_path.rglob("*.part"))


def test_each_plot_draws_the_same_svg_twice_and_leaves_no_stand_in(study):
    drawn = plots(study)
    assert {"xscore", "accuracy", "effects", "pareto-params", "pareto-latency", "ranks", "predictors"} <= set(drawn)
    assert {"critical-difference", "curves-digits", "curves-pines"} <= set(drawn)
    for plot in drawn.values():
        svg = written(plot, "svg", THEMED)
        assert b"mathdefault" not in svg, plot.name
        assert svg == written(plot, "svg", THEMED)
        for stand_in in vars(THEMED).values():
            assert stand_in not in themed(svg.decode())


def test_the_pareto_front():
    costs = pd.Series({"cheap": 1.0, "good": 3.0, "beaten": 3.0, "worse": 4.0, "best": 9.0, "unknown": np.nan})
    scores = pd.Series({"cheap": 0.2, "good": 0.6, "beaten": 0.5, "worse": 0.6, "best": 0.9, "unknown": 1.0})
    assert pareto(costs, scores) == ["cheap", "good", "best"]


def test_latency_is_shown_where_it_was_measured_and_only_there(study, published):
    assert "latency" not in text(published, "markdown") + text(published, "csv")
    said = text(study, "markdown")
    assert "Not beaten in both latency on Made-up CPU, one thread and xScore: mobilenetv2" in said
    scores = pd.read_csv(io.StringIO(text(study, "csv"))).set_index("model")
    assert scores.loc["efficientnet", "latency (ms)"] == pytest.approx(2**0.5)


def test_each_hardware_has_a_latency_of_its_own():
    material = made_study(datasets=3, seeds=2)
    gpu = {"median_ms": 0.5, "low_ms": 0.4, "high_ms": 0.6, "n": 30, "hardware": "Made-up GPU"}
    known = {model: [*found, gpu] for model, found in material.latencies.items() if model != "starnet"}
    analysis = analyse([dataclasses.replace(material, latencies=known)])
    assert {"pareto-latency", "pareto-latency-2"} <= set(plots(analysis))
    scores = pd.read_csv(io.StringIO(text(analysis, "csv"))).set_index("model")
    assert scores.loc[
        "mobilenetv2", ["latency (ms), Made-up CPU, one thread", "latency (ms), Made-up GPU"]
    ].tolist() == [1, 0.5]
    assert scores.loc["starnet"].filter(like="latency").isna().all()


def test_the_same_study_twice_is_the_study(study):
    twice = analyse([made_study(datasets=4, seeds=3), made_study(datasets=4, seeds=3, name="again")])
    assert list(twice.models.index) == list(study.models.index)
    assert np.allclose(twice.models["xscore"], study.models["xscore"])


def test_several_studies_are_scored_in_one_frame_on_shared_datasets():
    first, second = (
        made_study(datasets=4, seeds=3),
        made_study(datasets=3, seeds=3, name="other", first_seed=5, effect=0.0),
    )
    found = analyse([first, second])
    assert found.means.shape[1] == 3
    assert "mobilenetv2" in found.models.index
    assert "mobilenetv2 (other)" in found.models.index
    assert set(found.frame.models) == {*REFERENCES, *(f"{name} (other)" for name in REFERENCES)}
    assert any("elpv left out" in warning for warning in found.warnings)
    assert set(found.effects) == {"made", "other"}
    said = text(found, "markdown")
    assert "Effects of the options, other" in said


def test_different_recipes_and_machines_are_pointed_out():
    first = made_study(datasets=3, seeds=2)
    slower = dataclasses.replace(made_study(datasets=3, seeds=2, name="slow"), provenance={"recipe": "thorough"})
    assert any("different recipes" in warning for warning in analyse([first, slower]).warnings)
    runs = [{**first.runs[0], "torch": "2.7"}, *first.runs[1:]]
    assert any(
        "mixes execution modes" in warning for warning in analyse([dataclasses.replace(first, runs=runs)]).warnings
    )


def test_studies_without_shared_datasets_are_refused(tmp_path):
    other = made_study(datasets=3, seeds=1, name="other")
    other = dataclasses.replace(other, table=other.table.assign(dataset=other.table["dataset"] + "!"))
    with pytest.raises(UserError, match="made, other share 0 dataset"):
        analyse([made_study(datasets=3, seeds=1), other])


def test_failures_are_listed_and_incomplete_models_named():
    study = made_study(datasets=3, seeds=2)
    gone = (study.table["model"] == "starnet") & (study.table["dataset"] == "pines") & (study.table["seed"] == 1)
    failed = [{"model": "starnet", "dataset": "pines", "seed": 1, "cause": "out of memory", "attempts": 2}]
    found = analyse([dataclasses.replace(study, table=study.table[~gone], failed=failed)])
    assert found.models.loc["starnet", "reason"] == "incomplete: no accuracy on pines (seed 1)"
    assert "starnet" not in found.frame.models
    said = text(found, "markdown")
    assert "out of memory" in said
    assert "| starnet " in said


def test_little_material_says_what_it_cannot_say(tmp_path):
    (tmp_path / "small.csv").write_text("model,one,two\na,0.5,0.6\nb,0.7,0.4\nc,0.6,0.5\n")
    said = text(analyse([read_material(str(tmp_path / "small.csv"), tmp_path)]), "markdown")
    assert "Not computed: the architectures behind this table are not known" in said
    assert "No outcome at all could tell two of these models apart" in said
    assert "No rank probabilities: each cell has one seed." in said


def test_a_finished_study_is_read_from_the_store(tmp_path):
    made = made_study(datasets=3, seeds=2)
    folder = tmp_path / "studies" / "made"
    folder.mkdir(parents=True)
    models = [
        {"name": name, **{key: model[key] for key in ("role", "kind", "options", "width")}}
        | {"cost": {"params": model["params"], "macs": model["macs"]}, "architecture": {"layers": [], "head": {}}}
        for name, model in made.models.items()
    ]
    settled = {
        "name": "made",
        "path": None,
        "question": made.question,
        "base": made.base,
        "frame": REFERENCES,
        "suite": "samples",
    }
    settled |= {
        "datasets": {"digits": 32, "mnist5k": 32, "pines": 32},
        "seeds": [0, 1],
        "weight_of_variance": 0.5,
        "classes": 10,
    }
    settled |= {
        "budget": {"params": 2_500_000, "macs": None, "of": "trained", "fit": "width"},
        "recipe": "quick",
        "models": models,
    }
    (folder / "study.json").write_text(json.dumps(settled))
    (folder / "ablation.json").write_text(json.dumps({"failed": [], "cells": []}))
    made.table.to_csv(folder / "results.csv", index=False)
    found = analyse([read_material("made", tmp_path)])
    expected = analyse([made])
    assert np.allclose(found.models["xscore"], expected.models["xscore"])
    assert found.answers == expected.answers
    assert "2,500,000 params" in text(found, "markdown")
    assert read_material(str(folder), tmp_path / "elsewhere").name == "made"
    with pytest.raises(UserError, match="did you mean 'made'"):
        read_material("maid", tmp_path)


@pytest.mark.slow
def test_eleven_models_seven_datasets_five_seeds_take_under_five_seconds():
    started = time.process_time()
    page = text(analyse([made_study(datasets=7, seeds=5)]), "html")
    assert time.process_time() - started < 5
    assert len(page.encode()) < 2_000_000


def test_names_are_text_whatever_they_hold(tmp_path):
    (tmp_path / "odd.csv").write_text(
        'model,one,two,three\n<b>$x$&_{,50,60,40\n"a|b",70,40,30\nNA,60,50,80\nd,20,30,25\n'
    )
    found = analyse([read_material(str(tmp_path / "odd.csv"), tmp_path)])
    page = text(found, "html")
    assert "<b>$x$" not in page
    assert "&lt;b&gt;$x$&amp;_{" in page
    assert "a\\|b" in text(found, "markdown")
    assert "\\$x\\$\\&\\_\\{" in text(found, "latex")


@pytest.mark.slow
def test_a_large_study_stays_readable():
    study = made_study(datasets=3, seeds=3)
    many = [study.table.assign(model=study.table["model"] + f" {copy}") for copy in range(8)]
    runs = [{**run, "model": f"{run['model']} {copy}"} for run in study.runs for copy in range(8)]
    models = {f"{name} {copy}": {**model, "options": {}} for name, model in study.models.items() for copy in range(8)}
    large = dataclasses.replace(
        study, table=pd.concat(many), runs=runs, models=models, base=None, references=None, curves=None
    )
    page = text(analyse([large]), "html")
    assert len(page.encode()) < 2_000_000
    assert "792 runs. The first 500; all are in runs.csv." in page


def test_other_data_under_one_name_is_pointed_out():
    study = made_study(datasets=3, seeds=2)
    runs = [{**study.runs[0], "data": "other"}, *study.runs[1:]]
    warnings = analyse([dataclasses.replace(study, runs=runs)]).warnings
    assert any("digits is not the same for all models" in warning for warning in warnings)


def test_a_damaged_study_is_named(tmp_path):
    folder = tmp_path / "studies" / "broken"
    folder.mkdir(parents=True)
    (folder / "study.json").write_text("{")
    with pytest.raises(UserError, match="broken: is no finished study"):
        read_material("broken", tmp_path)


def test_a_dataset_that_failed_everywhere_leaves_no_scores():
    made = made_study(datasets=4, seeds=2)
    rest = made.table[made.table["dataset"] != "pines"]
    found = analyse([dataclasses.replace(made, table=rest, datasets=list(dict.fromkeys(made.table["dataset"])))])
    assert found.frame is None and found.models["xscore"].isna().all()


def test_studies_compared_keep_their_own_seeds_and_weights():
    first, second = made_study(datasets=3, seeds=3), made_study(datasets=3, seeds=2, name="again", first_seed=9)
    first = dataclasses.replace(first, seeds=[0, 1, 2])
    second = dataclasses.replace(second, seeds=[9, 10], lam=0.25)
    gap = (first.table["model"] == "starnet") & (first.table["dataset"] == "mnist5k") & (first.table["seed"] == 1)
    found = analyse([dataclasses.replace(first, table=first.table[~gap]), second])
    assert list(found.models.index[found.models["reason"] != ""]) == ["starnet"]
    assert "mnist5k" in found.models.loc["starnet", "reason"]
    assert any("weigh the variance differently" in warning for warning in found.warnings)
