import json

import numpy as np
import pandas as pd
import pytest

from archlab.foundation import UserError
from archlab.scoring import Frame, cells, make_frame, score_table, xscore
from archlab.scoring.noise import seed_noise


def tidy(models=5, datasets=3, seeds=3, noise=0.01, seed=0, split="test") -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    expected = rng.uniform(0.3, 0.9, (models, datasets))
    rows = [
        (f"m{m}", f"d{d}", s, split, "accuracy", expected[m, d] + noise * rng.standard_normal())
        for m in range(models)
        for d in range(datasets)
        for s in range(seeds)
    ]
    return pd.DataFrame(rows, columns=["model", "dataset", "seed", "split", "metric", "value"])


def without(table, model, dataset, seed=None):
    gone = (table["model"] == model) & (table["dataset"] == dataset)
    return table[~(gone & (table["seed"] == seed) if seed is not None else gone)]


def test_the_frame_is_over_seed_means_of_the_references():
    table = tidy()
    frame = make_frame(table, ["m0", "m1", "m2"], "test")
    means = table.groupby(["model", "dataset"])["value"].mean().unstack()
    for dataset, (low, high) in frame.datasets.items():
        assert low == means.loc[["m0", "m1", "m2"], dataset].min()
        assert high == means.loc[["m0", "m1", "m2"], dataset].max()
    assert (frame.kind, frame.split, frame.models) == ("references", "test", ("m0", "m1", "m2"))
    assert make_frame(table).kind == "cohort"


def test_a_new_variant_moves_no_score():
    table = tidy()
    references = ["m0", "m1", "m2"]
    before = score_table(table[table["model"] != "m4"], references, "test").models["xscore"]
    after = score_table(table, references, "test").models["xscore"]
    assert (after[before.index] == before).all()


def test_scores_are_those_of_xscore_best_first():
    table = tidy()
    scores = score_table(table)
    means = table.groupby(["model", "dataset"])["value"].mean().unstack()
    expected = xscore(means)["xscore"].sort_values(ascending=False)
    assert list(scores.models.index) == list(expected.index)
    assert np.allclose(scores.models["xscore"], expected)


def test_an_incomplete_model_has_a_reason_and_no_part_in_the_frame():
    table = without(tidy(), "m1", "d1")
    scores = score_table(table, ["m0", "m1", "m2"], "test")
    assert scores.frame.models == ("m0", "m2")
    last = scores.document()["models"][-1]
    assert (last["model"], last["xscore"], last["mean"]) == ("m1", None, None)
    assert last["reason"] == "incomplete: no accuracy on d1"


def test_a_missing_seed_makes_a_model_incomplete_only_where_seeds_are_asked_for():
    table = without(tidy(), "m1", "d1", seed=2)
    assert not score_table(table).models["reason"].any()
    assert "d1 (seed 2)" in score_table(table, seeds=[0, 1, 2]).models.loc["m1", "reason"]


def test_a_dataset_without_any_value_makes_all_incomplete():
    scores = score_table(tidy(), datasets=["d0", "d1", "d2", "d9"])
    assert scores.frame is None
    assert scores.models["xscore"].isna().all()


def test_equal_references_drop_a_dataset_with_a_warning():
    table = tidy(seeds=1)
    table.loc[(table["dataset"] == "d1") & table["model"].isin(["m0", "m1"]), "value"] = 0.5
    scores = score_table(table, ["m0", "m1"], "test")
    assert scores.frame.dropped == ("d1",)
    assert scores.warnings[0].startswith("d1 is left out of the score")
    assert scores.models["xscore"].notna().all()


def test_too_few_references_or_datasets_give_null():
    for table, references in [(tidy(), ["m0"]), (tidy(datasets=1), None)]:
        scores = score_table(table, references)
        assert scores.frame is None
        assert scores.document()["frame"] is None
        assert all(model["xscore"] is None and model["reason"] for model in scores.document()["models"])
        assert scores.warnings


def test_a_span_under_twice_the_seed_deviation_is_weak():
    table = tidy(noise=0.01)
    table.loc[table["dataset"] == "d2", "value"] = 0.5 + 0.01 * np.random.default_rng(1).standard_normal(15)
    frame = make_frame(table)
    assert frame.weak == ("d2",)
    assert make_frame(table[table["seed"] == 0]).weak == ()


@pytest.mark.parametrize(("span", "weak"), [(0.039, ("d0",)), (0.041, ())])
def test_the_deviation_that_a_span_is_held_against_is_pooled_over_models_paired_by_seed(span, weak):
    """Seeds lie 0.01 beside the means of two models, in turns: of one degree of freedom, that is a deviation of 0.02."""
    means = {"a": (0.5, 0.3), "b": (0.5 + span, 0.7)}
    moved = {"a": (-0.01, 0.01), "b": (0.01, -0.01)}
    rows = [
        (model, f"d{at}", seed, mean + moved[model][seed])
        for model, of_model in means.items()
        for at, mean in enumerate(of_model)
        for seed in (0, 1)
    ]
    assert make_frame(pd.DataFrame(rows, columns=["model", "dataset", "seed", "value"])).weak == weak


def test_one_seed_gives_no_interval_and_more_give_one_around_the_score():
    one = score_table(tidy(seeds=1)).document()["models"]
    assert all(model["xscore_low"] is None and model["xscore_high"] is None for model in one)
    scores = score_table(tidy(seeds=4)).models
    assert (scores["xscore_low"] <= scores["xscore"]).all()
    assert (scores["xscore_high"] >= scores["xscore"]).all()


def test_the_document_is_plain_json():
    document = score_table(tidy(), ["m0", "m1"], "test").document()
    assert json.loads(json.dumps(document)) == document
    assert set(document) == {"lambda", "frame", "models"}


@pytest.mark.parametrize(
    ("table", "arguments", "message"),
    [
        (tidy().drop(columns="value"), {}, "no column 'value'"),
        (tidy(), {"split": "tst"}, "no split 'tst', only test - did you mean 'test'?"),
        (tidy(), {"metric": "loss"}, "no metric 'loss'"),
        (pd.concat([tidy(), tidy(split="validation")]), {}, "the table holds the splits test, validation"),
        (pd.concat([tidy(), tidy()]), {}, "is given twice"),
        (tidy().replace({"value": {tidy()["value"][0]: np.nan}}), {}, "is no finite number"),
        (tidy(), {"references": ["m0", "m11"]}, "no model 'm11' for the frame - did you mean"),
        (tidy().iloc[:0], {}, "no values"),
    ],
)
def test_what_cannot_be_scored_is_refused(table, arguments, message):
    with pytest.raises(UserError) as error:
        score_table(table, **arguments)
    assert message in str(error.value)


def test_models_that_share_their_runs_count_once_for_the_noise():
    table = tidy(models=4, seeds=3)
    twins = table[table["model"] == "m3"].assign(model="m3@raw")
    noise, again = seed_noise(cells(table)), seed_noise(cells(pd.concat([table, twins])))
    assert (noise.variance == again.variance).all()
    assert (noise.freedom == again.freedom).all()


def test_seeds_that_agree_exactly_give_no_interval_but_a_reason():
    scores = score_table(tidy(noise=0.0))
    assert scores.models[["xscore_low", "xscore_high"]].isna().all().all()
    assert scores.warnings == ("no intervals: all seeds agree to the last digit, which says nothing about the noise",)


def test_a_dataset_without_repeated_seeds_is_named():
    table = tidy()
    scores = score_table(table[(table["dataset"] != "d1") | (table["seed"] == 0)])
    assert scores.models["xscore_low"].isna().all()
    assert "no intervals: no model has two seeds on d1" in scores.warnings


def test_warnings_of_one_kind_are_cut_short():
    table = tidy(models=2, datasets=9, seeds=1).assign(value=0.5)
    table.loc[(table["model"] == "m1") & table["dataset"].isin(["d7", "d8"]), "value"] = 0.6
    warnings = score_table(table).warnings
    assert len(warnings) == 6 and warnings[0].startswith("d0 is left out") and warnings[-1] == "and 2 more like this"


@pytest.mark.parametrize("references", [2, 3])
def test_a_frame_of_few_references_is_said_to_be_fragile_and_what_to_do(references):
    table, names = tidy(), [f"m{at}" for at in range(references)]
    said = [each for each in score_table(table, names).warnings if "alone" in each]
    assert len(said) == 1 and said[0].startswith(f"the frame is spanned by {', '.join(names)} alone")
    assert "read differences in points, or span it by all models (--frame all)" in said[0]
    only = score_table(table[table["model"].isin(names)], names).warnings
    assert any("or span it by more references" in each for each in only)
    frame = score_table(table, names).frame
    for other in (score_table(table, frame=frame.only(["d0", "d1", "d2"])), score_table(table)):
        assert not any("alone" in each for each in other.warnings)
    assert not any("alone" in each for each in score_table(table, ["m0", "m1", "m2", "m3"]).warnings)


def test_where_references_span_no_frame_and_all_models_do_it_is_said():
    assert "all models together have one (--frame all)" in score_table(tidy(), ["m0"]).warnings[0]
    assert "--frame" not in score_table(tidy(datasets=1), ["m0"]).warnings[0]


def test_in_a_frame_of_a_file_what_a_seed_does_to_all_models_alike_is_noise_too():
    """A frame of the table's own models moves along with them."""
    rows = [
        (f"m{m}", f"d{d}", s, 0.4 + 0.2 * m + shift + 0.001 * ((m + d + s) % 2))
        for m in range(3)
        for d in range(2)
        for s, shift in enumerate((-0.03, 0.0, 0.03))
    ]
    table = pd.DataFrame(rows, columns=["model", "dataset", "seed", "value"])
    of_file = Frame("file", (), None, {"d0": (0.0, 1.0), "d1": (0.0, 1.0)})
    own, fixed = (score_table(table, frame=frame).models for frame in (None, of_file))
    widths = [each["xscore_high"] - each["xscore_low"] for each in (own, fixed)]
    assert widths[1].min() > 5 * widths[0].max() > 0
    alike = table.assign(value=table["value"].round(2))
    assert any("seeds agree to the last digit" in said for said in score_table(alike).warnings)
    assert not any("no intervals" in said for said in score_table(alike, frame=of_file).warnings)
