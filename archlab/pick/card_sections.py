"""The sections of a card, whatever it is then written as."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from archlab.foundation.words import counted, counted_between
from archlab.pick import card_words as words
from archlab.report.by_class import ByClass
from archlab.report.classes import MOST_CLASSES, confusion_plot, most_confused
from archlab.report.section import Section
from archlab.report.table import Column, Table

KEY_DIGITS = 12
MOST_COUNTED = 40  # classes of a table of all confusions


def sections(document: dict[str, Any]) -> list[Section]:
    parts = (_files, _classes, _race, _left_out, _resolution, _training, _data)
    return [section for part in parts for section in part(document)]


def _files(document: dict[str, Any]) -> Iterator[Section]:
    columns = {
        "file": Column("file"),
        "precision": Column("precision"),
        "megabytes": Column("MB", "number", 2),
        "accuracy": Column("accuracy %", "number", 1),
        "low": Column("low", "number", 1),
        "high": Column("high", "number", 1),
        "lost": Column("points lost", "number", 1),
        "lost_low": Column("from", "number", 1),
        "lost_high": Column("to", "number", 1),
        "ms": Column("ms", "number", 2),
    }
    rows = [_file(each) for each in document["files"]]
    cost, hardware = document["cost"], document["files"][0]["hardware"]
    memory = f"On a device of 8 bits its weights take {words.in_kib(cost['flash'])}"
    if cost["peak_memory"] is not None:
        memory += (
            f" and its feature maps {words.in_kib(cost['peak_memory'])} at once (four times as much each in float)"
        )
    sentences = [
        "Each file takes raw pixels, and holds the names of the classes. predict.py reads images as training did.",
        words.int8_in_words(document),
        f"{memory}; it multiplies and adds {words.short(cost['macs_deployed'])} times for an image. Times are of {hardware}.",
    ]
    caption = f"ms: the median for one image of {document['data']['pixels']} pixels, as predict.py reads it"
    caption += "; intervals are of 95 %, over test images." if document["test"]["images"] else "."
    known = {name: each for name, each in columns.items() if any(row[name] is not None for row in rows)}
    yield Section(
        "ship", "What is in the folder", sentences, tables=[Table.of("files", caption, known, rows)], is_open=True
    )


def _file(file: dict[str, Any]) -> dict[str, Any]:
    drop = file["drop"] or {"value": None, "low": None, "high": None}
    return {
        "file": file["file"],
        "precision": file["precision"],
        "megabytes": file["bytes"] / 1e6,
        **{name: _percent(file[name]) for name in ("accuracy", "low", "high")},
        "lost": _percent(drop["value"]),
        "lost_low": _percent(drop["low"]),
        "lost_high": _percent(drop["high"]),
        "ms": file["latency_ms"],
    }


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _classes(document: dict[str, Any]) -> Iterator[Section]:
    test, model = document["test"], document["training"]["model"]
    if not test["images"]:
        return
    counts = np.array(test["confusion"])
    classes = [" ".join(each["class"].split()) for each in test["recall"]]
    found = ByClass(document["data"]["name"], classes, {model: counts}, [model])
    shown, folded = _recall(test["recall"])
    if len(classes) <= MOST_COUNTED:
        folded.append(_counts(classes, counts))
    sentences, plots = [most_confused(found)], [confusion_plot(found, model)]
    yield Section("classes", "Which classes does it know?", sentences, plots, [shown], folded, is_open=True)


def _recall(recall: list[dict[str, Any]]) -> tuple[Table, list[Table]]:
    """Of the classes that it knows least, and, where these are not all, of all."""
    columns = {
        "class": Column("class"),
        "images": Column("images", "integer"),
        "recall": Column("recall %", "number", 1),
        "low": Column("low", "number", 1),
        "high": Column("high", "number", 1),
    }
    worst_first = sorted(recall, key=lambda each: (each["recall"] is None, each["recall"]))
    rows = [{**each, **{name: _percent(each[name]) for name in ("recall", "low", "high")}} for each in worst_first]
    caption = "Of the test images of each class, the share that it knows, and its interval of 95 %"
    whole = Table.of("recall", f"{caption}; the worst first.", columns, rows)
    if len(rows) <= MOST_CLASSES:
        return whole, []
    caption += f"; the worst {MOST_CLASSES} of {len(rows)} classes."
    return Table.of("recall-worst", caption, columns, rows[:MOST_CLASSES]), [whole]


def _counts(classes: list[str], counts: np.ndarray) -> Table:
    columns = [Column("class"), *(Column(name, "integer") for name in classes)]
    rows = [[name, *map(int, row)] for name, row in zip(classes, counts, strict=True)]
    return Table("confusion", "How many test images of each class (rows) it takes for each (columns).", columns, rows)


def _race(document: dict[str, Any]) -> Iterator[Section]:
    metric, runner_up = words.metric_of(document), document["runner_up"]
    sentences = []
    if document["rungs"]:
        sentences.append(f"{_how(document)}: {_rungs(document['rungs'])}.")
    else:
        sentences.append("It ended before candidates could be held against each other.")
    if runner_up:
        sentences.append(_runner_up(runner_up, document))
    scale = 100 if metric.is_share else 1
    columns = {
        "model": Column("model"),
        "value": Column(f"{metric.words}{' %' if metric.is_share else ''}", "number", 1 if metric.is_share else 3),
        "seeds": Column("seeds", "integer"),
        "steps": Column("steps", "integer"),
        "params": Column("parameters", "integer"),
        "macs": Column("MACs", "integer"),
        "prior": Column("elsewhere", "number"),
        "out": Column("why it went out"),
    }
    rows = [
        {**each, "value": None if each["value"] is None else scale * each["value"], "steps": _steps(each, document)}
        for each in document["candidates"]
    ]
    caption = (
        f"Candidates, the best first: {metric.words} on validation images after so many steps, the mean over seeds; "
        "parameters and MACs: as trained; elsewhere: its score on other datasets, by which they were ordered."
    )
    tables = [Table.of("race", caption, columns, rows)] if rows else []
    yield Section("race", "How the race went", sentences, tables=tables, is_open=True)


def _how(document: dict[str, Any]) -> str:
    if not document["raced"]:
        how = "There was no race, since there was time for no more than these, or workers for all: each was trained a little"
        return f"{how} first, then for long" if len(document["rungs"]) > 1 else how
    if len(document["rungs"]) == 1:
        return "Each candidate was trained for the same time"
    return (
        "Each rung trains its candidates anew, for the same time, each time longer, and those that are worth most go on"
    )


def _rungs(rungs: list[dict[str, Any]]) -> str:
    def told(rung: dict[str, Any]) -> str:
        steps = counted_between(rung["steps"].values(), "step")
        return f"{counted(rung['models'], 'model')} for {steps} with {counted_between(rung['seeds'].values(), 'seed')}"

    return ", then ".join(map(told, rungs))


def _steps(candidate: dict[str, Any], document: dict[str, Any]) -> int | None:
    """Of the last rung that it reached; they are counted from 1."""
    rung, rungs = candidate["rung"], document["rungs"]
    return rungs[rung - 1]["steps"].get(candidate["model"]) if rung and rung <= len(rungs) else None


def _runner_up(runner_up: dict[str, Any], document: dict[str, Any]) -> str:
    metric = words.metric_of(document)
    scale, digits, unit = (100, 1, "points") if metric.is_share else (1, 3, metric.unit)
    value, low, high = (scale * runner_up[name] for name in ("difference", "low", "high"))
    if value < 0:
        low, high = -high, -low
    ends = f"{low:.{digits}f} to {high:.{digits}f}, 95 %".replace("-", "−")
    behind = f"{abs(value):.{digits}f} {unit} {'behind' if value >= 0 else 'ahead'}"
    steps = counted_between(runner_up["steps"].values(), "step")
    verdict = "not told apart: other seeds or images could turn it" if low <= 0 <= high else "told apart"
    if runner_up["seeds"] == 1:
        verdict = "one seed of each, so what another seed would do is not known"
    return f"The runner-up is {runner_up['model']}, {behind} on validation images after {steps} ({ends}); {verdict}."


def _left_out(document: dict[str, Any]) -> Iterator[Section]:
    if document["left_out"]:
        columns = {"model": Column("model"), "why": Column("why")}
        table = Table.of("left_out", "Candidates that did not race.", columns, document["left_out"])
        yield Section("left-out", "What was left out", tables=[table])


def _resolution(document: dict[str, Any]) -> Iterator[Section]:
    found, metric = document["resolution"], words.metric_of(document)
    columns = {
        "pixels": Column("pixels", "integer"),
        "model": Column("model"),
        "steps": Column("steps", "integer"),
        "value": Column(f"{metric.words}, validation", "number"),
    }
    tables = []
    if found["tried"]:
        tables.append(Table.of("resolution", "What was tried to choose it.", columns, found["tried"]))
    yield Section("resolution", f"Why {found['pixels']} pixels", [found["why"]], tables=tables)


def _training(document: dict[str, Any]) -> Iterator[Section]:
    training, metric = document["training"], words.metric_of(document)
    start = f"weights of {training['started_from']}" if training["started_from"] else "random weights"
    sentences = [f"{training['model']} was trained for {counted(training['steps'], 'step')} from {start}."]
    if training["long"] and len(training["seeds"]) > 1:
        chosen = words.worth(metric, training["value"])
        best = f"Of {counted(len(training['seeds']), 'network')} the one that ships is the best on validation images: {chosen}."
        others = " It was chosen by these images, so on others it is likely a little worse."
        sentences.append(best if document["test"]["images"] and words.is_apart(document) else best + others)
    elif not training["long"] and training["trainings"] > 1:
        sentences.append(f"There was no longer training: it is the best of {training['trainings']}.")
    tables = []
    if training["seeds"]:
        columns = {
            "model": Column("model"),
            "seed": Column("seed", "integer"),
            "steps": Column("steps", "integer"),
            "augmentation": Column("augmentation"),
            "value": Column(f"{metric.words}, validation", "number"),
            "key": Column("run"),
            "ships": Column("ships"),
        }
        rows = [
            {**each, "key": each["key"][:KEY_DIGITS], "ships": "yes" if each["key"] == training["chosen"] else ""}
            for each in training["seeds"]
        ]
        tables.append(Table.of("seeds", "What was trained.", columns, rows))
    folded = [*_tuned(training["tuned"]), _recipe(training["recipe"])]
    yield Section("training", "How it was trained", sentences, tables=tables, folded=folded)


def _tuned(tuned: dict[str, list[dict[str, Any]]]) -> Iterator[Table]:
    columns = {
        "model": Column("model"),
        "setting": Column("setting"),
        "value": Column("value"),
        "worth": Column("worth, validation", "number"),
    }
    rows = [
        {**each, "setting": name, "value": _written(each["value"])} for name, tried in tuned.items() for each in tried
    ]
    if rows:
        yield Table.of("tuned", "What was tried of the recipe's settings.", columns, rows)


def _recipe(recipe: dict[str, Any]) -> Table:
    columns = {"setting": Column("setting"), "value": Column("value")}
    rows = [{"setting": name, "value": _written(value)} for name, value in recipe.items()]
    return Table.of("recipe", "The whole recipe, as recipe.yaml has it.", columns, rows)


def _written(value: Any) -> str:
    """As YAML has it, on a line."""
    import yaml

    return yaml.safe_dump(value, default_flow_style=True, width=float("inf")).removesuffix("\n...\n").strip()


def _data(document: dict[str, Any]) -> Iterator[Section]:
    data = document["data"]
    columns = {"split": Column("split"), "images": Column("images", "integer")}
    rows = [{"split": split, "images": count} for split, count in data["images"].items()]
    table = Table.of("splits", "What each part is for: to learn from, to choose by, to test once.", columns, rows)
    yield Section("data", "The images", [*data["lines"], *data["remarks"]], tables=[table])
