"""Chance: what is reached without a look at any image, in the metrics where that is known; and which models reach no more."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.special import ndtri
from scipy.stats import binom

from archlab.foundation.metric import Metric
from archlab.scoring.reading import percent_factor

LEVEL = 0.95  # one-sided: a model that knows nothing is called so with this probability
NAMED = 3  # models, and datasets, in a sentence


def chance(metric: Metric | str, images: Sequence[int]) -> float | None:
    """The best expectation of a model that knows how frequent the classes are, and nothing of any image.

    That is for accuracy the share of the largest class, which is at least 1 / classes; 1 / classes for balanced accuracy (by
    any guess) and macro F1 (where each class is guessed as often as it is there); 1/2 for AUROC; for log loss the entropy of
    the shares of the classes. Classes without images do not count. None of any other metric, and where it is not defined.

    Args:
        images: Of each class, in the split.
    """
    counts = np.array([count for count in images if count], dtype=float)
    if _own(metric) or not len(counts):
        return None
    shares = counts / counts.sum()
    known = {
        "accuracy": float(shares.max()),
        "balanced_accuracy": 1 / len(counts),
        "macro_f1": 1 / len(counts),
        "log_loss": float(-(shares * np.log(shares)).sum()),
    }
    known |= {"auroc": 0.5} if len(counts) > 1 else {}
    return known.get(str(metric))


def at_chance(
    means: pd.DataFrame, images: Mapping[str, Sequence[int]], metric: Metric | str = "accuracy"
) -> dict[str, list[str]]:
    """By model, the datasets on which it is no better than chance by more than the noise of the test images; models without
    such are left out.

    However many seeds a value is the mean of, they saw the same images, so that their number changes nothing.

    Args:
        means: Models x datasets, seed means in the unit of any table. NaN: no result.
        images: By dataset, the test images of each class. Of a dataset that is not here nothing is said.
    """
    factor = percent_factor(means.max(), metric) / (100 if Metric.of(metric).is_share else 1)
    found: dict[str, list[str]] = {}
    for dataset in means:
        limit = _limit(metric, images.get(str(dataset), ()))
        if limit is None:
            continue
        values = means[dataset] * factor
        below = values <= limit + 1e-9 if Metric.of(metric).higher_is_better else values >= limit - 1e-9
        for model in means.index[below]:
            found.setdefault(str(model), []).append(str(dataset))
    return found


def chance_in_words(found: Mapping[str, Sequence[str]], models: int) -> list[str]:
    """One sentence on what `at_chance` gives of so many models; none where it gives nothing."""
    by_dataset: dict[str, list[str]] = {}
    for model, datasets in found.items():
        for dataset in datasets:
            by_dataset.setdefault(dataset, []).append(model)
    said = [
        f"{dataset} ({', '.join(names) if len(names) <= NAMED else f'{len(names)} of {models} models'})"
        for dataset, names in by_dataset.items()
    ]
    if not said:
        return []
    more = f" and {len(said) - NAMED} more datasets" if len(said) > NAMED + 1 else ""
    listed = ", ".join(said[:NAMED] if more else said) + more
    return [
        f"at chance: on {listed} no more is reached than without a look at the images, within the noise of the test images; "
        "what the xScore makes of such values is noise, so train longer or leave such a dataset out"
    ]


def _limit(metric: Metric | str, images: Sequence[int]) -> float | None:
    """The end of the one-sided interval of chance, as if images were drawn; log loss has none: there the entropy is the least
    that can be said without a look at these very images."""
    value = chance(metric, images)
    if value is None:
        return None
    counts = np.array([count for count in images if count], dtype=float)
    classes, total = len(counts), counts.sum()
    if str(metric) in ("accuracy", "balanced_accuracy", "macro_f1"):
        alike = total if str(metric) == "accuracy" else classes**2 / (1 / counts).sum()  # images in classes of one size
        return max(float(binom.ppf(LEVEL, int(alike + 1e-9), value)) / int(alike + 1e-9), value)
    if str(metric) == "auroc":  # each class against the rest has the variance of Wilcoxon's rank sum
        variance = ((total + 1) / (12 * counts * (total - counts))).mean() / (classes - 1)
        return value + float(ndtri(LEVEL)) * math.sqrt(variance)
    return value


def _own(metric: Metric | str) -> bool:
    return isinstance(metric, Metric) and (metric.own is not None or Metric.of(metric.name) != metric)
