import json
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import archlab
from archlab.foundation import UserError
from archlab.scoring import Frame, xscore

PUBLISHED = {  # computed from the published accuracies, to four digits
    "efficientnet": 0.9619,
    "convmixer": 0.8528,
    "mobilevit": 0.7963,
    "mobilenetv2": 0.7063,
    "starnet": 0.6807,
    "fbnet": 0.6389,
    "shufflenetv2": 0.5648,
    "ghostnet": 0.5207,
    "mobileone": 0.5040,
    "tinynet": 0.4914,
    "convnext": 0.0699,
}


@pytest.fixture
def published() -> pd.DataFrame:
    with (files("archlab.scoring") / "tables" / "zhang2025.csv").open() as file:
        return pd.read_csv(file, index_col="model")


def test_published_scores_to_four_digits(published):
    scores = archlab.xscore(published)
    assert scores["xscore"].round(4).to_dict() == PUBLISHED
    assert list(scores.columns) == ["mean", "variance", "xscore"]


def test_scores_do_not_depend_on_the_unit_of_a_dataset(published):
    other = published * np.linspace(0.01, 7, published.shape[1]) + 3
    pd.testing.assert_frame_equal(xscore(published), xscore(other))


@given(st.integers(0, 10_000), st.floats(-2, 2))
def test_agrees_with_a_plain_loop(seed, lam):
    accuracies = pd.DataFrame(np.random.default_rng(seed).random((5, 4)))
    for model, row in xscore(accuracies, lam=lam).iterrows():
        normal = [
            (v - accuracies[d].min()) / (accuracies[d].max() - accuracies[d].min())
            for d, v in accuracies.loc[model].items()
        ]
        mean = sum(normal) / 4
        variance = sum((a - mean) ** 2 for a in normal) / 3
        assert row["xscore"] == pytest.approx(mean - lam * variance, abs=1e-12)


def test_a_frame_fixes_scores_and_clips_nothing():
    frame = Frame("references", ("a", "b"), "test", {"one": (0.2, 0.4), "two": (0.5, 0.6)})
    table = pd.DataFrame({"one": [0.5, 0.1], "two": [0.7, 0.4]}, index=["above", "below"])
    scores = xscore(table, frame=frame)
    assert scores.loc["above", "mean"] == pytest.approx((1.5 + 2) / 2)
    assert scores.loc["below", "mean"] == pytest.approx((-0.5 - 1) / 2)
    alone = xscore(table.loc[["below"]], frame=frame)
    pd.testing.assert_series_equal(alone.loc["below"], scores.loc["below"])


def test_a_frame_survives_json():
    frame = Frame("references", ("a", "b"), "test", {"one": (0.2, 0.4), "two": (0.5, 0.6)}, ("three",), ("one",))
    again = Frame.from_document({"lambda": 0.5, "frame": json.loads(json.dumps(frame.document()))})
    assert again.kind == "file"
    assert again.document() == frame.document() | {"kind": "file"}


def test_a_frame_may_be_that_of_a_document():
    frame = Frame("references", ("a", "b"), "test", {"one": (0.2, 0.4), "two": (0.5, 0.6)})
    table = pd.DataFrame({"one": [0.5, 0.1], "two": [0.7, 0.4]}, index=["above", "below"])
    for document in (frame.document(), {"study": "quick", "frame": frame.document()}):
        pd.testing.assert_frame_equal(xscore(table, frame=document), xscore(table, frame=frame))
    falling = {"datasets": {"one": [0.4, 0.2], "two": [0.6, 0.5]}}
    assert xscore(table, frame=falling, higher_is_better=False).loc["above", "mean"] == pytest.approx(-0.75)


def test_dropped_datasets_of_a_frame_are_passed_over():
    frame = Frame("references", ("a", "b"), "test", {"one": (0.2, 0.4), "two": (0.5, 0.6)}, dropped=("three",))
    table = pd.DataFrame({"one": [0.3], "two": [0.55], "three": [0.9]}, index=["x"])
    assert xscore(table, frame=frame)["xscore"].item() == pytest.approx(0.5)


GOOD = pd.DataFrame({"one": [0.1, 0.2, 0.3], "two": [0.4, 0.6, 0.5]}, index=["a", "b", "c"])
FRAME = Frame("file", (), None, {"one": (0.1, 0.3), "tvo": (0.4, 0.6)})


@pytest.mark.parametrize(
    ("table", "arguments", "message"),
    [
        (GOOD.replace(0.2, np.nan), {}, "no finite accuracy of 'b' on 'one'"),
        (GOOD.replace(0.2, np.inf), {}, "no finite accuracy of 'b' on 'one'"),
        (GOOD.assign(one=0.5), {}, "'one' tells no models apart: its minimum and maximum are both 0.5"),
        (GOOD[["one"]], {}, "1 dataset"),
        (GOOD.iloc[:1], {}, "one model alone"),
        (GOOD.iloc[:0], {}, "empty"),
        (pd.concat([GOOD, GOOD]), {}, "model 'a' appears twice"),
        (pd.concat([GOOD, GOOD], axis=1), {}, "dataset 'one' appears twice"),
        (GOOD.reset_index(), {}, "column 'index' holds text"),
        (GOOD, {"lam": float("nan")}, "lambda"),
        (GOOD, {"frame": FRAME}, "the frame has no dataset 'two' - did you mean 'tvo'?"),
        (GOOD[["one"]], {"frame": FRAME}, "the table lacks the frame's dataset 'tvo'"),
    ],
)
def test_what_cannot_be_scored_is_refused(table, arguments, message):
    with pytest.raises(UserError) as error:
        xscore(table, **arguments)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "holds no frame"),
        ({"datasets": {"a": [0, 1]}}, "two"),
        ({"datasets": {"a": [0, 1], "b": [0.5, 0.5]}}, "'b' has minimum 0.5, maximum 0.5"),
        ({"datasets": {"a": [0, 1], "b": [0.5]}}, "needs [MINIMUM, MAXIMUM]"),
        ({"datasets": {"a": [0, 1], "b": [0, "x"]}}, "needs [MINIMUM, MAXIMUM]"),
        ({"datasets": {"a": [0, 1], "b": [0, float("inf")]}}, "needs [MINIMUM, MAXIMUM]"),
        ({"datasets": {"a": [0, 1], "b": [0, 10**400]}}, "needs [MINIMUM, MAXIMUM]"),
        ({"datasets": {"a": [0, 1], "b": [0, 1]}, "weeks": []}, "did you mean 'weak'?"),
    ],
)
def test_a_bad_frame_is_refused(document, message):
    with pytest.raises(UserError) as error:
        Frame.from_document(document, where="f.json")
    assert message in str(error.value)
    assert str(error.value).startswith("f.json: ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "not valid JSON: nested too deeply"),
        ("9" * 10_000, "not valid JSON: "),
        ("\udcff", "not valid JSON: "),
        ('{"datasets": {"one": [0, 1], "two": [0, 1]}, "dataset": 1}', "a frame has no key 'dataset'"),
        (
            '{"datasets": {"one": [0, 1], "two": [0, 1]}, "models": 5}',
            "the frame's models must be a list of names, not 5",
        ),
        ('{"datasets": {"one": [0, 1], "two": [0, 1]}, "weak": ["three"]}', "the frame has no dataset 'three'"),
        (
            '{"datasets": {"one": [0, 1], "two": [0, 1]}, "dropped": true}',
            "the frame's dropped must be a list of names",
        ),
        ('{"datasets": {"one": [0, 1], "two": [0, 1]}, "split": []}', "the frame's split must be a word, not []"),
    ],
)
def test_a_file_that_holds_no_frame_is_named(command, tmp_path, text, message):
    (tmp_path / "frame.json").write_text(text, errors="surrogateescape")
    (tmp_path / "table.csv").write_text("model,one,two\na,0.5,0.4\nb,0.3,0.8\n")
    code, _, complaint = command("score", tmp_path / "table.csv", "--frame", tmp_path / "frame.json")
    assert code == 2 and f"frame.json: {message}" in complaint and complaint.count("\n") == 1


def test_names_of_a_table_have_a_length(command, tmp_path):
    (tmp_path / "table.csv").write_text(f"model,one,two\n{'a' * 3000},0.5,0.4\nb,0.3,0.8\n")
    code, _, complaint = command("score", tmp_path / "table.csv")
    assert code == 2 and "table.csv:2: a name of 3,000 characters, and at most 300" in complaint
