import dataclasses

import numpy as np
import pandas as pd
import pytest

from archlab.foundation import UserError
from archlab.foundation.metric import Metric
from archlab.report import analyse, read_material, text
from archlab.report.combining import combined, in_frame_of
from archlab.report.naming import told_apart
from archlab.report.scores import scores
from archlab.report.sections import plots
from archlab.report.writing import csv_files
from tests.report.made import REFERENCES, made_study


def test_the_same_study_twice_is_the_study(study):
    twice = analyse([made_study(datasets=4, seeds=3), made_study(datasets=4, seeds=3, name="again")])
    assert list(twice.models.index) == list(study.models.index)
    assert np.allclose(twice.models["xscore"], study.models["xscore"])


@pytest.mark.slow
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


@pytest.mark.slow
def test_parts_of_studies_of_one_name_are_files_of_one_folder(tmp_path):
    places = {first: tmp_path / f"run ({first})" / "made" for first in (0, 9)}
    studies = [made_study(datasets=2, seeds=2, first_seed=first) for first in places]
    found = analyse([dataclasses.replace(each, source=places[each.seeds[0]]) for each in studies])
    names = [*csv_files(found), *plots(found)]
    assert sum(name.startswith("effects-by-dataset-run_0_made") for name in names) == 1
    assert not any(set(name) & set("/() ") for name in names)


@pytest.mark.slow
def test_different_recipes_and_machines_are_pointed_out():
    first = made_study(datasets=3, seeds=2)
    slower = dataclasses.replace(made_study(datasets=3, seeds=2, name="slow"), provenance={"recipe": "thorough"})
    assert any("different recipes" in warning for warning in analyse([first, slower]).warnings)
    runs = [{**first.runs[0], "torch": "2.7"}, *first.runs[1:]]
    assert any(
        "mixes execution modes" in warning for warning in analyse([dataclasses.replace(first, runs=runs)]).warnings
    )


@pytest.mark.slow
def test_which_studies_were_tuned_is_said_and_where_their_tuning_is_shown():
    plain, tuned = made_study(datasets=3, seeds=2), made_study(datasets=3, seeds=2, name="other")
    assert not any("tun" in warning for warning in analyse([plain, tuned]).warnings)
    tuned = dataclasses.replace(tuned, tuning={"choices": []})
    shown = "; the order of the models with and without tuning is on the page of each tuned study alone"
    found = analyse([plain, tuned])
    assert f"tuned before training: other; not tuned: made{shown}" in found.warnings and found.tuning is None
    both = analyse([dataclasses.replace(plain, tuning=tuned.tuning), tuned])
    assert f"tuned before training: made, other{shown}" in both.warnings


def test_studies_without_shared_datasets_are_refused(tmp_path):
    other = made_study(datasets=3, seeds=1, name="other")
    other = dataclasses.replace(other, table=other.table.assign(dataset=other.table["dataset"] + "!"))
    with pytest.raises(UserError, match="made, other share 0 dataset"):
        analyse([made_study(datasets=3, seeds=1), other])


def test_studies_compared_keep_their_own_seeds_and_weights():
    first, second = made_study(datasets=3, seeds=3), made_study(datasets=3, seeds=2, name="again", first_seed=9)
    first = dataclasses.replace(first, seeds=[0, 1, 2])
    second = dataclasses.replace(second, seeds=[9, 10], lam=0.25)
    gap = (first.table["model"] == "starnet") & (first.table["dataset"] == "mnist5k") & (first.table["seed"] == 1)
    found = analyse([dataclasses.replace(first, table=first.table[~gap]), second])
    assert list(found.models.index[found.models["reason"] != ""]) == ["starnet"]
    assert "mnist5k" in found.models.loc["starnet", "reason"]
    assert any("weigh the variance differently" in warning for warning in found.warnings)


def test_scores_of_ones_own_do_not_leave_their_frame():
    own = {"worst_case": pd.Series(0.25, REFERENCES)}
    first = dataclasses.replace(made_study(datasets=3, seeds=2), own_scores=own)
    found = analyse([first, made_study(datasets=3, seeds=2, name="again")])
    assert "worst_case" not in found.models
    assert any(warning.startswith("worst_case left out") for warning in found.warnings)
    alone = in_frame_of(first, "all")
    assert not alone.own_scores and alone.doubts == ["worst_case left out: such a score was computed in another frame"]
    assert in_frame_of(first, "references").own_scores is own


def test_studies_of_different_metrics_are_refused():
    first = made_study(datasets=3, seeds=1)
    with pytest.raises(UserError, match="different metrics cannot be compared: accuracy, auc"):
        analyse([first, dataclasses.replace(first, metric=Metric("auc"))])


def test_a_metric_of_ones_own_with_other_arguments_is_another():
    made = made_study(datasets=3, seeds=1)
    made = dataclasses.replace(made, table=made.table.assign(metric="top"))
    own = {"/mine.py:top": {"k": 3}}, {"/mine.py:top": {"k": 5}}, {"/moved/mine.py:top": {"k": 3}}
    three, five, moved = (
        dataclasses.replace(made, name=f"study{at}", metric=Metric("top", own=each)) for at, each in enumerate(own)
    )
    with pytest.raises(UserError, match=r"different metrics cannot be compared: top\(k=3\), top\(k=5\)"):
        analyse([three, five])
    with pytest.raises(UserError, match=r"share no metric: top\(k=3\) and top\(k=5\)"):
        analyse([three], five)
    assert list(analyse([three, moved]).models.index) == list(analyse([three]).models.index)


def test_the_elements_of_all_architectures_stay_known(tmp_path):
    """Each once: trained in two studies, it would be foretold by its twin."""
    first, second = made_study(datasets=3, seeds=1), made_study(datasets=3, seeds=1, name="other", first_seed=5)
    each = pd.DataFrame({"macs": 1e8 + np.arange(len(first.models))}, index=list(first.models))
    wider = each.assign(macs=each["macs"].where(each.index != "starnet", 2e8))
    studies = [dataclasses.replace(first, elements=each), dataclasses.replace(second, elements=wider)]
    assert set(combined(studies)[0].elements.index) == {*first.models, "starnet (other)"}
    assert combined([studies[0], dataclasses.replace(studies[0], name="again")])[0].elements.equals(each)
    published = read_material("zhang2025", tmp_path)
    assert published.elements["macs"].min() > 1e8, "as those of studies are counted"


def table(path, values, **options):
    """A file of models x datasets, read as a report reads it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(values).to_csv(path, index=False, **options)
    return read_material(str(path), path.parent)


MINE = {"model": ["a", "b", "c"], "x": [0.5, 0.6, 0.7], "y": [0.9, 0.8, 0.57]}
PERCENT = {"model": ["a", "d"], "x": [50, 65], "y": [90, 20]}


def test_fractions_and_percent_are_one_unit(tmp_path):
    mine, percent = table(tmp_path / "mine.csv", MINE), table(tmp_path / "percent.csv", PERCENT)
    for materials in ([mine, percent], [percent, mine]):
        found = analyse(materials)
        assert sorted(found.models.index) == ["a", "b", "c", "d"]
        assert found.means.loc["c"].to_dict() == pytest.approx({"x": 70, "y": 57})
        assert found.frame.datasets["x"] == pytest.approx((50, 70))


def test_a_study_and_a_table_that_says_less_are_scored_together(tmp_path):
    study = made_study(datasets=2, seeds=2)
    other = study.table.assign(metric="balanced_accuracy")
    study = dataclasses.replace(study, table=pd.concat([study.table, other]))
    theirs = table(tmp_path / "theirs.csv", {"model": ["mine", "starnet"], "digits": [61, 70.5], "mnist5k": [88, 90]})
    found = analyse([study, theirs])
    assert {"mine", "starnet", "starnet (theirs)"} <= set(found.models.index) and (found.models["reason"] == "").all()
    assert found.means.loc["mine"].to_dict() == {"digits": 61, "mnist5k": 88}
    alone = analyse([study]).means.loc["mobilenetv2", "digits"]
    assert found.means.loc["mobilenetv2", "digits"] == pytest.approx(100 * alone) and found.seeds == (1, 2)
    (section,) = scores(found)
    roles = dict(zip(found.models.index, section.tables[0].roles, strict=True))
    assert roles["starnet"] == "reference" and roles["mine"] == "", "a table does not say what its models are"


def test_what_studies_share_is_told_once_and_looked_up_in_the_store_of_either(tmp_path):
    failed = [{"model": "starnet", "dataset": "pines", "seed": 1, "cause": "out of memory", "attempts": 2}]
    study = dataclasses.replace(made_study(datasets=3, seeds=2), home=tmp_path, failed=failed)
    theirs = table(tmp_path / "theirs.csv", {"model": ["mine", "other"], "digits": [61, 70.5], "mnist5k": [88, 90]})
    whole, said = combined([theirs, study, dataclasses.replace(study, name="again")])
    assert whole.runs == study.runs and whole.failed == failed and whole.home == tmp_path
    assert "how theirs was trained is not known, so models may differ in more than design" in said
    assert not any("different recipes" in each for each in said)


def test_a_model_without_results_says_nothing_of_its_namesake():
    first, second = made_study(datasets=2, seeds=1), made_study(datasets=2, seeds=1, name="other", first_seed=5)
    models = {**second.models, "starnet": {**second.models["starnet"], "params": 1}}
    table = second.table[second.table["model"] != "starnet"]
    latencies = {**second.latencies, "starnet": []}
    whole, _ = combined([first, dataclasses.replace(second, models=models, table=table, latencies=latencies)])
    assert whole.models["starnet"] == first.models["starnet"]
    assert whole.latencies["starnet"] == first.latencies["starnet"]


def test_a_study_in_int8_and_a_table_in_percent_are_one_unit(tmp_path):
    study = made_study(datasets=2, seeds=2)
    lost = {"drop": 0.0, "low": -0.01, "high": 0.01}
    int8 = [
        {**{key: run[key] for key in ("model", "dataset", "seed")}, "int8": run["accuracy"], **lost}
        for run in study.runs
    ]
    theirs = table(tmp_path / "theirs.csv", {"model": ["mine", "other"], "digits": [61, 70.5], "mnist5k": [88, 90]})
    found = analyse([dataclasses.replace(study, int8=int8), theirs]).quantised.models
    assert found["xscore"].to_numpy() == pytest.approx(found["float_xscore"].to_numpy())


def test_tables_of_different_splits_are_pointed_out(tmp_path):
    tidy = pd.DataFrame(MINE).melt("model", var_name="dataset")
    both = [
        table(tmp_path / f"{split}.csv", tidy.assign(split=split, value=0.9 * tidy["value"]))
        for split in ("val", "test")
    ]
    found = analyse(both)
    assert "the tables compared hold different splits: val, test" in found.warnings and len(found.models) == 3


@pytest.mark.parametrize("count", [2, 3])
def test_models_of_tables_of_one_name_stand_for_themselves(tmp_path, count):
    tables = [
        table(tmp_path / folder / "results.csv", MINE | {"y": [0.9 - at / 10, 0.8, 0.5 + at / 10]})
        for at, folder in enumerate("ABC"[:count])
    ]
    found, names = analyse(tables), [f"{folder}/results" for folder in "ABC"[:count]]
    assert found.name == " + ".join(names)
    assert set(found.models.index) == {"b", *(f"{model} ({name})" for model in "ac" for name in names)}
    assert found.means.loc[f"c ({names[-1]})", "y"] == pytest.approx(0.5 + (count - 1) / 10)


def test_a_model_that_two_of_three_have_alike_is_one(tmp_path):
    values = [MINE, MINE | {"y": [0.1, 0.8, 0.57]}, MINE | {"y": [0.1, 0.8, 0.57]}]
    found = analyse(
        [table(tmp_path / f"{name}.csv", each) for name, each in zip(("one", "two", "three"), values, strict=True)]
    )
    assert set(found.models.index) == {"a (one)", "a (two)", "b", "c"}


def test_no_new_name_is_one_that_a_model_has(tmp_path):
    taken = {"model": ["a (two)", "a", "c"], "x": [0.1, 0.2, 0.3], "y": [0.4, 0.9, 0.8]}
    found = analyse([table(tmp_path / "one.csv", taken), table(tmp_path / "two.csv", MINE)])
    assert found.means.loc["a (two)", "x"] == 0.1 and found.means.loc["a (two, 2)", "x"] == 0.5


def test_what_shares_a_name_is_told_apart_by_its_place(tmp_path):
    def names(*places):
        return [each.name for each in told_apart([dataclasses.replace(study, source=place) for place in places])]

    study = made_study(datasets=2, seeds=1, name="quick")
    assert names(tmp_path / "one" / "quick", tmp_path / "two" / "quick") == ["one/quick", "two/quick"]
    assert names(tmp_path / "quick.csv", tmp_path / "quick.pq") == ["quick.csv", "quick.pq"]
    assert names(tmp_path / "quick.csv", tmp_path / "x" / ".." / "quick.csv") == ["quick", "quick"]
    assert names(None, tmp_path / "studies" / "quick") == ["quick", "studies/quick"]
