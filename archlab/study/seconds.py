"""What one more seed of a model takes on this machine."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from archlab.foundation.machine import cpu_name, gpu_count, gpu_names
from archlab.runs import Run


def seconds_of_a_seed(runs: Iterable[Run], results: dict[str, dict[str, Any]]) -> dict[str, float]:
    """By model, the seconds of a run on each dataset together, as finished runs on this machine took; without the models of
    which that is not known.

    Args:
        results: What is stored, by key.
    """
    here = gpu_names() if gpu_count() else (cpu_name(),)  # torch is not asked, which would take seconds
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        of_dataset = found[run.model][run.dataset]
        result = results.get(run.key)
        if result and result["mode"].get("hardware") in here:
            of_dataset.append(result["seconds"])
    return {model: sum(map(statistics.median, parts.values())) for model, parts in found.items() if all(parts.values())}
