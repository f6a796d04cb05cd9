"""Searches a study with stand-ins for training, in a process of its own that tests interrupt and kill.

search_program.py STUDY HOME [STORAGE] [trials=N] [workers=N] [pause=SECONDS] [fail=WORD] [epochs=N]
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import standin_executor

from archlab.deploy import latencies
from archlab.executors import Interrupted, Settings
from archlab.foundation import UserError
from archlab.runs import Store
from archlab.study import computing
from archlab.study.progress import Progress
from archlab.study.search import scheduler, trials
from archlab.study.search.search import search

FUNCTION = "standin_search:train"


def run(
    study,
    home,
    storage=None,
    *,
    trials=None,
    workers=1,
    pause=0.0,
    fail=None,
    fail_fast=False,
    epochs=1,
    resume=False,
    on_trial=None,
):
    options = {"fail": fail, "epochs": epochs, "pause": pause}
    os.environ["STAND_IN"] = json.dumps({"function": FUNCTION, "options": options})
    settings = Settings(executor=standin_executor.PATH, workers=workers, retries=0, fail_fast=fail_fast)
    return search(study, Store(home), settings, Heard(on_trial), trials=trials, storage=storage, resume=resume)


class Heard(Progress):
    """Tells of trials that ended."""

    def __init__(self, on_trial):
        self.trial = on_trial or (lambda trial, best: None)


def main() -> int:
    """As a program it times and counts no networks, and does not wait long for a process that has died."""
    latencies._measured = lambda *_: {}
    computing.check_counts = lambda *_, **__: None
    trials.SILENCE, scheduler.LOOKS = 30.0, 20
    given = dict(word.split("=", 1) for word in sys.argv[3:] if "=" in word and "://" not in word)
    storage = [word for word in sys.argv[3:] if "=" not in word or "://" in word]
    numbers = {"trials": int, "workers": int, "pause": float, "fail": str, "epochs": int}
    options = {name: numbers[name](value) for name, value in given.items()}
    try:
        found = run(
            sys.argv[1], sys.argv[2], *storage, **options, on_trial=lambda trial, best: print(trial.number, flush=True)
        )
    except Interrupted:
        return 130
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(found.document["cost"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
