"""How trials of a search are taken through their runs."""

from __future__ import annotations

from types import SimpleNamespace

import optuna
import pytest
from test_rungs import basis_of

from archlab.bench.replay import RecordedExecutor
from archlab.foundation.metric import METRICS
from archlab.study.progress import Progress
from archlab.study.search.scheduler import Scheduler
from archlab.study.search.trials import Trials
from archlab.study.variables import Variable

HISTORY = [{"epoch": epoch, "validation_accuracy": 0.95, "seconds": 1.0} for epoch in (1, 2)]


def designs_in(home):
    """A space of one variable, all of whose designs are as good on every dataset."""
    search = SimpleNamespace(second_objective=None, seed=0)
    cost = SimpleNamespace(params=1, macs=1, peak_memory=1)

    def sample(ask):
        values = {"depth": ask(Variable("depth", None, 1, 4, 1))}
        return SimpleNamespace(name="net", digest=str(values), width=1.0, cost=cost, values=values)

    return SimpleNamespace(
        home=home,
        study=SimpleNamespace(search=search, metric=METRICS["accuracy"]),
        start=list,
        sample=sample,
        run=lambda design, dataset: SimpleNamespace(key=dataset, dataset=dataset, recipe={}, model=design.name),
    )


def recorded():
    """An executor of runs that are as good on every dataset."""
    metrics = {"validation": {"accuracy": 0.95}}
    documents = {name: {"history": HISTORY, "metrics": metrics, "seconds": 1.0} for name in "abcd"}
    return RecordedExecutor(SimpleNamespace(documents=documents))


@pytest.mark.parametrize("moment", ["epoch", "finished"])
def test_a_worker_that_was_taken_for_dead_goes_on_and_its_trial_is_repeated(tmp_path, moment):
    """As when its machine slept: another process has ended the trial that it is at."""
    trials = Trials(optuna.create_study(direction="maximize"))
    trials.study.enqueue_trial({"depth": 2})
    heard = []

    class Other(Progress):
        def event(self, event):
            if event.kind == moment and moment not in heard:
                trials.give_up(0)
            heard.append(event.kind)

    Scheduler(designs_in(tmp_path), basis_of(halves=True), trials, 1, progress=Other()).run(recorded(), workers=1)
    assert moment in heard and [trial.state.name for trial in trials.all()] == ["FAIL", "COMPLETE"]
    (trial,) = trials.history()
    assert trial.user_attrs["accuracies"] == dict.fromkeys("abcd", 0.95) and trial.params == {"depth": 2}


@pytest.mark.timeout(60)
def test_what_an_error_left_at_work_is_repeated_by_the_same_process(tmp_path):
    """As in a notebook: the process that the trial is of lives on, and so would be waited for."""
    trials = Trials(optuna.create_study(direction="maximize"))
    trials.study.enqueue_trial({"depth": 2})

    class Failing(Progress):
        def event(self, event):
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        Scheduler(designs_in(tmp_path), basis_of(), trials, 1, progress=Failing()).run(recorded(), workers=1)
    assert [trial.state.name for trial in trials.all()] == ["RUNNING"]
    Scheduler(designs_in(tmp_path), basis_of(), trials, 1).run(recorded(), workers=1)
    assert [(trial.state.name, trial.params) for trial in trials.all()] == [
        ("FAIL", {"depth": 2}),
        ("COMPLETE", {"depth": 2}),
    ]
