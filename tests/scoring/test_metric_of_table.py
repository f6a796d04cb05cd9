"""Which metric a table holds, which way is better, and slips of the pen."""

import pytest

from archlab.foundation import UserError
from archlab.foundation.metric import METRICS
from archlab.scoring import metric_of

TIDY = "model,dataset,metric,value\na,x,{0},3\na,y,{0},4\nb,x,{0},1\nb,y,{0},2\n"


@pytest.fixture
def table(tmp_path):
    def write(metric):
        (tmp_path / "t.csv").write_text(TIDY.format(metric))
        return tmp_path / "t.csv"

    return write


@pytest.mark.parametrize("name", [*METRICS, "loss"])
def test_archlabs_metrics_are_known_by_name(table, name):
    for found in (metric_of(table(name)), metric_of(table("other"), name)):
        assert found == (METRICS.get(name) or METRICS["log_loss"], [])


@pytest.mark.parametrize(
    ("slip", "meant"), [("logloss", "log_loss"), ("acuracy", "accuracy"), ("Balanced-Accuracy", "balanced_accuracy")]
)
def test_a_slip_of_the_pen_is_refused_where_it_is_the_users(table, slip, meant):
    with pytest.raises(UserError, match=f"archlab has no metric '{slip}' - did you mean '{meant}'"):
        metric_of(table("other"), slip)
    assert f"the metric {slip} ({meant}?):" in metric_of(table(slip))[1][0]
    assert metric_of(table(slip), slip, lower_is_better=True)[1] == []


@pytest.mark.parametrize("name", ["auc", "fps", "macro_f2", "top5_accuracy", "mAP", "\N{GREEK SMALL LETTER KAPPA}"])
def test_a_metric_that_is_named_is_taken_at_its_word(table, name):
    found, doubts = metric_of(table(name), name)
    assert found.higher_is_better and not found.is_share and doubts == []
    assert len(metric_of(table(name))[1]) == 1 and not metric_of(table(name), lower_is_better=True)[1]


@pytest.mark.parametrize("name", ["error", "latency_ms", "RMSE", "val-loss"])
def test_a_metric_that_sounds_lower_is_doubted(table, name):
    assert "with --lower-is-better its lowest does" in metric_of(table(name), name)[1][0]
    assert not metric_of(table(name), name, lower_is_better=True)[0].higher_is_better


def test_what_is_better_when_higher_is_not_turned(table):
    with pytest.raises(UserError, match="auroc is better when higher"):
        metric_of(table("auroc"), lower_is_better=True)
