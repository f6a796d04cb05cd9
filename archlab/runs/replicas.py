"""Which runs train as one network: the seeds of one model and dataset, where this machine is faster so.

The decision belongs to the machine and the study. It is measured once for a kind of run and kept; it asks for the seeds of
the study, not for what is left of them, and for the machine's cores, not for `--workers`.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from archlab.foundation import write_atomically
from archlab.foundation.machine import gpu_names
from archlab.runs.costs import kind_of
from archlab.runs.run import Replicas, Run, digest
from archlab.runs.store import Store

MOST = 4  # replicas of one network
LEAST = 1.2  # steps one by one over the fused step: in every lap of a measurement, to be worth it


def replicas_of(runs: Iterable[Run]) -> list[Replicas]:
    """The runs that differ in nothing but the seed, in as few and as equal lots as `MOST` allows; no lots of one.

    None at all where there are fewer lots than this machine computes runs at once: some of it would be idle.
    """
    alike: dict[str, dict[int, Run]] = {}
    for run in runs:
        document = {name: value for name, value in run.document().items() if name not in ("seed", "model", "dataset")}
        alike.setdefault(digest(document), {})[run.seed] = run
    lots = [lot for group in alike.values() for lot in _lots(group)]
    return [lot for lot in lots if len(lot.seeds) > 1] if len(lots) >= (len(gpu_names()) or os.cpu_count() or 1) else []


def is_open(replicas: Replicas, store: Store) -> bool:
    """Whether the work has not begun, or was interrupted: members that are stored are not trained again to fuse the others.

    Interrupted while results were being written, some are stored; the rest comes of the same network, not of a smaller one.
    """
    stored = [store.holds(member) for member in replicas.members]
    return not any(stored) or ((store.unfinished / replicas.key).exists() and not all(stored))


def kind_of_replicas(replicas: Run) -> str:
    """Replicas of one kind are faster fused, or are not, by the same ratio."""
    return f"{kind_of(replicas)}-{len(replicas.members)}"


def read_ratios(store: Store, replicas: Replicas) -> list[float] | None:
    """What was measured for replicas of this kind: the ratio of each lap; none where they cannot be fused."""
    try:
        return json.loads(_file(store, replicas).read_text())["ratios"]
    except (OSError, ValueError, KeyError):
        return None


def write_ratios(store: Store, replicas: Run, ratios: list[float]) -> None:
    """Keeps a measurement; on a full disk it is made again."""
    with suppress(OSError), write_atomically(_file(store, replicas)) as temporary:
        temporary.write_text(json.dumps({"ratios": ratios}))


def _lots(group: dict[int, Run]) -> list[Replicas]:
    seeds = sorted(group)
    count = -(-len(seeds) // MOST)
    cuts = [len(seeds) * number // count for number in range(count + 1)]
    lots = [tuple(seeds[start:stop]) for start, stop in itertools.pairwise(cuts)]
    members = [group[lot[0]] for lot in lots]
    return [
        Replicas(**first.document(), own_files=first.own_files, seeds=lot)
        for first, lot in zip(members, lots, strict=True)
    ]


def _file(store: Store, replicas: Run) -> Path:
    return store.home / "cache" / "fused" / f"{kind_of_replicas(replicas)}.json"
