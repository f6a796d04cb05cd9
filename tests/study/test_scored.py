"""What a study scores: its metric, scores of one's own, and whether runs keep what they say of images."""

import pytest
from small_study import STUDY, filled, settled

from archlab.executors import TRAIN
from archlab.foundation import UserError
from archlab.report import analyse, read_material
from archlab.study.ablating import ablate
from archlab.study.computing import training_of
from archlab.study.resolving import resolve

pytestmark = pytest.mark.usefixtures("stand_in")


@pytest.mark.slow
def test_the_metric_of_the_study_is_scored(store):
    found, other = filled(store), ablate({**STUDY, "metric": "balanced_accuracy"}, store)
    assert (other.computed, other.study.metric.name) == (0, "balanced_accuracy")
    rows = other.table[(other.table["metric"] == "balanced_accuracy") & (other.table["split"] == "test")]
    means = rows.groupby(["model", "dataset"])["value"].mean()
    table = other.scores.set_index("model")
    assert all(table.loc[model, dataset] == mean for (model, dataset), mean in means.items())
    assert "of balanced accuracy" in other.answer and "balanced" not in found.answer
    assert read_material("idea", store.home).metric.name == "balanced_accuracy"


def test_scores_of_ones_own_stand_beside_the_xscore_and_outlive_their_file(store, tmp_path):
    mine = tmp_path / "mine.py"
    mine.write_text("def worst_case(normalised):\n    return normalised.min(axis=1)\n")
    found = filled(store, score=f"{mine}:worst_case")
    columns = list(found.scores.columns)
    assert columns[columns.index("variance") : columns.index("xscore")] == ["variance", "worst_case"]
    expected = {row["model"]: row["worst_case"] for row in found.document["scores"]}
    assert expected == found.scores.set_index("model")["worst_case"].to_dict()
    assert min(expected.values()) == 0
    mine.unlink()
    assert analyse([read_material("idea", store.home)]).models["worst_case"].to_dict() == expected


def test_a_score_that_is_not_there_is_named_with_its_line(home, tmp_path):
    path = tmp_path / "idea.yaml"
    path.write_text("base: mobilenetv2\nscore:\n  - nothing.py:worst_case\n")
    with pytest.raises(UserError, match=r"idea\.yaml:3: .*nothing\.py cannot be read"):
        resolve(path, home)


def test_a_report_holds_against_each_other_what_the_study_does(store):
    found = filled(store, effects=["raw"])
    analysis = analyse([read_material("idea", store.home)])
    assert set(analysis.effects["idea"].rows["kind"]) == {"raw"}
    assert analysis.answers["idea"] == found.answer and found.answer.startswith("With the edit alone")


def test_a_study_says_whether_runs_keep_their_class_scores(store):
    assert training_of(settled(store)) == TRAIN
    assert training_of(settled(store, class_scores=False)).options == {"class_scores": False}


def test_a_metric_that_runs_do_not_keep_is_refused(home):
    with pytest.raises(
        UserError, match=r"metric must be accuracy, .*, not .balanced_acuracy. - did you mean .balanced_accuracy."
    ):
        resolve({**STUDY, "metric": "balanced_acuracy"}, home)
