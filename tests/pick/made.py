"""What the race leaves of a pick, made up around a run that was really trained."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from archlab.deploy.loading import LoadedNetwork

LIMITS = {"params": 2_500_000, "macs": None, "peak_memory": None, "flash": None, "latency_ms": None}


def document(network: LoadedNetwork, **changes: Any) -> dict[str, Any]:
    """The document that `archlab.pick.folder.write_folder` is given; `changes`: other values of its keys."""
    prepared, origin = network.test_data(), network.origin
    counts = prepared.counts("train")
    largest, smallest = counts.index(max(counts)), counts.index(min(counts))
    pixels, key = network.preprocessing.resolution, origin["key"]
    found = {
        "version": 1,
        "archlab": "0.1.0",
        "command": "archlab pick photos --within 1h",
        "hardware": "a made-up machine",
        "started": "2026-01-02T03:04:05+00:00",
        "seconds": 3480.0,
        "within": 3600.0,
        "ended": "finished",
        "early": None,
        "data": {
            "name": origin["dataset"],
            "source": "photos",
            "classes": list(network.class_names),
            "images": {split: len(prepared.labels(split)) for split in ("train", "validation", "test")},
            "largest": {"class": network.class_names[largest], "share": counts[largest] / sum(counts)},
            "smallest": {"class": network.class_names[smallest], "images": counts[smallest]},
            "identical": 3,
            "near": 12,
            "own_splits": ["train", "test"],
            "groups": None,
            "pixels": pixels,
            "lines": [
                "There are three classes.",
                "Three images are there twice; each pair is on one side of the splits.",
            ],
            "remarks": ["2 images cannot be read and were left out: a.png, b.png."],
        },
        "limits": dict(LIMITS),
        "metric": "accuracy",
        "resolution": {
            "pixels": pixels,
            "tried": [{"pixels": pixels, "model": "mobilenetv2", "steps": 120, "value": 0.61}],
            "why": "Larger images have no more to show.",
        },
        "raced": True,
        "rungs": [
            _rung({origin["model"]: 60, "starnet": 70, "convnext": 50}, 1),
            _rung({origin["model"]: 240, "starnet": 280}, 2),
        ],
        "candidates": [
            _candidate(origin["model"], 2, 0.83, None),
            _candidate("starnet", 2, 0.82, "behind after 240 steps"),
            _candidate("convnext", 1, 0.41, "surely behind after 60 steps"),
        ],
        "left_out": [{"model": "convmixer", "why": "needs at least 300 KiB of memory"}],
        "runner_up": {
            "model": "starnet",
            "difference": 0.011,
            "low": -0.004,
            "high": 0.026,
            "seeds": 3,
            "steps": {origin["model"]: 240, "starnet": 280},
        },
        "training": {
            "model": origin["model"],
            "steps": 2400,
            "recipe": origin["recipe"],
            "tuned": {"lr": [{"model": origin["model"], "value": 0.002, "worth": 0.81}]},
            "started_from": None,
            "seeds": [
                {
                    "model": origin["model"],
                    "seed": 0,
                    "key": key,
                    "steps": 2400,
                    "augmentation": "stronger",
                    "value": 0.85,
                },
                {"model": "starnet", "seed": 0, "key": "0" * 64, "steps": 2800, "augmentation": "plain", "value": 0.84},
            ],
            "chosen": key,
            "value": 0.85,
            "trainings": 6,
            "long": True,
        },
        "validation": {"images": 100, "accuracy": {"value": 0.85, "low": 0.77, "high": 0.91}},
        "repeat": [f"archlab train winner.yaml --dataset {origin['dataset']} --recipe recipe.yaml --seed 0"],
        "repeats_exactly": True,
    }
    return {**deepcopy(found), **changes}


def _rung(steps: dict[str, int], seeds: int) -> dict[str, Any]:
    return {"steps": steps, "models": len(steps), "seeds": dict.fromkeys(steps, seeds)}


def _candidate(model: str, rung: int, value: float, out: str | None) -> dict[str, Any]:
    return {
        "model": model,
        "params": 2_490_000,
        "macs": 12_300_000,
        "width": 1.2,
        "prior": 0.51,
        "rung": rung,
        "value": value,
        "seeds": rung,
        "out": out,
    }
