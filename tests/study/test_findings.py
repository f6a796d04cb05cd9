"""What a search says of itself in its document."""

from __future__ import annotations

from types import SimpleNamespace

import optuna
import pytest
from search_program import run
from small_search import study_of

from archlab.study.search import findings, search
from archlab.study.search.trials import Trials


def test_runs_that_a_design_shares_with_a_reference_are_counted_once(monkeypatch):
    """As where the base is among what is compared: its runs are those of the reference."""
    study = optuna.create_study()
    for design, runs in (("base", {"a": "shared-a", "b": "shared-b"}), ("other", {"a": "own-a"})):
        attributes = {"design": design, "runs": runs, "seconds": dict.fromkeys(runs, 10.0)}
        study.add_trial(optuna.trial.create_trial(value=0.5, user_attrs=attributes))
    references = [SimpleNamespace(key=key) for key in ("shared-a", "shared-b", "second-a", "second-b")]
    monkeypatch.setattr(findings, "reference_runs", lambda designs: references)
    runs = [*references, SimpleNamespace(key="own-a"), SimpleNamespace(key="own-b")]
    final = SimpleNamespace(runs=runs, store=SimpleNamespace(get=lambda key: {"seconds": 10.0}))
    cost = findings._training_cost(final, Trials(study), SimpleNamespace())
    assert cost["runs"] == len(runs) and cost["trials"] == 2
    seconds = {"references": 40.0, "trials": 10.0, "final": 10.0, "all": 60.0}
    assert cost["training_seconds"] == pytest.approx(seconds)


@pytest.mark.slow
def test_what_others_try_while_the_final_table_is_trained_is_none_of_it(place, monkeypatch):
    home, final_table = place(), search._final_table

    def meanwhile(*given, **more):
        """Another process goes on with the search, which wants more trials."""
        monkeypatch.setattr(search, "_final_table", final_table)
        run(study_of(home), home, trials=8)
        return final_table(*given, **more)

    monkeypatch.setattr(search, "_final_table", meanwhile)
    document = run(study_of(home), home, trials=1).document
    assert len(document["trials"]) == 8 and [each["trial"] for each in document["finalists"]] == [0]
