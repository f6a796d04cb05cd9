"""Studies with another suite, recipe or other seeds than they are written with."""

from __future__ import annotations

import numpy as np
import pytest

from archlab.data import open_prepared
from archlab.executors import Settings
from archlab.foundation import UserError
from archlab.report import read_material
from archlab.runs import Store
from archlab.study.ablating import ablate
from archlab.study.loading import load_study
from archlab.study.resolving import resolve
from archlab.study.source import override

QUICK = "like: quick\nsteps: {}\n"


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({}, "shuffle"),
        ({"suite": "samples_all"}, "shuffle+suite=samples_all"),
        ({"suite": "seven", "recipe": "thorough", "seeds": 5}, "shuffle+suite=seven+recipe=thorough+seeds=5"),
        ({"datasets": ["digits", "ham10000@published"]}, "shuffle+datasets=digits,ham10000@published"),
        ({"datasets": "digits"}, "shuffle+datasets=digits"),
        ({"seeds": [4, 7]}, "shuffle+seeds=4,7"),
        ({"seeds": [4]}, "shuffle+seeds=4,"),
        ({"seeds": np.array([4, 7])}, "shuffle+seeds=4,7"),
        ({"seeds": np.int64(5)}, "shuffle+seeds=5"),
        (
            {"seeds": {"from": np.int64(2), "to": 9}, "datasets": np.array(["digits"])},
            "shuffle+datasets=digits+seeds=2-9",
        ),
        ({"seeds": [0, 1, 2], "suite": "samples"}, "shuffle"),  # as it is written
    ],
)
def test_the_name_says_what_differs(values, name):
    assert load_study(override("shuffle", **values)).name == name


def test_a_study_may_hold_what_a_program_has(tmp_path):
    (tmp_path / "net.yaml").write_text("name: net\nlayers: [{conv: {out: 8}}]\n")
    study = {"base": tmp_path / "net.yaml", "compare": ("starnet",), "seeds": range(3), "budget": np.int64(10**6)}
    read = load_study(override({**study, "lambda": np.float64(0.25)}))
    assert (list(read.bases), read.seeds, read.budget.params) == (["net"], (0, 1, 2), 10**6)
    assert [each.name for each in read.compare] == ["starnet"] and read.weight_of_variance == 0.25


def test_everything_else_stays_and_all_values_count():
    written = load_study("shuffle")
    changed = load_study(override("shuffle", datasets=["digits", "elpv"], recipe="thorough", seeds=2))
    assert changed.suite.datasets == ("digits", "elpv") and changed.seeds == (0, 1)
    assert changed.recipe.steps == 800 and changed.compare == written.compare and changed.budget == written.budget


def test_an_exemption_of_a_dataset_that_nobody_knows_is_refused_in_another_recipe_too():
    recipe = {"like": "quick", "exemptions": [{"datasets": ["texture"], "set": {"lr": 1e-3}}]}
    with pytest.raises(UserError, match=r"override recipe: an exemption of .*'texture' - did you mean 'textures'"):
        load_study(override("shuffle", recipe=recipe))


def test_an_entry_of_the_catalogue_that_cannot_be_read_stands_in_no_suite_s_way(tmp_path, home):
    entry = home / "datasets/catalogue/broken.yaml"
    entry.parent.mkdir(parents=True)
    entry.write_text("name: [")
    (tmp_path / "mine.yaml").write_text("datasets: [digits, elpv]\n")
    study = load_study(override("shuffle", suite=str(tmp_path / "mine.yaml")), home=home)
    assert study.suite.datasets == ("digits", "elpv")
    with pytest.raises(UserError, match="override suite: 'broken' is a dataset, not a suite"):
        load_study(override("shuffle", suite="broken"), home=home)


@pytest.mark.slow
def test_files_of_one_name_are_told_apart_by_what_they_say(tmp_path, home):
    recipe, suite = tmp_path / "brief.yaml", tmp_path / "mine.yaml"
    suite.write_text("datasets: [digits, elpv]\n")
    names = []
    for steps in (3, 4):
        recipe.write_text(QUICK.format(steps))
        names.append(resolve(override("shuffle", suite=str(suite), recipe=recipe), home).name)
    assert names[0] != names[1] and all(name.startswith("shuffle+suite=mine-") for name in names)
    recipe.write_text(QUICK.format(3))
    suite.write_text("datasets: [digits, textures]\n")
    assert resolve(override("shuffle", suite=str(suite), recipe=recipe), home).name not in names


def test_however_much_differs_the_name_can_be_that_of_a_folder():
    study = {"name": "n" * 80, "base": "mobilenetv2", "suite": "samples"}
    names = ["mnist5k", "digits", "elpv", "pines", "glyphs", "textures", "cifar10", "cifar100", "ham10000", "indoor67"]
    values = {"datasets": names, "seeds": list(range(100, 160)), "matters": "0.125 of xScore"}
    one, other = (load_study(override(study, **values, recipe=recipe)).name for recipe in ("thorough", "zhang2025"))
    assert one != other and all(200 < len(name) <= 255 for name in (one, other))


def test_many_datasets_make_no_endless_name():
    names = ["mnist5k", "digits", "elpv", "pines", "glyphs", "textures", "cifar10", "cifar100", "ham10000", "indoor67"]
    one, other = (load_study(override("shuffle", datasets=each)).name for each in (names, names[::-1]))
    assert one != other and len(one) < 100


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"suite": "sevn"}, "override suite: no suite is called 'sevn' - did you mean 'seven'?"),
        ({"suite": "digits"}, "'digits' is a dataset, not a suite"),
        ({"datasets": ["digts"]}, "override datasets: no dataset is called 'digts' - did you mean 'digits'?"),
        ({"datasets": ["seven"]}, "'seven' is a suite, not a dataset"),
        ({"datasets": []}, "at least one dataset"),
        ({"datasets": ["elpv", "elpv"]}, "'elpv' stands in the suite twice"),
        ({"recipe": "quik"}, "override recipe: there is no recipe 'quik'.*'quick'"),
        ({"seeds": 0}, "override seeds: seeds is how many, at least 1, .* not 0"),
        ({"seeds": "many"}, "not 'many'"),
        ({"seeds": [1, 1]}, "twice"),
        ({"suite": "seven", "datasets": ["digits"]}, "not both"),
    ],
)
def test_wrong_values_are_refused_in_a_line(values, words):
    with pytest.raises(UserError, match=words) as refused:
        load_study(override("shuffle", **values))
    assert "\n" not in str(refused.value)


def test_a_metric_that_the_other_recipe_lacks(tmp_path):
    (tmp_path / "own.py").write_text("def recall(scores, labels):\n    return 1.0\n")
    study = {
        "base": "mobilenetv2",
        "recipe": {"like": "quick", "metrics": [f"{tmp_path}/own.py:recall"]},
        "metric": "recall",
    }
    assert load_study(override(study, seeds=2)).metric.name == "recall"
    with pytest.raises(UserError, match="override recipe: thorough keeps no metric 'recall', which study scores"):
        load_study(override(study, recipe="thorough"))


@pytest.mark.slow
def test_results_lie_beside_those_of_the_study_as_written_and_are_reported(home):
    open_prepared("digits", home, 8)
    net = {"name": "net", "layers": [{"conv": {"out": 8, "stride": 2}}]}
    study = {"name": "tiny", "compare": [net], "suite": ["digits"], "budget": "none"}
    study["recipe"] = {"like": "quick", "steps": 2, "resolution": 8}
    store, settings = Store(home), Settings(workers=1)
    ablate(study, store, settings)
    before = (home / "studies/tiny/results.csv").read_text()
    changed = ablate(override(study, seeds=2), store, settings)
    assert changed.computed == 1  # the first seed is that of the study as written
    assert (home / "studies/tiny/results.csv").read_text() == before
    assert read_material("tiny+seeds=2", home).seeds == [0, 1] and read_material("tiny", home).seeds == [0]


def test_a_report_on_what_ran_with_other_values_alone_names_it(home):
    folder = home / "studies/tiny+seeds=2"
    folder.mkdir(parents=True)
    (folder / "study.json").write_text("{}")
    with pytest.raises(UserError, match=r"tiny has not run as it is written; finished is tiny\+seeds=2"):
        read_material("tiny", home)


def test_settings_that_an_inherited_exemption_contradicts_are_refused_before_anything_runs(home):
    source = override("shuffle", datasets=["digits", "stanford_dogs"], recipe={"like": "zhang2025", "pixels": 300})
    with pytest.raises(
        UserError, match=r"zhang2025\.yaml:54: .* on stanford_dogs: test_resize, 256, is below pixels, 300"
    ):
        resolve(source, home)
