"""Where the numbers of a finished study come from, in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from archlab.foundation.words import in_kib

PREDICTION = "prediction.txt"  # in the study's folder, where runs were trained


def prediction(folder: Path) -> dict[str, str]:
    """How good the predicted time of the last training was; nothing where nothing was predicted."""
    path = folder / PREDICTION
    return {"time of the last training": path.read_text(encoding="utf-8")} if path.exists() else {}


def spanning(study: dict[str, Any], table: pd.DataFrame) -> list[str] | None:
    """The models that span the frame of a settled study's scores; None: all of them."""
    if study.get("spanned_by") == "all":
        return None
    return [name for name in study["frame"] if name in set(table["model"])]


def provenance(study: dict[str, Any], runs: list[dict[str, Any]]) -> dict[str, str]:
    """Titles and texts of a settled study and its finished runs."""

    def all_of(*keys: str) -> str:
        return "; ".join(sorted({" ".join(str(run[key]) for key in keys) for run in runs}))

    def listed(stored: dict[str, int]) -> str:
        return ", ".join(f"{name} at {pixels(name, stored[name])} pixels" for name in stored)

    def pixels(dataset: str, stored: int) -> int:
        known = study.get("recipes", [])  # of a study that is no older than these
        recipes = [known[model["recipes"][dataset]] for model in study["models"]] if known else [{}]
        return max(recipe.get("pixels") or recipe.get("stored") or stored for recipe in recipes)

    first = [(recipe.get("init") or {}).get("pretrain") for recipe in study.get("recipes", [])]
    pretrained = [each["data"][:2] for each in first if each]
    budget = study["budget"]
    limits = [f"{budget[what]:,} {what}" for what in ("params", "macs") if budget.get(what)]
    memory = {"peak_memory": "of peak memory", "flash": "of flash"}
    limits += [f"{in_kib(budget[what])} {words}" for what, words in memory.items() if budget.get(what)]
    limits += [f"{budget['latency']:g} ms of latency"] if budget.get("latency") else []
    return {
        "study": study["path"] or study["name"],
        "suite": f"{study['suite']}: {listed(study['datasets'])}",
        "unseen": listed(study.get("unseen", {})),
        "pretraining": "; ".join(sorted({f"{name} at {stored} pixels" for name, stored in pretrained})),
        "recipe": study["recipe"],
        "seeds": ", ".join(map(str, dict.fromkeys([*study["seeds"], *sorted({run["seed"] for run in runs})]))),
        "budget": f"{' and '.join(limits) or 'none'} ({budget['of']}, at {study['classes']} classes)",
        "archlab": all_of("archlab"),
        "code": all_of("code"),
        "PyTorch": all_of("torch"),
        "hardware": all_of("hardware", "device", "precision"),
        "threads": all_of("threads"),
        "data": "; ".join(sorted({f"{run['dataset']} {run['data'][:16]}" for run in runs})),
        "finished": f"{min(run['finished'] for run in runs)} to {max(run['finished'] for run in runs)}" if runs else "",
    }
