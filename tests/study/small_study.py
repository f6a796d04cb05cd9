"""A study of three references and an option whose training is a stand-in."""

from __future__ import annotations

import standin_executor
import standin_training

from archlab.executors import Settings
from archlab.study.ablating import ablate, runs_of
from archlab.study.resolving import resolve

SE = [{"set": {"channel_attention": "se"}, "where": {"block": "inverted_residual"}}]
STUDY = {
    "name": "idea",
    "question": "Does it help?",
    "base": "mobilenetv2",
    "compare": ["mobilenetv2", "starnet", "shufflenetv2"],
    "choices": {"attention": {"none": [], "se": SE}},
    "suite": ["digits", "textures"],
    "seeds": 2,
}
STAND_IN = Settings(executor=standin_executor.PATH, workers=2, retries=0)


def settled(store, **changes):
    return resolve({**STUDY, **changes}, store.home)


def filled(store, **changes):
    """The ablation of a study whose every run is stored."""
    for run in runs_of(settled(store, **changes), store.home):
        store.put(run, standin_training.trained(run))
    return ablate({**STUDY, **changes}, store)
