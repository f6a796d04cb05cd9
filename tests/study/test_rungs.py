"""Which designs of a search go on, and from where."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import optuna

from archlab.scoring import Frame
from archlab.study.search.basis import Basis, Middle, middle_of
from archlab.study.search.rungs import goes_on, promoted
from archlab.study.search.trials import Trials, number

FRAME = Frame("references", (), "validation", dict.fromkeys("abcd", (0.0, 1.0)))
REFERENCES = (0.0, 0.2, 0.4, 1.0)
STATES = optuna.trial.TrialState


def basis_of(keep=0.25, references=REFERENCES, halves=False):
    """Of references that are as good on every dataset, and as good in the middle of the first."""
    skills = {f"r{at}": skill for at, skill in enumerate(references)}
    accuracies = {name: dict.fromkeys("abcd", skill) for name, skill in skills.items()}
    return Basis(FRAME, tuple("abcd"), 0.5, keep, accuracies, Middle("a", 1, {}, skills) if halves else None)


def trial_of(at, skill, met=1, state="PRUNED", **facts):
    """One that has met so many datasets, equally good on each; or only the middle of the first."""
    trial = optuna.trial.create_trial(state=STATES[state], value=skill if state == "COMPLETE" else None)
    trial.number = at
    trial.user_attrs |= {"design": str(at), "accuracies": dict.fromkeys("abcd"[:met], skill)}
    trial.user_attrs |= {"middle": {"accuracy": skill}} | ({"xscore": skill} if state == "COMPLETE" else {}) | facts
    return trial


def waiting(*skills, **given):
    return [trial_of(at, skill, **given) for at, skill in enumerate(skills)]


def test_the_best_share_of_all_that_came_goes_on_the_references_among_them():
    others = waiting(*np.linspace(0.1, 0.9, 11))
    verdicts = [bool(goes_on(basis_of(), 1, score, others, False)) for score in (0.65, 0.73, 0.75)]
    assert verdicts == [False, False, True]  # of 16 the best four are 1.0, .9, .82 and this one where it is above .74


def test_nobody_goes_on_from_the_first_rung_before_twelve_designs_are_there_unless_no_more_will_come():
    basis = basis_of()
    few, enough = waiting(*np.linspace(0.1, 0.9, 10)), waiting(*np.linspace(0.1, 0.9, 11))
    assert not goes_on(basis, 1, 0.95, few, False) and promoted(basis, [*few, trial_of(10, 0.95)], False) is None
    assert goes_on(basis, 1, 0.95, few, True) and promoted(basis, [*few, trial_of(10, 0.95)], True).number == 10
    assert goes_on(basis, 1, 0.95, enough, False) and promoted(basis, [*enough, trial_of(11, 0.95)], False).number == 11
    assert goes_on(basis, 2, 0.95, few, False)  # a later rung


def test_the_best_of_those_that_wait_goes_on_when_it_is_among_the_best_share():
    basis = basis_of()
    history = waiting(*np.linspace(0.1, 0.9, 12))
    assert promoted(basis, history, False).number == 11
    history[11] = trial_of(11, 0.9, state="RUNNING")
    assert promoted(basis, history, False).number == 10
    history[10] = trial_of(10, history[10].user_attrs["middle"]["accuracy"], met=2)
    assert promoted(basis, history, False).number == 10  # at a later rung first
    history[9:] = [trial_of(at, 0.95 + at / 1000, met=3, state="RUNNING") for at in (9, 10, 11)]
    assert promoted(basis, history, False) is None  # with the best reference these are a quarter of sixteen
    history += waiting(0.0, 0.0)
    assert promoted(basis, history, False).number == 8  # of eighteen it is the fifth


def test_known_and_failed_designs_do_not_go_on():
    history = [
        *waiting(*np.linspace(0.1, 0.5, 12)),
        trial_of(12, 0.9, known=True),
        trial_of(13, 0.9, state="FAIL", failed=""),
    ]
    assert promoted(basis_of(), history, False).number == 11


def test_designs_are_compared_in_the_middle_of_the_first_run_too():
    basis = basis_of(halves=True)
    assert basis.rungs == [0, 1, 2] and basis_of().rungs == [1, 2] and basis_of(keep=1.0).rungs == []
    history = waiting(*np.linspace(0.1, 0.9, 12), met=0)
    assert goes_on(basis, 0, 0.85, history, False) and not goes_on(basis, 0, 0.5, history, False)
    assert promoted(basis, history, False).number == 11
    assert promoted(basis, history[1:], False) is None  # the first rung is now the middle
    assert promoted(basis, [*history[1:], trial_of(12, 0.9)], False).number == 12


def test_of_each_design_the_trial_that_says_most_counts():
    study = optuna.create_study()
    told = [
        ("PRUNED", {}),
        ("COMPLETE", {}),
        ("PRUNED", {"continues": 0}),
        ("FAIL", {"continues": 0}),  # given up
        ("FAIL", {}),  # given up
        ("PRUNED", {"continues": 4}),
        ("RUNNING", {"continues": 5}),
        ("PRUNED", {"continues": 5}),
        ("FAIL", {"failed": "why"}),
    ]
    for state, facts in told:
        value = 1.0 if state == "COMPLETE" else None
        study.add_trial(optuna.trial.create_trial(state=STATES[state], value=value, user_attrs={"design": "", **facts}))
    history = Trials(study).history()
    assert [(number(trial), trial.number) for trial in history] == [(0, 2), (1, 1), (4, 5), (5, 6), (8, 8)]
    assert Trials(study).tried() == 5


def reference_run(name, accuracies, **recipe):
    """A stored run of a reference with these validation accuracies after its epochs, the last one half as long."""
    run = SimpleNamespace(model=name, dataset="a", recipe={"lr": 0.1, **recipe})
    steps = [10 * (at + 1) for at in range(len(accuracies) - 1)] + [10 * len(accuracies) - 5]
    entries = zip(steps, accuracies, strict=True)
    return run, {"history": [{"steps": step, "validation_accuracy": accuracy} for step, accuracy in entries]}


def test_the_middle_of_a_run_is_compared_at_the_same_epoch_of_the_same_schedule():
    runs = [reference_run("one", [0.1, 0.2, 0.3, 0.4]), reference_run("two", [0.3, 0.6, 0.7, 0.8])]
    middle = middle_of(runs)
    assert (middle.dataset, middle.epoch, middle.references) == ("a", 2, {"one": 0.2, "two": 0.6})
    assert middle.concerns(runs[0][0])
    assert not middle.concerns(SimpleNamespace(dataset="b", recipe=runs[0][0].recipe))
    assert not middle.concerns(reference_run("three", [0.1], lr=0.2)[0])
    assert middle_of([reference_run("one", [0.1])]) is None
    assert middle_of([reference_run("one", [0.1, 0.2])]) is None  # the first of two epochs ends too late
    assert middle_of([runs[0], reference_run("two", [0.3, 0.6, 0.7, 0.8], lr=0.2)]) is None
