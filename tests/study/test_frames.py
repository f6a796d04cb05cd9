"""Which models span the frame of a study's scores."""

import pytest
from small_study import STAND_IN, STUDY, filled, settled

from archlab.foundation import UserError
from archlab.report import analyse, in_frame_of, read_material
from archlab.study import ablation
from archlab.study.ablating import ablate
from archlab.study.loading import load_study
from archlab.study.source import override
from archlab.study.until import in_rounds

VARIANT = "mobilenetv2+attention=se"


@pytest.mark.slow
def test_a_base_that_is_a_published_architecture_is_in_the_frame(store):
    assert settled(store, compare=["starnet", "shufflenetv2"]).frame == ["starnet", "shufflenetv2", "mobilenetv2"]
    assert settled(store).frame == ["mobilenetv2", "starnet", "shufflenetv2"]
    edited = {
        "base": "mobilenetv2",
        "name": "mine",
        "edits": [{"set": {"kernel": 5}, "where": {"block": "inverted_residual"}}],
    }
    own = settled(store, base=edited, compare=["starnet", "shufflenetv2"])
    assert own.frame == ["starnet", "shufflenetv2"]
    assert settled(store, compare=[]).frame == []


@pytest.mark.slow
def test_all_models_span_the_frame_where_the_study_says_so(store):
    found = filled(store, frame="all", effects=["equal_budget", "raw"])
    fitted = ["mobilenetv2", "starnet", "shufflenetv2", VARIANT]
    assert found.study.frame == fitted and found.study.spanned_by == "all"
    assert found.document["frame"]["kind"] == "cohort" and set(found.document["frame"]["models"]) == set(fitted)
    assert not any("alone" in each for each in found.document["warnings"])
    analysis = analyse([read_material("idea", store.home)])
    assert analysis.frame.document() == found.document["frame"]
    assert in_rounds(found.study).frame == fitted


@pytest.mark.slow
def test_the_option_lays_the_results_beside_those_of_the_study_as_written(store, command):
    as_written = filled(store)
    assert any(
        "is spanned by mobilenetv2, starnet, shufflenetv2 alone" in each for each in as_written.document["warnings"]
    )
    of_all = ablate(override(STUDY, frame="all"), store, STAND_IN)
    assert (of_all.study.name, of_all.computed) == ("idea+frame=all", 0)
    again = analyse([in_frame_of(read_material("idea", store.home), "all")])
    assert again.scores.models["xscore"].to_dict() == {row["model"]: row["xscore"] for row in of_all.document["scores"]}
    back = in_frame_of(read_material("idea+frame=all", store.home), "references")
    assert analyse([back]).frame.document() == as_written.document["frame"]
    code, out, err = command("report", "idea", "--frame", "all", "--markdown")
    assert code == 0 and "1 the highest accuracy of all complete models" in out and "alone" not in err


def test_what_is_no_frame_is_refused_with_what_there_is(home):
    with pytest.raises(UserError, match=r"frame must be references or all, not 'al'.*'all'"):
        load_study({**STUDY, "frame": "al"}, home=home)
    with pytest.raises(UserError, match="override frame must be references or all, not 'everything'"):
        load_study(override(STUDY, frame="everything"), home=home)


@pytest.mark.slow
def test_test_images_are_told_by_class_and_models_at_chance_marked(store, monkeypatch):
    found = filled(store)
    counts = found.document["test_images"]
    assert list(counts) == ["digits", "textures"] and counts["digits"]["classes"] == [str(digit) for digit in range(10)]
    assert min(counts["digits"]["images"]) > 20
    everything_is_chance = {name: ablation.ClassCounts(("one",), (50,)) for name in counts}
    monkeypatch.setattr(ablation, "test_classes", lambda name, home: everything_is_chance[name])
    lost = ablate(STUDY, store)
    assert all(row["at_chance"] == ["digits", "textures"] for row in lost.document["scores"])
    assert set(lost.scores["at_chance"]) == {"digits, textures"}
    assert sum(each.startswith("at chance") for each in lost.document["warnings"]) == 1
    kept = read_material("idea", store.home)  # as they were, not as they are prepared now
    assert kept.classes == everything_is_chance
