"""Whether what a study tests on was trained on before, where its runs are pretrained on another dataset."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from archlab.data import Need, Prepared, open_prepared
from archlab.data.overlap import identical_images
from archlab.foundation import with_store
from archlab.runs.upstream import upstream_needs
from archlab.study.resolved import ResolvedStudy


def shared_test_images(study: ResolvedStudy, home: Path) -> str | None:
    """A line for people where test images are identical with images that are pretrained on; None where there are none.

    Only datasets prepared at one resolution are compared. Raises UserError where one is not prepared.
    """
    opened = cache(lambda need: open_prepared(need.name, home, *need[1:]))
    found = {}
    for target, source, parts in _compared(study):
        if count := _count(opened(target), opened(source), parts):
            found[target.name, source.name] = count
    if not found:
        return None
    told = [f"{count:,} test images of {one} are images of {other}" for (one, other), count in found.items()]
    one, other = next(iter(found))
    command = with_store(f"archlab datasets check {one} --against {other}", home)
    return f"warning: pretrained on what is tested: {'; '.join(told)}; `{command}` names them"


def _compared(study: ResolvedStudy) -> dict[tuple[Need, Need, tuple[str, ...]], None]:
    """What is tested on, what is pretrained on, and which parts of that; each once, in order."""
    found = dict[tuple[Need, Need, tuple[str, ...]], None]()
    for model in study.models:
        for dataset in study.pixels:
            recipe = study.recipes[model.recipes[dataset]]
            for source in upstream_needs(recipe):
                whole = recipe["init"]["pretrain"]["recipe"].get("with_validation")
                found[study.needs(model, dataset), source, ("train", "validation") if whole else ("train",)] = None
    return found


def _count(tested: Prepared, trained: Prepared, parts: tuple[str, ...]) -> int:
    if tested.resolution != trained.resolution:
        return 0
    return len(identical_images(tested, "test", trained, parts))
