"""What difference matters, and from how many to how many seeds, as a study says it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archlab.foundation import UserError
from archlab.foundation.metric import METRICS
from archlab.study.loading import load_study
from archlab.study.matters import in_words, read_matters
from archlab.study.source import override

ACCURACY = METRICS["accuracy"]


@pytest.mark.parametrize(
    ("written", "matters"),
    [
        ("1 point", {"points": 1}),
        ("0.5 points", {"points": 0.5}),
        ("0.05 of xScore", {"xscore": 0.05}),
        (".05 of xscore", {"xscore": 0.05}),
        ({"points": 1, "xscore": 0.05}, {"points": 1, "xscore": 0.05}),
        (None, {}),
    ],
)
def test_what_matters(written, matters):
    assert read_matters(written, ACCURACY, None) == matters


@given(st.floats(0.001, 1000), st.sampled_from(["points", "xscore"]))
def test_what_is_said_in_words_is_read_again(size, measure):
    assert read_matters(in_words({measure: size}), ACCURACY, None) == {measure: pytest.approx(size, rel=1e-5)}


ENDLESS = pytest.param("9" * 400 + " points", id="endless")


@pytest.mark.parametrize(
    "wrong", ["1", 1, "1 percent", "0 points", ENDLESS, "-1 point", "much", [], "1 point of xScore"]
)
def test_what_cannot_matter_is_refused_in_a_line(wrong):
    with pytest.raises(UserError, match=r"s\.yaml:3: matters is a difference above 0, `1 point` or `0.05 of xScore`"):
        read_matters(wrong, ACCURACY, "s.yaml:3")


def test_wrong_mappings_name_the_key():
    with pytest.raises(UserError, match="matters has no key 'point' - did you mean 'points'"):
        read_matters({"point": 1}, ACCURACY, None)
    with pytest.raises(UserError, match="matters: xscore must be a number above 0, not 0"):
        read_matters({"xscore": 0}, ACCURACY, None)


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        ({"from": 1, "to": 3}, "seeds: from must be a whole number from 2 to 10,000, not 1"),
        ({"from": 5, "to": 3}, "seeds: to must be a whole number from 5 to 10,000, not 3"),
        ({"from": 2, "upto": 3}, "seeds has no key 'upto'"),
        ({"to": "many"}, "seeds: to must be a whole number from 2 to 10,000, not 'many'"),
    ],
)
def test_seeds_from_and_to_are_checked(seeds, message):
    with pytest.raises(UserError, match=message):
        load_study(override("shuffle", seeds=seeds))


def test_names_say_what_differs():
    study = load_study(override("shuffle", seeds={"from": 2, "to": 30}, matters="1 point"))
    assert (study.name, study.seeds, study.most_seeds) == ("shuffle+seeds=2-30+matters=1_point", (0, 1), 30)
    assert study.matters == {"points": 1}


def test_points_are_of_metrics_that_are_told_in_them():
    with pytest.raises(
        UserError, match=r"s\.yaml:3: matters: log loss is in nats, not in points: say `0\.05 of xScore`"
    ):
        read_matters("1 point", METRICS["log_loss"], "s.yaml:3")
    assert read_matters("0.1 of xScore", METRICS["log_loss"], None) == {"xscore": 0.1}
    with pytest.raises(UserError, match="log loss is in nats"):
        load_study({"base": "mobilenetv2", "metric": "log_loss", "matters": "1 point"})
