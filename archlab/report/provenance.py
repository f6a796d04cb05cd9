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


def as_trained(study: dict[str, Any]) -> list[str]:
    """Each recipe that the runs of a settled study had, as it ran: `quick: 60 steps of 16 images, adamw, ...`."""
    recipes = study.get("recipes", [])
    used = [list(model["recipes"].values()) for model in study["models"]] if recipes else []
    counts = {index: sum(of_model.count(index) for of_model in used) for index in range(len(recipes))}
    cells = sum(counts.values())
    return [
        f"{study['recipe']}{f' (in {count} of {cells} cells)' if len(recipes) > 1 else ''}: {in_words(recipes[index])}"
        for index, count in sorted(counts.items(), key=lambda each: -each[1])
    ]


def in_words(recipe: dict[str, Any]) -> str:
    """What decides most of a canonical recipe."""
    length = [f"{recipe[what]:,} {what}" for what in ("epochs", "steps") if recipe.get(what)]
    augmented = [
        name for name, value in (recipe.get("augment") or {}).items() if value and name not in ("own", "order")
    ]
    augmented += [_named(each) for each in (recipe.get("augment") or {}).get("own") or []]
    said = [
        f"{' or '.join(length)}{', whichever ends first,' if len(length) > 1 else ''} of batches of {recipe['batch_size']}",
        f"{_named(recipe['optimizer'])} at {recipe['lr']:g}, {recipe.get('schedule', 'cosine')}",
        f"augmented by {', '.join(augmented)}" if augmented else "not augmented",
    ]
    said += ["training and validation images together"] if recipe.get("with_validation") else []
    said += ["the weights of the best validation epoch"] if recipe.get("weights") == "best_validation" else []
    return ", ".join(said)


def _named(optimizer: str | dict[str, Any]) -> str:
    return optimizer if isinstance(optimizer, str) else next(iter(optimizer)).rpartition(":")[2]


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

    budget = study["budget"]
    limits = [f"{budget[what]:,} {what}" for what in ("params", "macs") if budget.get(what)]
    memory = {"peak_memory": "of peak memory", "flash": "of flash"}
    limits += [f"{in_kib(budget[what])} {words}" for what, words in memory.items() if budget.get(what)]
    limits += [f"{budget['latency']:g} ms of latency"] if budget.get("latency") else []
    return {
        "study": study["path"] or study["name"],
        "suite": f"{study['suite']}: {listed(study['datasets'])}",
        "unseen": listed(study.get("unseen", {})),
        "recipe": study["recipe"],
        "seeds": ", ".join(map(str, study["seeds"])),
        "budget": f"{' and '.join(limits) or 'none'} ({budget['of']}, at {study['classes']} classes)",
        "archlab": all_of("archlab"),
        "code": all_of("code"),
        "PyTorch": all_of("torch"),
        "hardware": all_of("hardware", "device", "precision"),
        "threads": all_of("threads"),
        "data": "; ".join(sorted({f"{run['dataset']} {run['data'][:16]}" for run in runs})),
        "finished": f"{min(run['finished'] for run in runs)} to {max(run['finished'] for run in runs)}" if runs else "",
    }
