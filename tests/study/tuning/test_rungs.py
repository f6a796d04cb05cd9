"""The tries, rung after rung: how long they are, what goes on, and what becomes of those that fail."""

import math
from itertools import pairwise, product

import pytest

from archlab.data import open_prepared
from archlab.executors import Interrupted
from archlab.foundation import UserError
from archlab.runs import Store
from archlab.study.ablating import planned_with_tries
from archlab.study.resolving import resolve
from archlab.study.tries import FEWEST_STEPS, rungs
from tests.study.tuned_study import (
    BEST,
    LOST,
    RATES,
    STUDY,
    Heard,
    chosen,
    documents_in,
    tuned,
    without,
)


def test_rungs_grow_to_the_steps_asked_for_the_better_half_goes_on_and_it_costs_less_than_all_in_full():
    for tries, steps in product(range(2, 40), (1, 99, 100, 400, 4000)):
        found = rungs(tries, steps)
        assert found[0].tries == tries and found[-1].steps == steps and found[-1].tries >= 2
        for rung, following in pairwise(found):
            assert following.tries == math.ceil(rung.tries / 2) and rung.steps == following.steps // 4 >= FEWEST_STEPS
        cost = sum(rung.tries * rung.steps for rung in found)
        assert cost < tries * steps if len(found) > 1 else cost == tries * steps


@pytest.mark.parametrize("dataset", ["digits", "cifar10"])
def test_tries_are_no_longer_than_the_epochs_of_a_recipe(store, dataset):
    """Of a dataset that is prepared, and of one of which the catalogue says how many images it has: 50000 to train with, a
    tenth of them for validation."""
    images = 45000 if dataset == "cifar10" else sum(open_prepared("digits", store.home, 8).counts("train"))
    whole = 2 * (images // 16)
    study = {**STUDY, "suite": [dataset], "recipe": {"like": "quick", "epochs": 2, "steps": "none"}}
    with pytest.raises(UserError) as error:
        planned_with_tries(resolve({**study, "tune": {"lr": RATES, "steps": whole + 1}}, store.home), store)
    longer = f"tune: tries of {whole + 1:,} steps are longer than the training of low on {dataset}"
    assert f"{longer}: 2 epochs are {whole:,} steps" in str(error.value) and "\n" not in str(error.value)
    assert planned_with_tries(resolve({**study, "tune": {"lr": RATES, "steps": whole}}, store.home), store)


def test_what_the_recipe_says_is_tried_to_the_end_even_where_it_is_the_worst(store, stand_in):
    stand_in(dict.fromkeys(BEST, 0.064))
    found = tuned(store, tune={"lr": [0.016, 0.032, 0.064, 0.128], "steps": 100})
    values = [(each["own_value"], each["chosen_value"]) for each in found.tuning["choices"]]
    assert values == [(pytest.approx(0.9 - 0.05 * 4), 0.9)] * 6
    assert found.tuning["cost"]["runs"] == 6 * (5 + 3)


@pytest.mark.slow
def test_run_again_or_interrupted_between_rungs_it_trains_nothing_twice_and_says_the_same(store):
    with pytest.raises(Interrupted):
        tuned(store, Heard(stop_at="tries of 100 steps"))
    assert len(list(store.keys())) == 6 * 5
    whole = tuned(store)
    assert whole.computed == 6 * 3 + 6
    again = tuned(store)
    assert again.computed == 0 and without(again.document, "computed") == without(whole.document, "computed")
    elsewhere = tuned(Store(store.home))
    assert elsewhere.tuning == whole.tuning


@pytest.mark.slow
def test_a_try_that_diverges_is_the_worst_and_is_not_made_again(store, stand_in):
    stand_in({**BEST, "high": 0.032}, highest=0.02)
    heard = Heard()
    found = tuned(store, heard)
    assert chosen(found)["high", "digits"] == 0.016
    assert {each["values"]["lr"] for each in found.tuning["failed"]} == {0.032}
    assert len(found.tuning["failed"]) == 6 and not found.failed
    said = [words for words in heard.said if words.startswith("a try counts as the worst: ")]
    assert len(said) == 6 and "lr 0.032: DivergenceError: the loss is nan" in said[0]
    stand_in(highest=1.0)
    again = tuned(store)
    assert again.computed == 0 and again.tuning == found.tuning


@pytest.mark.slow
def test_a_try_that_fails_and_does_not_diverge_lets_nothing_be_chosen_and_the_same_command_goes_on(store, stand_in):
    """The rate that is best for `high` on digits is lost, which was to win; and what diverges in that rung is remembered."""
    stand_in(highest=0.02, lost=[["high", 0.016]])
    heard = Heard()
    lost = f"nothing is chosen: high on digits, seed 10000, lr 0.016: {LOST} (and 1 more); what has ended is kept, and the same"
    with pytest.raises(UserError) as error:
        tuned(store, heard)
    assert lost in str(error.value) and "\n" not in str(error.value)
    stored = documents_in(store)
    assert len(stored) == 6 * 4 - 2 and all(each["run"]["recipe"].get("test") is False for each in stored)
    assert not any("choices are" in words for words in heard.said)
    stand_in(highest=1.0)
    found = tuned(store)
    assert chosen(found)["high", "digits"] == 0.016 and found.computed == 2 + 6 * 3 + 6
    assert {each["values"]["lr"] for each in found.tuning["failed"]} == {0.032}


def test_where_every_try_diverges_the_recipe_stays(store, stand_in):
    stand_in(highest=0.0)
    found = tuned(store)
    assert set(chosen(found).values()) == {0.004} and len(found.failed) == 6
    assert {each["chosen_value"] for each in found.tuning["choices"]} == {None}
