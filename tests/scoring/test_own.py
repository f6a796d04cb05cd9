import pandas as pd
import pytest

from archlab.foundation import UserError
from archlab.scoring import cells, own_score, score_table, seed_means, with_own_scores
from tests.scoring.test_scores import tidy, without

GOOD = "def worst_case(normalised):\n    return normalised.min(axis=1)\n"


def scored(tmp_path, source, table=None, name="worst_case"):
    (tmp_path / "mine.py").write_text(source)
    table = tidy() if table is None else table
    own = own_score(f"mine.py:{name}", folder=tmp_path)
    return with_own_scores(score_table(table), seed_means(cells(table)), [own])


def test_it_is_a_column_of_what_the_function_makes_of_normalised_accuracies(tmp_path):
    means = seed_means(cells(tidy()))
    expected = ((means - means.min()) / (means.max() - means.min())).min(axis=1)
    scores = scored(tmp_path, GOOD)
    assert scores.models["worst_case"].to_dict() == pytest.approx(expected.to_dict())
    document = scores.document()["models"]
    assert {row["model"]: row["worst_case"] for row in document} == pytest.approx(expected.to_dict())
    pd.testing.assert_frame_equal(scores.models.drop(columns="worst_case"), score_table(tidy()).models)


def test_an_incomplete_model_has_none_and_does_not_reach_the_function(tmp_path):
    source = "def count(normalised):\n    return normalised.notna().all(axis=1) * len(normalised)\n"
    scores = scored(tmp_path, source, without(tidy(), "m1", "d1"), "count")
    assert scores.models["count"].drop("m1").eq(4).all()
    assert scores.document()["models"][-1]["count"] is None


def test_without_a_frame_there_is_nothing_to_score(tmp_path):
    assert scored(tmp_path, GOOD, tidy(datasets=1)).models["worst_case"].isna().all()


def test_the_function_cannot_change_what_the_next_one_sees(tmp_path):
    (tmp_path / "mine.py").write_text(f"def spoil(table):\n    table[:] = 0\n    return table['d0']\n\n\n{GOOD}")
    means = seed_means(cells(tidy()))
    both = [own_score(f"mine.py:{name}", folder=tmp_path) for name in ("spoil", "worst_case")]
    alone = with_own_scores(score_table(tidy()), means, both[1:]).models["worst_case"]
    assert with_own_scores(score_table(tidy()), means, both).models["worst_case"].equals(alone)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def worst_cas(normalised): ...", "no function or class 'worst_case' - did you mean 'worst_cas'?"),
        ("def worst_case(normalised):\n    return 1 / 0", "mine.py:2: ZeroDivisionError: division by zero"),
        ("def worst_case(normalised):\n    return 0.5", "a Series with a number for each of the 5 models, not a float"),
        ("def worst_case(normalised):\n    return normalised.min()", "5 models, not 3 values for d0, d1, d2"),
        ("def worst_case(normalised):\n    return normalised['d0'].head(2)", "not 2 values for m"),
        ("def worst_case(normalised):\n    return normalised['d0'].astype(str)", "not values like '"),
        ("import nothing_of_this_name", "fails on import"),
        ("def worst_case():\n    return 1", "mine.py:worst_case must take one table, the normalised accuracies"),
    ],
)
def test_what_is_no_score_is_told_in_one_line(tmp_path, source, message):
    with pytest.raises(UserError) as error:
        scored(tmp_path, source)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_what_it_prints_stands_in_no_table(tmp_path, capsys):
    scored(tmp_path, GOOD.replace("return", "print('seen')\n    return"))
    assert capsys.readouterr() == ("", "seen\n")


@pytest.mark.parametrize("name", ["xscore", "role", "d0", "at_chance", "peak_memory", "params_deployed"])
def test_a_name_that_the_table_has_already_is_refused(tmp_path, name):
    with pytest.raises(UserError, match="another column of the table has this name"):
        scored(tmp_path, GOOD.replace("worst_case", name), name=name)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match=r"nothing\.py cannot be read"):
        own_score("nothing.py:score", folder=tmp_path)
