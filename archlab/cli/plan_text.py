"""A plan in words, for people."""

from __future__ import annotations

from datetime import datetime

from archlab.forecast import Plan
from archlab.foundation.words import counted, duration
from archlab.runs import Run


def summary(plan: Plan) -> str:
    """One line: runs, time, memory, and when it will be done."""
    count = len(plan.stored) + len(plan.missing)
    if not plan.missing:
        return f"{counted(count, 'run')}, all stored: nothing to compute"
    line = f"{counted(count, 'run')}, {len(plan.stored)} stored, {len(plan.missing)} to compute"
    if not plan.predicted:
        return f"{line}; nothing is known about their time yet"
    line += f": about {duration(plan.work)} of work, {duration(plan.wall)} on {counted(plan.workers, 'worker')}"
    if plan.memory:
        line += f", up to {plan.memory / 2**30:.1f} GiB of memory"
    if unknown := len(plan.missing) - len(plan.predicted):
        line += f" (without {counted(unknown, 'run')} of which nothing is known)"
    return f"{line}; done {_moment(plan.end)}"


def rows(plan: Plan) -> list[tuple[str, ...]]:
    """Per model and dataset: both, runs, stored ones, seconds and memory of the longest, where the prediction comes from; tries
    by themselves."""
    groups: dict[tuple[str, str], list[tuple[str, str, str] | None]] = {}
    for run in plan.stored:
        groups.setdefault(_group(run), []).append(None)
    for run, prediction in plan.missing:
        cells = ("?", "?", "not known")
        if prediction:
            memory = f"{prediction.memory / 2**30:.2f} GiB" if prediction.memory else "?"
            cells = (duration(prediction.seconds), memory, prediction.source)
        groups.setdefault(_group(run), []).append(cells)
    return [
        (*names, str(len(entries)), str(entries.count(None)), *next(filter(None, entries), ("", "", "")))
        for names, entries in groups.items()
    ]


def _group(run: Run) -> tuple[str, str]:
    return f"{run.model} (tries)" if run.is_try else run.model, run.dataset


def elsewhere(plan: Plan) -> list[str]:
    """A line for each other machine that something is known of."""
    lines = []
    for hardware, seconds in plan.elsewhere.items():
        unknown = len(plan.missing) - len(seconds)
        without = f" (without {counted(unknown, 'run')} of which nothing is known)" if unknown else ""
        lines.append(f"on {hardware}: about {duration(sum(seconds.values()))} of work{without}")
    return lines


HEADING = ("model", "dataset", "runs", "stored", "time a run", "memory", "predicted from")


def _moment(then: datetime | None) -> str:
    """`at 14:05` today, else with the date; `never` where there is none."""
    if then is None:
        return "never"
    return f"at {then:%H:%M}" if then.date() == datetime.now().date() else f"on {then:%Y-%m-%d at %H:%M}"
