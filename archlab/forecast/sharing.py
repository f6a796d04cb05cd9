"""How many runs share a GPU: as many as get more done together than one after the other, measured on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from archlab.executors.cluster import with_room
from archlab.executors.settings import Settings, Task
from archlab.forecast.costs import hardware, kind_of, macs_of
from archlab.forecast.kept import keep_measurement, read_measurement
from archlab.forecast.planning import tries
from archlab.foundation.machine import core_count
from archlab.runs.run import Run, digest
from archlab.runs.store import Store

THROUGHPUT = "archlab.forecast.measuring:throughput"
GAIN = 1.1  # what twice as many runs must bring, more than the noise of a measurement
MOST = 16  # runs on a GPU
READY, WINDOW = 20.0, 5.0  # seconds until every process is training, and while it is counted


def with_workers(settings: Settings, runs: Iterable[Run], store: Store) -> Settings:
    """The settings with the number of workers that suits the runs, where none is given and there are GPUs to share, or a Ray
    cluster to join.

    Of GPUs here measured with the run of most work a step, which leaves the others least room; kept for its kind and machine.
    """
    missing = [run for run in runs if run.key not in store]
    if settings.workers or not missing:
        return settings
    gpus = settings.gpus_here
    if settings.executor != "local" or not gpus:
        return with_room(settings)
    largest = max(missing, key=_work_of_a_step)
    name = digest([kind_of(largest), *hardware()])[:32]
    kept = read_measurement(store, "sharing", name)
    if not kept:
        rates: dict[int, float] = {}

        def rate_of(together: int) -> float:
            rates[together] = _throughput(largest, store, replace(settings, workers=together * gpus))
            return rates[together]

        most = max(min(MOST, core_count() // gpus), 1)
        kept = {"runs": share(rate_of, most), "images_a_second": rates}
        if rates[1]:  # else nothing was measured, whatever kept the card busy
            keep_measurement(store, "sharing", name, kept)
    return replace(settings, workers=gpus * kept["runs"])


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
    return macs_of(run) * int(run.recipe["batch_size"])


def _throughput(run: Run, store: Store, settings: Settings) -> float:
    """Images a second of so many processes, all training the run with seeds of their own; 0 where one fails."""
    begin, together = time.time() + READY, settings.at_once
    task = Task(THROUGHPUT, {"begin": begin, "end": begin + WINDOW}, keep=False)
    copies = [replace(run, seed=run.seed + number) for number in range(together)]
    rates = [event.detail["rate"] for event in tries(copies, store, settings, task) if event.kind == "finished"]
    return sum(rates) if len(rates) == together else 0.0
