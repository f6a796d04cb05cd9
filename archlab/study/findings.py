"""What an ablation found, as one JSON document, as a table of scores, and as files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archlab.foundation import write_atomically
from archlab.study.ablation import SPLIT, Ablation

if TYPE_CHECKING:
    import pandas as pd


def document(ablation: Ablation) -> dict[str, Any]:
    """Plain JSON values: study, question, answer, lambda, frame, warnings, scores (best first), cells, effects,
    comparisons, interactions, failed, computed."""
    from archlab.scoring import answer

    study, scores, effects = ablation.study, ablation.scores, ablation.effects
    scored = scores.document() if scores else {"lambda": study.weight_of_variance, "frame": None, "models": []}
    base = next((row["xscore"] for row in scored["models"] if row["model"] == study.base), None)
    return {
        "study": study.name,
        "question": study.question,
        "answer": answer(effects) if effects else None,
        "lambda": scored["lambda"],
        "frame": scored["frame"],
        "warnings": list(scores.warnings) if scores else [],
        "scores": [_score(ablation, row, base) for row in scored["models"]],
        "cells": _cells(ablation),
        **(effects.document() if effects else {"effects": [], "comparisons": [], "interactions": []}),
        "failed": [
            {
                "model": failure.run.model,
                "dataset": failure.run.dataset,
                "seed": failure.run.seed,
                "cause": failure.cause,
                "attempts": failure.attempts,
            }
            for failure in ablation.failed
        ],
        "computed": ablation.computed,
    }


def score_table(ablation: Ablation) -> pd.DataFrame:
    """One row a model, best first: model, role, params, macs, width, the mean test accuracy on each dataset, mean, variance,
    xscore, xscore_low, xscore_high, difference (of the xScore, to the base)."""
    import pandas as pd

    means = _test_means(ablation)
    columns = ["model", "role", "params", "macs", "width", *ablation.study.datasets, "mean", "variance", "xscore"]
    rows = []
    for score in document(ablation)["scores"]:
        accuracies = {name: means.get((score["model"], name)) for name in ablation.study.datasets}
        rows.append({**score, **accuracies})
    return pd.DataFrame(rows, columns=[*columns, "xscore_low", "xscore_high", "difference"])


def save(ablation: Ablation, home: Path, prediction: str | None = None) -> Path:
    """Writes `<home>/studies/<name>/`: ablation.json, study.json (the settled study), scores.csv, results.csv (tidy).

    And prediction.txt, how good the predicted time was; where nothing was predicted, a former one stays.
    """
    folder = home / "studies" / ablation.study.name
    texts = {
        "ablation.json": json.dumps(document(ablation), indent=1),
        "study.json": json.dumps(ablation.study.document(), indent=1),
        "scores.csv": score_table(ablation).to_csv(index=False),
        "results.csv": ablation.table.to_csv(index=False),
    }
    if prediction:
        texts["prediction.txt"] = prediction
    for name, text in texts.items():
        with write_atomically(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return folder


def _score(ablation: Ablation, row: dict[str, Any], base: float | None) -> dict[str, Any]:
    model = next(model for model in ablation.study.models if model.name == row["model"])
    return {
        **row,
        "role": model.role,
        "params": model.cost["params"],
        "macs": model.cost["macs"],
        "width": model.width,
        "difference": None if row["xscore"] is None or base is None else row["xscore"] - base,
    }


def _cells(ablation: Ablation) -> list[dict[str, Any]]:
    rows = ablation.table[ablation.table["metric"] == "accuracy"]
    keys = {(cell.model, cell.dataset, cell.seed): cell.run.key for cell in ablation.cells}
    names = ["model", "dataset", "seed", "split", "accuracy"]
    return [
        {**dict(zip(names, row, strict=True)), "key": keys[row[:3]]}
        for row in zip(*(rows[name].tolist() for name in ["model", "dataset", "seed", "split", "value"]), strict=True)
    ]


def _test_means(ablation: Ablation) -> dict[tuple[str, str], float]:
    rows = ablation.table
    rows = rows[(rows["metric"] == "accuracy") & (rows["split"] == SPLIT)]
    means = rows.groupby(["model", "dataset"])["value"].mean()
    return dict(zip(means.index.to_list(), means.to_list(), strict=True))
