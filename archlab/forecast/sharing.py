"""How many runs share a GPU: as many as get more done together than one after the other, measured on this machine."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import version
from typing import Any

from archlab.executors.executor import Settings, open_executor
from archlab.executors.local import visible_gpus
from archlab.forecast.costs import kind_of
from archlab.foundation import write_atomically
from archlab.foundation.machine import gpu_names
from archlab.runs.run import Run
from archlab.runs.store import Store

THROUGHPUT = "archlab.forecast.measuring:throughput"
GAIN = 1.1  # what twice as many runs must bring, more than the noise of a measurement
MOST = 16  # runs on a GPU
READY, WINDOW = 20.0, 5.0  # seconds until every process is training, and while it is counted


def gpu_count() -> int:
    """GPUs that runs may use; initialises none."""
    return len(visible_gpus()) if gpu_names() and not version("torch").endswith("+cpu") else 0


def workers_for(runs: Iterable[Run], store: Store, options: Mapping[str, Any]) -> int:
    """Runs at once where the user names no number: one a core; with GPUs, those that share one, times the GPUs.

    Measured with the run of most work a step, which leaves the others least room; kept for its kind and machine.
    """
    cores, gpus = len(os.sched_getaffinity(0)), gpu_count()
    missing = [run for run in runs if run.key not in store]
    if not gpus or not missing:
        return cores
    largest = max(missing, key=_work_of_a_step)
    file = store.home / "cache" / "sharing" / f"{kind_of(largest)}.json"
    with suppress(OSError, ValueError, KeyError):
        return gpus * int(json.loads(file.read_text())["runs"])
    rates: dict[int, float] = {}

    def rate_of(together: int) -> float:
        rates[together] = _throughput(largest, store, options, together * gpus)
        return rates[together]

    chosen = share(rate_of, max(min(MOST, cores // gpus), 1))
    with suppress(OSError), write_atomically(file) as temporary:
        temporary.write_text(json.dumps({"runs": chosen, "images_a_second": rates}))
    return gpus * chosen


def share(rate_of: Callable[[int], float], most: int) -> int:
    """Runs on a GPU: doubled from 1 to `most` at best, as long as that raises the images a second of all by GAIN."""
    chosen, rate = 1, rate_of(1)
    while 2 * chosen <= most:
        together = rate_of(2 * chosen)
        if together <= GAIN * rate:
            break
        chosen, rate = 2 * chosen, together
    return chosen


def _work_of_a_step(run: Run) -> int:
    from archlab.architecture import from_canonical
    from archlab.budget import count

    cost = count(
        from_canonical(run.architecture, run.model),
        num_classes=run.num_classes,
        width=run.width,
        resolution=run.resolution,
        smallest_map=run.smallest_map,
    )
    return cost.macs * int(run.recipe["batch_size"])


def _throughput(run: Run, store: Store, options: Mapping[str, Any], together: int) -> float:
    """Images a second of as many processes, all training the run with seeds of their own; 0 where one fails."""
    begin = time.time() + READY
    window = {**options, "begin": begin, "end": begin + WINDOW}
    settings = Settings(workers=together, function=THROUGHPUT, options=window, keep=False, retries=0)
    rates = []
    with open_executor("local", store, settings) as pool:
        for number in range(together):
            pool.submit(replace(run, seed=run.seed + number))
        while pool.pending:
            rates += [event.detail["rate"] for event in pool.events() if event.kind == "finished"]
    return sum(rates) if len(rates) == together else 0.0
