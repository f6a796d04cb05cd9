"""A complete document of a card, and what its reader finds."""

from __future__ import annotations

import copy
import re

from archlab.pick.card import card_html, card_markdown


def whole(classes=("cat", "dog", "hen"), **changes):
    """A complete document, of counts that are made up."""
    count = len(classes)
    confusion = [[20 if row == column else (row + column) % 3 for column in range(count)] for row in range(count)]
    total = sum(map(sum, confusion))
    found = {
        "version": 1,
        "archlab": "0.1.0",
        "command": "archlab pick photos --within 1h",
        "hardware": "a machine",
        "started": "2026-01-02T03:04:05+00:00",
        "seconds": 3480.0,
        "within": 3600.0,
        "ended": "finished",
        "data": {
            "name": "photos",
            "source": "photos",
            "classes": list(classes),
            "images": {"train": 800, "validation": 90, "test": total},
            "largest": {"class": classes[0], "share": 0.41},
            "smallest": {"class": classes[-1], "images": 12},
            "identical": 3,
            "near": 12,
            "own_splits": ["train", "test"],
            "groups": None,
            "pixels": 160,
            "lines": ["One line.", "Another."],
            "remarks": [],
        },
        "limits": {"params": 2_500_000, "macs": None, "peak_memory": 262_144, "flash": None, "latency_ms": 5.0},
        "metric": "accuracy",
        "resolution": {"pixels": 96, "tried": [], "why": "Larger ones take too long."},
        "early": None,
        "raced": True,
        "rungs": [{"steps": {"starnet": 60}, "models": 1, "seeds": {"starnet": 1}}],
        "candidates": [candidate("starnet", 0.83, None), candidate("convnext", None, "not reached")],
        "left_out": [],
        "runner_up": runner_up(0.011, -0.004, 0.026, seeds=3),
        "training": {
            "model": "starnet",
            "steps": 2400,
            "recipe": {"lr": 0.004, "augment": {"flip": True}},
            "tuned": {},
            "started_from": None,
            "seeds": [],
            "chosen": "0" * 64,
            "value": 0.85,
            "trainings": 3,
            "long": False,
        },
        "validation": {"images": 90, "accuracy": {"value": 0.85, "low": 0.76, "high": 0.91}},
        "repeat": ["archlab train winner.yaml --dataset photos --recipe recipe.yaml --seed 0"],
        "repeats_exactly": True,
        "test": {
            "images": total,
            "metrics": {"accuracy": {"value": 0.85, "low": 0.75, "high": 0.92}},
            "guess": {"class": classes[0], "accuracy": 0.4},
            "recall": [
                {"class": name, "images": sum(row), "recall": 20 / sum(row), "low": 0.5, "high": 1.0}
                for name, row in zip(classes, confusion, strict=True)
            ],
            "confusion": confusion,
        },
        "files": [
            file("model.onnx", "float", None),
            file("model-int8.onnx", "int8", {"value": 0, "low": -0.1, "high": 0.1}),
        ],
        "int8": {
            "asked": False,
            "holds": True,
            "way": "min-max",
            "moved": 0.004,
            "judged_on": "validation",
            "why": None,
        },
        "cost": {
            "params": 2_400_000,
            "params_deployed": 2_300_000,
            "macs": 9e7,
            "macs_deployed": 7e7,
            "peak_memory": 200_000,
            "flash": 2_300_000,
        },
    }
    return {**copy.deepcopy(found), **changes}


def candidate(model, value, out):
    settings = {"params": 2_400_000, "macs": 90_000_000, "width": 1.0, "prior": 0.5, "rung": 1, "seeds": 1}
    return {"model": model, **settings, "value": value, "out": out}


def runner_up(difference, low, high, seeds=2):
    ends = {"difference": difference, "low": low, "high": high}
    return {"model": "convnext", **ends, "seeds": seeds, "steps": {"starnet": 60, "convnext": 80}}


def file(name, precision, drop):
    share = {"accuracy": 0.85, "low": 0.75, "high": 0.92, "drop": drop}
    time = {"latency_ms": 1.25, "latency_low_ms": 1.2, "latency_high_ms": 1.3, "hardware": "a CPU"}
    return {"file": name, "format": "onnx", "precision": precision, "bytes": 9_600_000, **share, **time}


def in_both(document, *words):
    """Whether each is there in Markdown and on the page."""
    pages = card_markdown(document), re.sub(r"\s+", " ", re.sub("<[^>]+>", "", card_html(document)))
    return [all(word in page for page in pages) for word in words]
