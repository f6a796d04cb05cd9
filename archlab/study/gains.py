"""Gains on the datasets that a study's choices do not see, beside those on the datasets that they see."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from archlab.study.resolved import ResolvedStudy

if TYPE_CHECKING:
    import pandas as pd

    from archlab.scoring import Effects, Gains, ImageNoise

DESIGN = "design"  # what a search chooses


def on_datasets(table: pd.DataFrame, datasets: Collection[str]) -> pd.DataFrame:
    return table[table["dataset"].isin(list(datasets))]


def option_gains(
    study: ResolvedStudy, table: pd.DataFrame, split: str, seen: Effects | None, images: ImageNoise | None
) -> Gains | None:
    """Of a study's options over the base's; `seen` are their effects on the datasets seen. None where there are none, or no
    unseen datasets."""
    from archlab.scoring import side_by_side

    if seen is None or not study.unseen or study.base is None:
        return None
    unseen = _effects(study, table, split, study.unseen, study.contrasted, study.base, images)
    return side_by_side(seen, unseen, list(study.datasets), list(study.unseen))


def design_gains(
    study: ResolvedStudy,
    table: pd.DataFrame,
    split: str,
    designs: Sequence[str],
    rival: str | None,
    images: ImageNoise | None,
) -> Gains | None:
    """Of designs over the reference that validation data chose; None without one, or without unseen datasets."""
    from archlab.scoring import side_by_side

    if rival is None or not study.unseen:
        return None
    models: list[dict[str, Any]] = [{"model": rival, "options": {DESIGN: rival}}]
    models += [{"model": name, "options": {DESIGN: name}, "kind": "equal_budget"} for name in designs]
    seen, unseen = (
        _effects(study, table, split, names, models, rival, images) for names in (study.datasets, study.unseen)
    )
    return side_by_side(seen, unseen, list(study.datasets), list(study.unseen))


def _effects(
    study: ResolvedStudy,
    table: pd.DataFrame,
    split: str,
    datasets: Collection[str],
    models: Sequence[Mapping[str, Any]],
    base: str,
    images: ImageNoise | None,
) -> Effects | None:
    """Effects on some datasets, in the frame that the study's references have there; None without any rows."""
    from archlab.scoring import effects, make_frame

    rows = on_datasets(table, datasets)
    rows = rows[(rows["split"] == split) & (rows["metric"] == study.metric.name)]
    if rows.empty:
        return None
    there, seeds = set(rows["model"]), study.seeds
    references = [name for name in study.frame if name in there]
    frame = make_frame(rows, references, split, datasets=list(datasets), seeds=seeds, metric=study.metric)
    lam = study.weight_of_variance
    return effects(rows, models, base, frame, split, lam, metric=study.metric, seeds=seeds, images=images)
