"""What an ablation hands on to be loaded."""

from __future__ import annotations

import dataclasses

import pytest
import standin_training

from archlab.runs import Store
from archlab.study.ablating import ablate, runs_of
from archlab.study.resolving import resolve

SE = [{"set": {"channel_attention": "se"}, "where": {"block": "inverted_residual"}}]
STUDY = {
    "name": "both",
    "base": "mobilenetv2",
    "compare": ["mobilenetv2", "starnet"],
    "choices": {"attention": {"none": [], "se": SE}},
    "suite": ["digits", "textures"],
    "effects": ["equal_budget", "raw"],
}


@pytest.mark.slow
def test_a_model_that_is_not_fitted_to_the_budget_is_never_the_best(tmp_path):
    store = Store(tmp_path)
    for run in runs_of(resolve(STUDY, store.home), store.home):
        store.put(run, standin_training.trained(run))
    found = ablate(STUDY, store)
    table = found.table.copy()
    raw = table["model"] == "mobilenetv2+attention=se@raw"
    assert raw.any()
    table.loc[raw, "value"] = 0.999
    assert dataclasses.replace(found, table=table).best["model"] == "starnet"
