"""What a worker does to time models."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from archlab.architecture import build_model, from_canonical
from archlab.deploy.timing import Latency, time_on_cpu, time_on_gpu
from archlab.foundation.own_code import load_file
from archlab.runs import Run


def time_models(run: Run, *, runs: list[dict[str, Any]], own_files: list[str], **_: Any) -> dict[str, Any]:
    """The latencies of the models of `runs` (their documents; `run` is one of them), by key: a list of `Latency` as dicts, of
    the CPU in every precision, and of the GPU where there is one that can be timed; none of a model that cannot be exported."""
    for file in own_files:
        load_file(Path(file))
    described = [Run.from_document(each) for each in runs]
    models = [build_model(from_canonical(each.architecture, each.model), each.input, each.width) for each in described]
    found: list[list[Latency]] = time_on_cpu(models, run.resolution)
    if torch.cuda.is_available():
        with suppress(RuntimeError):  # a card that is full, lent to another process, or too old for this torch
            on_gpu = time_on_gpu(models, run.resolution)
            found = [[*own, gpu] if own else [] for own, gpu in zip(found, on_gpu, strict=True)]
    by_model = zip(described, found, strict=True)
    return {"latencies": {each.key: [dataclasses.asdict(latency) for latency in own] for each, own in by_model}}
