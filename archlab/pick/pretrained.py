"""Candidates that start from weights at hand: those that packages publish, and what the store has trained on other images."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from archlab.architecture import architecture
from archlab.budget import Budget
from archlab.data import Prepared
from archlab.data.listing import SPLITS
from archlab.data.overlap import identical_images
from archlab.foundation import UserError
from archlab.pick.candidates import NAME, NOT_TIMED, Candidate, Fits, LeftOut, always, fixed_study, time_of
from archlab.pick.prior import Prior, is_beside_of, reference_names
from archlab.runs import Store, open_data
from archlab.runs.downloading import is_at_hand
from archlab.runs.index import list_runs
from archlab.runs.published import COUNTERPARTS
from archlab.runs.run import Run
from archlab.runs.standing import keys_named

LEAST_STEPS = 1000  # of a training that is worth starting from
BODY = (
    0.1  # factor on the learning rate of what was trained on a million images; 1 where it was trained here on thousands
)
IMAGENET = "imagenet"  # where published weights come from
NORMALISATION = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}  # what both packages normalise by


@dataclass(frozen=True)
class AtHand:
    """Weights of a reference at one width. `recipe`: what a recipe says to start from them."""

    reference: str
    width: float
    source: str
    recipe: dict[str, Any]


def pretrained(
    store: Store,
    *,
    prepared: Prepared,
    limits: Budget,
    recipe: dict[str, Any],
    priors: Mapping[str, Prior | None],
    fits: Fits = always,
) -> tuple[list[Candidate], list[LeftOut]]:
    """References at the width of weights that are at hand, where they keep the limits; one of each reference and source. Then
    those that are above a limit of latency, or that there was no time for, by `fits`, to see whether they are.

    Those of ImageNet come first in the race, since that is what most small datasets gain most by; the others just before
    their reference. Of the store's runs on other datasets the longest of each reference counts that is one. Who has seen images
    of the dataset is none, nor is one on data that are prepared at another resolution or changed since, which cannot be held
    against it.
    """
    found, left_out = list[Candidate](), list[LeftOut]()
    for start in (*_published(), *_stored(store, prepared)):
        name, design = f"{start.reference}-from-{start.source}", architecture(start.reference)
        try:
            study = fixed_study(store, prepared.name, limits, {**recipe, **start.recipe}, design, start.width)
        except UserError:  # of other packages' versions, or with too few of the tensors
            continue
        (model,) = study.models
        if not model.within_budget:
            continue
        milliseconds = None
        if limits.latency is not None:
            milliseconds, reason = time_of(study, store) if fits([name]) else (None, NOT_TIMED)
            if reason:
                left_out.append(LeftOut(name, reason))
                continue
        study = dataclasses.replace(study, name=NAME, models=[dataclasses.replace(model, name=name)], frame=[])
        known = priors.get(start.reference)
        found.append(Candidate(study, study.models[0], known, milliseconds=milliseconds, started_from=start.source))
    return found, left_out


def _published() -> Iterator[AtHand]:
    for reference in reference_names().values():
        for package, names in COUNTERPARTS.items():
            if reference in names and is_at_hand(package, names[reference]):
                start = {"init": {"weights": package, "body": BODY}, "normalisation": NORMALISATION}
                yield AtHand(reference, 1.0, IMAGENET, start)
                break


def _stored(store: Store, prepared: Prepared) -> Iterator[AtHand]:
    is_beside, known = is_beside_of(prepared.name, store.home), reference_names()
    names = ["key", "architecture", "width", "dataset", "dataset_digest", "steps", "is_try"]
    places: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in list_runs(store).table.select(names).to_pylist():
        if row["is_try"] or row["steps"] < LEAST_STEPS or row["architecture"] not in known or is_beside(row["dataset"]):
            continue
        places.setdefault((known[row["architecture"]], row["dataset"]), []).append(row)
    for (reference, dataset), rows in sorted(places.items()):
        longest_first = sorted(rows, key=lambda row: (row["steps"], row["key"]), reverse=True)  # whoever lists them
        row = next((row for row in longest_first if _is_other(store, row["key"], prepared)), None)
        if row:
            yield AtHand(reference, row["width"], dataset, {"init": {"run": row["key"]}})


def _is_other(store: Store, key: str, prepared: Prepared) -> bool:
    """Whether a run has seen none of the images, nor those that it stands on; of weights from elsewhere nobody knows."""
    try:
        document = store.get(key)
        if document is None:
            return False
        run = Run.from_document(document["run"])
        data = open_data(run, store.home)
    except UserError:
        return False
    if (run.recipe.get("init") or {}).get("weights"):
        return False
    if not isinstance(data, Prepared) or data.digest != run.dataset_digest:  # what it has seen is no longer here
        return False
    if data.resolution != prepared.resolution:  # copies cannot be found
        return False
    if any(identical_images(prepared, split, data, SPLITS) for split in ("validation", "test")):
        return False
    return all(_is_other(store, each, prepared) for each in keys_named(run.recipe))
