"""The report as plain JSON values, for programs."""

from __future__ import annotations

from typing import Any

from archlab.report.analysis import Analysis


def document(analysis: Analysis) -> dict[str, Any]:
    """`study`, `question`, `metric`, `answers` and `warnings` in words, `lambda`, `frame` and `scores` as `archlab score` has
    them, `regret` likewise, and `against`: what the study was held against (null without)."""
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
        "regret": analysis.regret.document(),
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
