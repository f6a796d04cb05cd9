"""Searches a study with stand-ins for training, in a process of its own that tests interrupt and kill.

search_program.py STUDY HOME [STORAGE] [trials=N] [workers=N] [pause=SECONDS] [fail=WORD] [epochs=N]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from archlab.executors import Interrupted, Settings, execute
from archlab.foundation import UserError
from archlab.runs import Store
from archlab.study.search.whole import search

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
    store, options = Store(home), {"fail": fail, "epochs": epochs}
    return search(
        study,
        store,
        compute=lambda what, runs: execute(runs, store, workers=2, function=FUNCTION, options=options),
        settings=Settings(workers=workers, function=FUNCTION, options={**options, "pause": pause}, retries=0),
        fail_fast=fail_fast,
        trials=trials,
        storage=storage,
        resume=resume,
        on_trial=on_trial,
    )


def main() -> int:
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
