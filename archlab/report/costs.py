"""What models cost: parameters, multiply-accumulates, memory, training time, and latency where it was measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from archlab.report.material import Material

DEPLOYED = "_deployed"  # ends the columns of what is known with branches merged


@dataclass(frozen=True)
class Cost:
    """One kind of cost.

    Args:
        column: Of the cost table. Where there are `{column}_low` and `{column}_high`, they are the quartiles.
        title: In a sentence, with the hardware of what was measured.
        label: Of an axis. head: Of a table's column; `digits` stand behind the point.
        precision: Of the network that it is of. board: The user's board that was timed, if one was.
    """

    column: str
    title: str
    label: str
    head: str
    digits: int
    precision: str = "float"
    board: str = ""


def cost_table(material: Material) -> tuple[pd.DataFrame, list[Cost]]:
    """Models x columns, and the costs that are known; params and macs in millions, as trained and, where that is known of some,
    deployed; peak_memory in KiB, training in seconds a run (mean)."""
    known = pd.DataFrame.from_dict(material.models, orient="index")
    units = {"params": 1e6, "macs": 1e6, "peak_memory": 1024}
    columns = {name: pd.to_numeric(known[name]) / unit for name, unit in units.items() if name in known}
    for name in ("params", "macs"):
        if (deployed := f"{name}{DEPLOYED}") in known and known[deployed].notna().any():
            columns[deployed] = (pd.to_numeric(known[deployed]) / units[name]).fillna(columns[name])
    costs = [
        Cost("params", "parameters", "parameters (millions)", "parameters (M)", 2),
        Cost("macs", "multiply-accumulates", "multiply-accumulates (millions)", "MACs (M)", 1),
        Cost(
            "peak_memory", "peak memory in int8", "peak memory of feature maps in int8 (KiB)", "memory (KiB)", 1, "int8"
        ),
    ]
    if material.runs:
        runs = pd.DataFrame(material.runs)
        columns["seconds"] = runs.groupby("model")["seconds"].mean()
        place = _place(runs["hardware"].dropna())
        costs.append(
            Cost("seconds", f"training time{place}", f"training time{place} (seconds a run)", "seconds a run", 1)
        )
    for measured, cost in [*_latencies(material), *_on_boards(material)]:
        ends = {"": "median_ms", "_low": "low_ms", "_high": "high_ms"}
        columns |= {f"{cost.column}{end}": measured[name] for end, name in ends.items() if measured[name].notna().any()}
        costs.append(cost)
    table = pd.DataFrame(columns)
    return table, [cost for cost in costs if cost.column in table and table[cost.column].notna().any()]


def _latencies(material: Material) -> Iterator[tuple[pd.DataFrame, Cost]]:
    """On each hardware of the machine that ran the study, in each precision: by model median_ms, low_ms, high_ms."""
    rows = [{"model": model, "precision": "float", **each} for model, own in material.latencies.items() for each in own]
    kinds = list(dict.fromkeys((row["hardware"], row["precision"]) for row in rows))
    several = len({name for name, _ in kinds}) > 1
    for at, (hardware, precision) in enumerate(kinds):
        own = [row for row in rows if (row["hardware"], row["precision"]) == (hardware, precision)]
        title = f"latency{' in int8' if precision == 'int8' else ''} on {hardware}"
        head = f"latency ({'int8, ' if precision == 'int8' else ''}ms){f', {hardware}' if several else ''}"
        column = "latency" if at == 0 else f"latency-{at + 1}"
        yield pd.DataFrame(own).set_index("model"), Cost(column, title, f"{title} (ms)", head, 2, precision)


def _on_boards(material: Material) -> Iterator[tuple[pd.DataFrame, Cost]]:
    """The same of each board; networks of other inputs or class counts are other networks, and have a column of their own."""
    rows = [row for row in material.boards if row["milliseconds"] is not None]
    names = ("target", "precision", "resolution", "classes")
    kinds = list(dict.fromkeys(tuple(row[name] for name in names) for row in rows))
    for at, (target, precision, resolution, classes) in enumerate(kinds, 1):
        kind = target, precision, resolution, classes
        own = pd.DataFrame([row for row in rows if tuple(row[name] for name in names) == kind])
        own = own.drop_duplicates("model").set_index("model")
        own = own.rename(columns={"milliseconds": "median_ms", "low": "low_ms", "high": "high_ms"})
        several = sum(each[:2] == kind[:2] for each in kinds) > 1
        board = f"{target} at {resolution} pixels with {classes} classes" if several else target
        title = f"latency{' in int8' if precision == 'int8' else ''} on {board}"
        head = f"on {board} ({'int8, ' if precision == 'int8' else ''}ms)"
        yield own, Cost(f"board-{at}", title, f"{title} (ms)", head, 2, precision, board)


def pareto(costs: pd.Series, scores: pd.Series) -> list[str]:
    """The models that no other beats in one without losing in the other, cheapest first."""
    order = pd.DataFrame({"cost": costs, "score": -scores}).dropna().sort_values(["cost", "score"])
    lowest = order["score"].cummin().shift(fill_value=float("inf"))
    return [str(model) for model in order.index[order["score"] < lowest]]


def _place(hardware: pd.Series) -> str:
    return f" on {hardware.iloc[0]}" if hardware.nunique() == 1 else ""
