"""What became of trials, as a search reads it."""

import optuna

from archlab.study.search.trials import Trials


def test_a_design_that_is_known_is_listed_once():
    study = optuna.create_study()
    for number, (design, known) in enumerate([("base", True), ("base", True), ("other", False), ("other", True)]):
        attributes = {"design": design, "model": str(number)} | ({"known": True} if known else {})
        study.add_trial(optuna.trial.create_trial(value=0.5, user_attrs=attributes))
    assert [trial.user_attrs["model"] for trial in Trials(study).history()] == ["0", "2"]
    assert Trials(study).tried() == 1
