import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from archlab.foundation import UserError
from archlab.scoring import Rounds, answer, effects, make_frame, xscore
from archlab.scoring.contrasts import contrasts
from tests.scoring.simulated import simulate, table_of

REFERENCES = {"base": [0.60, 0.70, 0.80], "strong": [0.80, 0.85, 0.9], "weak": [0.4, 0.5, 0.6]}
MODELS = [
    {"model": "base", "options": {"attention": "none"}, "kind": None},
    {"model": "strong"},
    {"model": "weak"},
    {"model": "se", "options": {"attention": "se"}, "kind": "equal_budget"},
    {"model": "vit", "options": {"attention": "vit"}, "kind": "equal_budget"},
    {"model": "se raw", "options": {"attention": "se"}, "kind": "raw"},
]
VARIANTS = {"se": [0.64, 0.74, 0.84], "vit": [0.6, 0.7, 0.8], "se raw": [0.62, 0.72, 0.82]}


def study(seeds=3, deviation=0.01, seed=0):
    table = simulate(table_of(REFERENCES | VARIANTS), deviation, seeds, seed)
    return table, effects(table, MODELS, "base", make_frame(table, list(REFERENCES), "test"), "test")


def row(found, **wanted):
    rows = found.rows
    for column, value in wanted.items():
        rows = rows[rows[column].isna() if value is None else rows[column] == value]
    assert len(rows) == 1
    return rows.iloc[0]


def test_two_models_of_the_same_seeds_are_a_paired_t_test():
    table = simulate(table_of({"base": [0.5, 0.6], "se": [0.51, 0.58]}), 0.02, 6, seed=3)
    shared = np.random.default_rng(0).normal(0, 0.3, 6)  # what a seed does to both
    table["value"] += shared[table["seed"]]
    found = effects(table, [MODELS[0], MODELS[3]], "base", None)
    for dataset, part in table.groupby("dataset"):
        seeds = part.pivot(index="seed", columns="model", values="value")
        expected = stats.ttest_rel(seeds["se"], seeds["base"])
        mine = row(found, dataset=dataset)
        low, high = expected.confidence_interval()
        assert mine["p"] == pytest.approx(expected.pvalue)
        assert (mine["low"], mine["high"]) == pytest.approx((100 * low, 100 * high))
    values = table.pivot(index="seed", columns=["model", "dataset"], values="value")
    gained = 100 * (values["se"] - values["base"])
    parts, both = gained.var() / 6, row(found, dataset=None)
    error, freedom = math.sqrt(parts.sum()) / 2, parts.sum() ** 2 / (parts**2 / 5).sum()  # Satterthwaite's
    assert both["difference"] == pytest.approx(gained.to_numpy().mean())
    assert both["p"] == pytest.approx(2 * stats.t.sf(abs(both["difference"]) / error, freedom))
    assert both["high"] - both["difference"] == pytest.approx(stats.t.ppf(0.975, freedom) * error)


def test_two_models_of_other_seeds_are_students_t_test():
    table = simulate(table_of({"base": [0.5, 0.6], "se": [0.51, 0.58]}), 0.02, 6, seed=3)
    table.loc[table["model"] == "se", "seed"] += 10
    found = effects(table, [MODELS[0], MODELS[3]], "base", None)
    for dataset, part in table.groupby("dataset"):
        one, other = (part.loc[part["model"] == model, "value"] for model in ("se", "base"))
        assert row(found, dataset=dataset)["p"] == pytest.approx(stats.ttest_ind(one, other).pvalue)


def test_differences_are_those_of_the_seed_means():
    table, found = study()
    means = table.groupby(["model", "dataset"])["value"].mean().unstack()
    gained = 100 * (means.loc["se"] - means.loc["base"])
    at_equal_budget = {"option": "se", "kind": "equal_budget", "of": "effect", "measure": "points"}
    assert row(found, dataset="d1", **at_equal_budget)["difference"] == pytest.approx(gained["d1"])
    assert row(found, dataset=None, **at_equal_budget)["difference"] == pytest.approx(gained.mean())
    compared = row(found, of="comparison", measure="xscore", dataset=None)
    assert (compared["option"], compared["against"], compared["kind"]) == ("se", "vit", "equal_budget")
    frame = make_frame(table, list(REFERENCES), "test")
    heavier = effects(table, MODELS, "base", frame, "test", 2.0)
    for lam, other in ((0.5, found), (2.0, heavier)):
        scores = xscore(means, lam, frame)["xscore"]
        compared = row(other, of="comparison", measure="xscore", dataset=None)
        assert compared["difference"] == pytest.approx(scores["se"] - scores["vit"])


def test_percent_and_fractions_give_the_same_points():
    table, found = study()
    percent = table.assign(value=100 * table["value"])
    again = effects(percent, MODELS, "base", make_frame(percent, list(REFERENCES), "test"), "test")
    pd.testing.assert_frame_equal(found.rows, again.rows)


def test_a_large_effect_is_decided_and_none_is_not():
    _, found = study(seeds=5)
    large = row(found, option="se", kind="equal_budget", of="effect", dataset=None, measure="xscore")
    none = row(found, option="vit", kind="equal_budget", of="effect", dataset=None, measure="xscore")
    assert large["decided"]
    assert math.isnan(large["seeds_needed"])
    assert not none["decided"]
    assert "attention=se is better than none (+0." in answer(found)


def test_a_number_of_seeds_is_whole_in_the_document():
    _, found = study(seeds=5)
    told = [row["seeds_needed"] for rows in found.document().values() for row in rows]
    assert None in told and {type(each) for each in told} == {int, type(None)}


@pytest.mark.slow
def test_the_seeds_needed_decide_in_four_studies_of_five():
    models = [MODELS[0], MODELS[3]]
    expected = table_of({"base": [0.5], "se": [0.51]})

    def study_of(seeds, seed):
        return row(effects(simulate(expected, 0.0135, seeds, seed), models, "base", None), dataset="d0")

    found = pd.DataFrame([study_of(8, seed) for seed in range(150)])
    seen_as_it_is = found[~found["decided"].astype(bool) & (abs(found["difference"] - 1) < 0.2)]
    needed = math.ceil(seen_as_it_is["seeds_needed"].median())
    assert 30 <= needed <= 45  # one accuracy point at the noise of a quick study; both rows of the study count for Holm
    decided = np.mean([study_of(needed, seed)["decided"] for seed in range(300)])
    assert 0.7 < decided < 0.9


def test_one_seed_decides_nothing():
    _, found = study(seeds=1)
    assert not found.rows["decided"].any()
    assert found.rows[["low", "high", "p", "p_adjusted", "seeds_needed"]].isna().all().all()
    assert answer(found).startswith("At equal budget, attention=se scores highest (+0.0")
    assert answer(found).endswith("but this is undecided: one seed cannot tell whether it is more than noise.")


def test_a_model_that_is_not_complete_loses_only_what_it_lacks():
    table, _ = study()
    table = table[(table["model"] != "se") | (table["dataset"] != "d1")]
    found = effects(table, MODELS, "base", make_frame(table, list(REFERENCES), "test"), "test").rows
    of_se = found[(found["option"] == "se") & (found["kind"] == "equal_budget")]
    assert list(of_se["dataset"]) == ["d0", "d2"]


def test_rounds_of_which_nothing_is_left_are_no_fault():
    table = simulate(table_of({"base": [0.5, 0.6]}), 0.005, 4, seed=3)
    rounds = Rounds(range(10), [{"d": seeds} for seeds in (2, 3, 4)], 10)
    assert effects(table, [MODELS[0], MODELS[3]], "base", None, rounds=rounds).rows.empty


def test_a_look_back_has_the_first_seeds_of_its_round_on_each_dataset():
    cells = [(dataset, seed) for dataset in "de" for seed in (0, 3, 5)]
    rows = pd.DataFrame(cells, columns=["dataset", "seed"])
    before = Rounds([5, 0, 3], [], 3).until({"d": 1, "e": 2}, rows)
    assert list(before.itertuples(index=False, name=None)) == [("d", 5), ("e", 0), ("e", 5)]


def test_the_document_is_plain_json_with_the_promised_keys():
    _, found = study()
    document = json.loads(json.dumps(found.document()))
    assert set(document) == {"effects", "comparisons", "interactions"}
    promised = {"choice", "option", "kind", "dataset", "difference", "low", "high", "p_adjusted", "decided"}
    assert promised <= set(document["effects"][0])
    assert {entry["kind"] for entry in document["effects"]} == {"raw", "equal_budget"}
    assert any(entry["dataset"] is None for entry in document["effects"])


def test_a_misspelt_base_is_named():
    with pytest.raises(UserError, match="did you mean 'base'"):
        effects(study()[0], MODELS, "bass", None)


GRID = [
    {"model": f"{a}{b}{c}", "options": {"a": a, "b": b, "c": c}, "kind": "equal_budget"}
    for a in "01"
    for b in "012"
    for c in "01"
]


def test_a_grid_averages_over_the_other_choices():
    found = {(c.of, c.choice, c.option): c.weights for c in contrasts(GRID, "000") if c.kind == "equal_budget"}
    main = found["effect", "a", "1"]
    assert len(main) == 12
    assert all(weight == (1 if name[0] == "1" else -1) / 6 for name, weight in main.items())
    assert found["interaction", "a x b", "1 x 2"] == {
        name: sign / 2 for c in "01" for name, sign in ((f"12{c}", 1), (f"10{c}", -1), (f"02{c}", -1), (f"00{c}", 1))
    }
    assert len([key for key in found if key[0] == "interaction"]) == 2 + 1 + 2


def test_an_additive_grid_has_no_interaction_and_another_one_has():
    expected = table_of({m["model"]: [0.1 * int(m["model"][0]) + 0.05 * int(m["model"][1]) + 0.3] * 2 for m in GRID})
    expected.loc["110"] += 0.2
    expected.loc["111"] += 0.2
    found = effects(simulate(expected, 0.001, 3, 0), GRID, "000", None)
    by_option = found.rows[found.rows["of"] == "interaction"].set_index("option")
    assert by_option.loc["1 x 1", "difference"].max() == pytest.approx(20, abs=0.5)
    assert by_option.loc["1 x 2", "difference"] == pytest.approx(0, abs=0.5)
    assert by_option.loc["1 x 1", "decided"].max()


def test_contrasts_of_conditional_choices_and_missing_models():
    models = [
        {"model": "base", "options": {"layout": "pyramidal", "late": "none"}},
        {"model": "late", "options": {"layout": "pyramidal", "late": "se"}},
        {"model": "iso", "options": {"layout": "isotropic"}},  # `late` does not exist there
    ]
    found = {(c.choice, c.option): c.weights for c in contrasts(models, "base") if c.kind == "raw"}
    assert found == {("layout", "isotropic"): {"iso": 1, "base": -1}, ("late", "se"): {"late": 1, "base": -1}}


@pytest.mark.parametrize("residue", [0.0, 1e-16])
def test_seeds_that_agree_exactly_decide_nothing(residue):
    table = simulate(table_of(REFERENCES | VARIANTS), 0.0, 3, 0)
    table["value"] += residue * (table["seed"] + 2 * (table["model"] == "se") * (table["seed"] == 1))
    found = effects(table, MODELS, "base", make_frame(table, list(REFERENCES), "test"), "test")
    assert not found.rows["decided"].any()
    assert not (found.rows["p"] < 1).any()
    assert "undecided: seeds that agree to the last digit cannot tell" in answer(found)
