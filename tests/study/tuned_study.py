"""A study of three networks whose best learning rates are known, tuned with a stand-in for training."""

import standin_executor

from archlab.executors import Interrupted, Settings
from archlab.study.ablating import ablate
from archlab.study.progress import Progress

RATES = [0.001, 0.002, 0.016, 0.032]
BEST = {"low": 0.001, "middle": 0.004, "high": 0.016, "high on textures": 0.032}
HIGHEST = 1.0
LOST = "killed by signal 9"


def net(name, out):
    return {"name": name, "layers": [{"conv": {"out": out, "stride": 4}}]}


STUDY = {
    "name": "tuned",
    "compare": [net("low", 8), net("middle", 16), net("high", 24)],
    "budget": "none",
    "suite": ["digits", "textures"],
    "recipe": "quick",  # 400 steps at 0.004
    "tune": {"lr": RATES, "steps": 100},
}
STAND_IN = Settings(executor=standin_executor.PATH, workers=2, retries=0)


class Heard(Progress):
    def __init__(self, stop_at=None):
        self.said, self.stop_at = [], stop_at

    def say(self, words):
        self.said.append(words)

    def computing(self, what, plan):
        if self.stop_at and self.stop_at in what:
            raise Interrupted(None)
        return super().computing(what, plan)


def tuned(store, progress=None, **changes):
    return ablate({**STUDY, **changes}, store, STAND_IN, progress)


def chosen(found):
    return {(each["model"], each["dataset"]): each["chosen"]["lr"] for each in found.tuning["choices"]}


def documents_in(store):
    return list(map(store.get, store.keys()))


def without(document, *keys):
    return {key: value for key, value in document.items() if key not in keys}
