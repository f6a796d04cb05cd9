"""An executor whose workers call a stand-in for training; STAND_IN says which and with what options, as JSON."""

from __future__ import annotations

import json
import os
from typing import Any

from archlab.executors import Settings, Task
from archlab.executors.local import LocalExecutor
from archlab.runs import Store

PATH = f"{__file__}:open_stand_in"


def open_stand_in(store: Store, settings: Settings, task: Task) -> LocalExecutor:
    given: dict[str, Any] = json.loads(os.environ["STAND_IN"])
    return LocalExecutor(store, settings, Task(given["function"], given.get("options", {})))
