"""Of a metric that is better when lower everything turns: scores of losses are those of the accuracies that they mirror."""

from __future__ import annotations

import json
import re

import pandas as pd
import pytest

from archlab.foundation import UserError
from archlab.foundation.metric import METRICS, Metric
from archlab.scoring import Frame, answer, effects, make_frame, regret, score_table, seed_means, xscore
from archlab.scoring.effects import Effects
from tests.scoring.simulated import simulate, table_of
from tests.scoring.test_effects import MODELS, REFERENCES, VARIANTS

LOSS = METRICS["log_loss"]


@pytest.fixture
def both():
    """A table of accuracies and one of losses, three less each accuracy: the same models are good."""
    table = simulate(table_of(REFERENCES | VARIANTS), 0.01, 3, 0)
    return table, table.assign(value=3 - table["value"], metric=LOSS.name)


def scored(table, metric):
    return score_table(table, list(REFERENCES), "test", metric=metric)


def test_scores_and_their_intervals_are_the_same(both):
    accuracies, losses = (scored(*each) for each in zip(both, ("accuracy", LOSS), strict=True))
    pd.testing.assert_frame_equal(accuracies.models, losses.models, rtol=0.01)  # intervals are drawn
    assert losses.models.index[0] == "strong" and not losses.frame.higher_is_better
    worst, best = losses.frame.datasets["d0"]
    assert worst > best and losses.frame.normalised(seed_means(both[1])).loc["strong", "d0"] == 1


def test_effects_say_better_where_the_loss_is_lower(both):
    found = [
        effects(
            table, MODELS, "base", make_frame(table, list(REFERENCES), "test", metric=metric), "test", metric=metric
        )
        for table, metric in zip(both, ("accuracy", LOSS), strict=True)
    ]
    accuracies, losses = (each.rows for each in found)
    in_score = accuracies["measure"] == "xscore"
    assert (losses["measure"] == accuracies["measure"]).all()
    for name, factor in (("difference", 0.01), ("low", 0.01), ("high", 0.01), ("p", 1)):
        assert losses.loc[~in_score, name].to_numpy() == pytest.approx(
            factor * accuracies.loc[~in_score, name].to_numpy()
        )
        assert losses.loc[in_score, name].to_numpy() == pytest.approx(
            accuracies.loc[in_score, name].to_numpy(), abs=0.002
        )
    begun = answer(found[0]).partition(", 95 %")[0]
    assert answer(found[1]).startswith(begun.replace("of xScore", "of xScore of log loss"))
    without_scores = Effects(losses[~in_score], LOSS)
    assert re.search(r"attention=se .*[+-]\d\.\d{3} nats less log loss", answer(without_scores))
    assert re.search(r"[+-]\d\.\d\d points", answer(Effects(accuracies[~in_score])))


def test_regret_is_told_in_nats_above_the_best(both):
    accuracies, losses = (
        regret(seed_means(table), scored(table, metric).frame, 0.5, metric)
        for table, metric in zip(both, (METRICS["accuracy"], LOSS), strict=True)
    )
    assert losses.average("random") == pytest.approx(accuracies.average("random") / 100)
    assert list(losses.held_out["best"]) == list(accuracies.held_out["best"])
    assert re.search(r"nats above the best model there: .* \d\.\d{3} chosen at random", losses.sentence)
    assert re.search(r"points below the best model there: .* \d+\.\d\d chosen at random", accuracies.sentence)


def test_a_frame_of_a_file_says_worst_and_best(both):
    _, losses = both
    frame = scored(losses, LOSS).frame
    again = Frame.from_document(json.loads(json.dumps(frame.document())), higher_is_better=False)
    assert again.datasets == frame.datasets
    with pytest.raises(UserError, match="has minimum 2"):
        Frame.from_document(frame.document())
    turned = {name: span[::-1] for name, span in frame.datasets.items()}
    with pytest.raises(UserError, match="but lower is better"):
        Frame.from_document({"datasets": turned}, higher_is_better=False)


def test_xscore_without_a_frame_turns_too():
    means = table_of(REFERENCES)
    pd.testing.assert_frame_equal(xscore(means), xscore(1 - means, higher_is_better=False))


def test_score_of_a_table_of_losses(command, both, tmp_path):
    path, (_, losses) = tmp_path / "table.csv", both
    losses.to_csv(path, index=False)
    status, printed, _ = command("score", path, "--metric", "log_loss", "--json")
    document = json.loads(printed)
    assert status == 0 and document["models"][0]["model"] == "strong"
    (tmp_path / "frame.json").write_text(printed)
    _, again, _ = command("score", path, "--metric", "log_loss", "--frame", tmp_path / "frame.json", "--json")
    assert [row["xscore"] for row in json.loads(again)["models"]] == [row["xscore"] for row in document["models"]]

    losses.assign(metric="loss").to_csv(path, index=False)  # as results were written before
    assert json.loads(command("score", path, "--metric", "log_loss", "--json")[1]) == document
    losses.assign(metric="mine").to_csv(path, index=False)
    assert (
        json.loads(command("score", path, "--metric", "mine", "--lower-is-better", "--json")[1])["models"][0]
        == (document["models"][0])
    )
    status, _, told = command("score", path, "--metric", "auroc", "--lower-is-better")
    assert status == 2 and "auroc is better when higher" in told


def test_what_is_no_share_may_be_any_number(command, tmp_path):
    (tmp_path / "t.csv").write_text(
        "model,dataset,metric,value\na,x,log_loss,0.5\nb,x,log_loss,140\na,y,log_loss,2\nb,y,log_loss,1\n"
    )
    assert command("score", tmp_path / "t.csv", "--metric", "log_loss")[0] == 0
    assert not Metric.of("unheard_of").is_share and not LOSS.is_share
