"""What is tried: all values for every model, checked before anything runs."""

from collections import Counter

import pytest

from archlab.foundation import UserError, read_yaml_text
from archlab.study.ablating import planned_with_tries
from archlab.study.loading import load_study
from archlab.study.resolving import resolve
from archlab.study.search.search import search
from archlab.study.source import override
from archlab.training.reading import load_recipe
from tests.study.tuned_study import RATES, STAND_IN, STUDY, net, without


def test_the_grid_is_tried_whole_and_what_recipes_have_of_their_own_joins_it_for_every_model(store):
    recipe = {"like": "quick", "exemptions": [{"models": ["high"], "datasets": ["digits"], "set": {"lr": 0.0005}}]}
    study = resolve(
        {**STUDY, "recipe": recipe, "tune": {"lr": RATES[:2], "weight_decay": [0, 0.05], "steps": 12}}, store.home
    )
    grid = [{"lr": lr, "weight_decay": decay} for lr in RATES[:2] for decay in (0.0, 0.05)]
    own = [{"lr": 0.004, "weight_decay": 0.05}, {"lr": 0.0005, "weight_decay": 0.05}]
    assert study.tune["candidates"] == grid + own
    tries = Counter((run.model, run.dataset) for run in planned_with_tries(study, store) if "test" in run.recipe)
    assert set(tries.values()) == {6} and len(tries) == 6


TEXT = """
name: wrong
compare: [{name: low, layers: [{conv: {out: 8}}]}, mobilenetv2]
suite: [digits, textures]
recipe: {like: quick, RECIPE}
tune: {TUNE}
"""


@pytest.mark.parametrize(
    ("recipe", "tune", "message"),
    [
        ("steps: 60", "steps: 40", ":5: a study: tune needs values to try of lr, weight_decay, momentum or label_smoothing"),
        ("steps: 60", "lr: [], steps: 40", ":5: a study: tune needs values to try"),
        ("steps: 60", "lr: [0.1, 1e-1], steps: 40", ":5: a study: tune: lr has 0.1 more than once"),
        ("steps: 60", f"lr: {[n / 100 for n in range(1, 50)]}, weight_decay: {[n / 100 for n in range(50)]}, steps: 40",
         ":5: tune has 2,450 combinations of values, and at most 1,000 are tried"),
        ("steps: 60", "lr: [-1], steps: 40", ":5: tune: lr must be a number of at least 0, not -1"),
        ("steps: 60", "lr: [0.1]", ":5: tune needs the key 'steps'"),
        ("steps: 60", "rate: [0.1], steps: 40", "tune has no key 'rate'"),
        ("steps: 60", "lr: [0.004], steps: 40", ":5: tune has nothing to choose from: its only values are the recipe's own"),
        ("steps: 60", "lr: [0.1], steps: 61", ":5: tune: tries of 61 steps are longer than the 60 of the recipe quick"),
        ("with_validation: true", "lr: [0.1], steps: 40", ":5: tune chooses by validation images, and the recipe"),
        ("steps: 60", "momentum: [0.9, 0.5], steps: 40", ":5: tune: momentum is of sgd alone"),
        ("final_lr: 1e-3", "lr: [1e-4], steps: 40", "digits: final_lr, 0.001, is above lr, 0.0001"),
        ("exemptions: [{datasets: [digits], set: {lr: 0.1}}]", "lr: [0.2], steps: 40, per: model",
         ":5: tune: `per: model` chooses the same values for all datasets, and the recipe"),
        ("exemptions: [{set: {tune: {lr: [0.1], steps: 4}}}]", "lr: [0.2], steps: 40",
         ":4: an exemption cannot tune: every model has the same tries"),
        ("test: false", "lr: [0.2], steps: 40", "reads no test images, which studies score"),
        ("steps: 60, tune: {lr: [0.1, 0.1], steps: 4}", "lr: [0.2], steps: 40", ":4: a recipe: tune: lr has 0.1 more"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line_before_anything_runs(store, recipe, tune, message):
    text = TEXT.replace("RECIPE", recipe).replace("TUNE", tune)
    with pytest.raises(UserError) as error:
        resolve(read_yaml_text(text.strip(), source="wrong.yaml"), store.home)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_the_study_s_tune_goes_before_the_recipe_s_which_others_bring_along(home):
    recipe = {"like": "quick", "tune": {"lr": [0.1], "steps": 4}}
    assert load_study({**without(STUDY, "tune"), "recipe": recipe}).tune.lr == (0.1,)
    assert load_study({**STUDY, "recipe": recipe}).tune.lr == tuple(RATES)
    assert load_study({**STUDY, "recipe": recipe, "tune": "none"}).tune is None
    assert load_study(override(STUDY, recipe="thorough")).tune.lr == tuple(RATES)
    of_recipe = {**without(STUDY, "tune"), "recipe": recipe}
    assert load_study(override(of_recipe, recipe="thorough")).tune is None
    assert load_study(override(of_recipe, recipe=recipe)).name == "tuned"
    longer = load_recipe({"like": recipe, "tune": {"steps": 8}})
    assert longer.tune.lr == (0.1,) and longer.tune.steps == 8
    assert load_recipe({"like": recipe, "tune": "none"}).tune is None
    assert longer.canonical() == load_recipe("quick").canonical()


def test_a_search_does_not_tune(store):
    study = {**STUDY, "base": net("low", 8), "choices": {"width": [{"set": {"out": {"range": [1, 8]}}}]}}
    with pytest.raises(UserError, match="a search does not tune: tuned and its recipes must not say `tune`"):
        search(study, store, STAND_IN)


def test_what_a_choice_sets_is_not_tuned_and_other_choices_of_training_are(store):
    def of(change):
        choices = {"training": {"plain": [], "other": [{"recipe": change}]}}
        return resolve({**without(STUDY, "compare"), "base": net("low", 8), "choices": choices}, store.home)

    exemptions = [{"models": ["low"], "datasets": ["textures"], "set": {"lr": 0.01}}]
    exempted = {"like": "quick", "label_smoothing": 0.2, "exemptions": exemptions}
    for change in ({"lr": 0.01}, {"like": "quick", "lr": 0.01}, exempted):
        with pytest.raises(UserError, match=r"tune: a choice sets lr for low\+training=other, so it cannot be tuned"):
            of(change)
    for change in ({"label_smoothing": 0.2}, {"like": "quick", "label_smoothing": 0.2}):
        tries = Counter(run.model for run in planned_with_tries(of(change), store) if "test" in run.recipe)
        assert tries == {"low": 2 * 8, "low+training=other": 2 * 8}
