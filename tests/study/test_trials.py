"""What became of trials, as a search reads it."""

import time

import optuna

from archlab.study.search.trials import ALIVE, Trials


def test_a_design_that_is_known_is_listed_once():
    study = optuna.create_study()
    for number, (design, known) in enumerate([("base", True), ("base", True), ("other", False), ("other", True)]):
        attributes = {"design": design, "model": str(number)} | ({"known": True} if known else {})
        study.add_trial(optuna.trial.create_trial(value=0.5, user_attrs=attributes))
    assert [trial.user_attrs["model"] for trial in Trials(study).history()] == ["0", "2"]
    assert Trials(study).tried() == 1


def test_a_container_or_machine_of_the_same_name_is_another_one(monkeypatch):
    """Process 1 of it may be alive, whatever process 1 is here."""
    study = optuna.create_study()

    def at_work_in(place):
        worker, trial = f"{place}:1:x", study.ask()
        trial.set_user_attr("worker", worker)
        study.set_user_attr(ALIVE + worker, time.time())

    at_work_in(Trials(study).worker.rsplit(":", 2)[0])
    with monkeypatch.context() as patched:
        patched.setattr("archlab.study.search.trials.host_of_processes", lambda: "of-another")
        at_work_in(Trials(study).worker.rsplit(":", 2)[0])
    Trials(study).give_up_stale()
    assert [trial.state.name for trial in study.get_trials()] == ["FAIL", "RUNNING"]
