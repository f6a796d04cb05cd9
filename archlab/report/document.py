"""The report as plain JSON values, for programs."""

from __future__ import annotations

from typing import Any

from archlab.report.analysis import Analysis
from archlab.report.shipping import to_ship


def document(analysis: Analysis) -> dict[str, Any]:
    """The report for programs.

    `study`, `question`, `metric`, `answers`, `warnings` in words, `lambda`, `frame` and `scores` as `archlab score` has them,
    `regret` likewise, `ship` (choice, model, reason, xscore with its interval, and the command that exports it), `int8` (best
    first: xscore, rank, those in float, and the points of accuracy lost; null where the study does not ask for it), `tuning`
    (that of `archlab ablate --json`, with `main_cost` and the `orders` of models without and with it; null without), `boards`
    (what was imported of boards: target, precision, model, milliseconds with its quartiles low and high and n, peak_memory and
    flash in bytes, energy_mj, resolution and classes of the network, note, file, imported), `unseen` by study, `test_images`
    (by dataset where known: classes, and the images of each), `classes` (by dataset whose runs have kept class scores: classes,
    recall and confusion by model), and `against` and `agreement` (null without): what it was held against.
    """
    scores, held = analysis.scores.document(), analysis.against
    return {
        "study": analysis.name,
        "question": analysis.material.question,
        "metric": analysis.metric.name,
        "answers": analysis.answers,
        "warnings": analysis.warnings,
        "lambda": scores["lambda"],
        "frame": scores["frame"],
        "scores": scores["models"],
        "ship": to_ship(analysis),
        "int8": analysis.quantised.document() if analysis.quantised else None,
        "tuning": analysis.tuning.document() if analysis.tuning else None,
        "boards": analysis.material.boards,
        "agreement": analysis.agreement.document() if analysis.agreement else None,
        "unseen": analysis.unseen,
        "test_images": {name: counts.document() for name, counts in analysis.material.classes.items()},
        "regret": analysis.regret.document(),
        "classes": {each.dataset: each.document() for each in analysis.by_class},
        "against": {
            "published": held.published,
            "origin": held.origin,
            "metric": held.metric.name,
            "matched": held.datasets,
            "test_images": held.test_images,
            **held.found.document(),
        }
        if held
        else None,
    }
