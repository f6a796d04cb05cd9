"""Training is a stand-in, and nothing is measured."""

import json
import os

import pytest
import standin_training

from archlab.executors import Outcome
from archlab.runs import Failure
from tests.study.tuned_study import BEST, HIGHEST, LOST


@pytest.fixture(autouse=True)
def stand_in(monkeypatch):
    """Training is a stand-in; calling this says what is best, which rates diverge, and of which model and rate workers are
    lost."""

    def says(best=BEST, highest=HIGHEST, lost=()):
        given = {"function": "standin_training:tune", "options": {"best": best, "highest": highest, "lost": lost}}
        monkeypatch.setenv("STAND_IN", json.dumps(given))

    says()
    return says


@pytest.fixture(autouse=True)
def here(request, monkeypatch):
    """Runs are computed in this process, unless a test has `workers`."""

    def execute(runs, store, settings, *, task, on_event):
        given, outcome = json.loads(os.environ["STAND_IN"]), Outcome()
        for run in {run.key: run for run in runs}.values():
            if run.key not in store:
                if [run.model, run.recipe["lr"]] in given["options"]["lost"]:
                    outcome.failed.append(Failure(run, LOST, 2))
                    continue
                try:
                    store.put(run, standin_training.tune(run, home=None, folder=None, report=None, **given["options"]))
                except standin_training.DivergenceError as error:
                    outcome.failed.append(Failure(run, f"DivergenceError: {error}", 1))
                    continue
                outcome.computed += 1
            outcome.results[run.key] = store.get(run.key)
        return outcome

    if "workers" not in request.fixturenames:
        monkeypatch.setattr("archlab.study.computing.execute", execute)


@pytest.fixture
def workers():
    """Runs are computed by worker processes."""


@pytest.fixture(autouse=True)
def nothing_is_measured(monkeypatch):
    monkeypatch.setattr("archlab.forecast.planning._measure", lambda *arguments: None)
    monkeypatch.setattr("archlab.study.ablating.save_latencies", lambda *arguments: None)
