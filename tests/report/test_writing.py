import dataclasses
import io
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest

from archlab.report import analyse, read_material, text, write
from archlab.report.palette import THEMED, themed
from archlab.report.plots import written
from archlab.report.sections import plots
from archlab.report.writing import csv_files
from archlab.scoring import xscore
from tests.report.made import REFERENCES, made_study

DOCUMENT = r"""
\documentclass{article}
\usepackage{booktabs}
\usepackage{graphicx}
\begin{document}
%s
\end{document}
"""


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


@pytest.mark.slow
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
