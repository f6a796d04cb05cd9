"""Latency, which no closed form gives: models are timed on this machine before they are trained.

Nothing is fitted to a budget's limit of it, and nothing is left out for it: a variant above it is refused, since without its
option every comparison would be another. A reference above it is trained all the same, since it spans the frame. Designs of a
search are timed one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archlab.deploy.extras import require
from archlab.deploy.latencies import latencies, latency_beside, not_timed, run_to_time
from archlab.foundation import UserError
from archlab.foundation.words import counted, first_of
from archlab.runs import Run, Store
from archlab.study.resolved import Model, ResolvedStudy

if TYPE_CHECKING:
    from archlab.study.design import Design, Designer

LIMITED = "`budget: latency`"  # what needs the extra `onnx`
NAMED = 3  # models in a line


@dataclass(frozen=True)
class Timed:
    """What the models of a study take on this machine, each in all of its forms, by `form_name`.

    Attributes:
        limit: Milliseconds that the budget allows.
        milliseconds: For one image, in float on one CPU thread; None where it cannot be measured.
        hardware: What measured, None where nothing was.
        refused, spared: Those that are not known to keep the limit, the slowest first: variants, and references. Variants that
            show an edit without the budget are in neither.
    """

    limit: float
    milliseconds: dict[str, float | None]
    hardware: str | None
    refused: list[str]
    spared: list[str]

    def allows(self, name: str) -> bool:
        return is_within(self.milliseconds[name], self.limit)

    def said(self, names: list[str]) -> str:
        """`a takes 7.21 ms, b takes 6.9 ms and 2 more`"""
        return first_of([f"{name} {in_words(self.milliseconds[name])}" for name in names], NAMED)


def is_within(milliseconds: float | None, limit: float) -> bool:
    return milliseconds is not None and milliseconds <= limit


def in_words(milliseconds: float | None) -> str:
    return "cannot be measured" if milliseconds is None else f"takes {milliseconds:.3g} ms"


def beyond(milliseconds: float | None, limit: float) -> str:
    """`takes 7.21 ms, above 5 ms of latency`"""
    words = in_words(milliseconds)
    return words if milliseconds is None else f"{words}, above {limit:g} ms of latency"


def check_installed(study: ResolvedStudy) -> None:
    """Raises UserError where the budget limits latency and what measures it is not installed."""
    if study.budget.get("latency"):
        require("onnx", LIMITED, study.path)


def networks_to_time(study: ResolvedStudy, store: Store) -> int:
    """How many `timed` would measure; 0 where the budget does not limit latency."""
    return len(not_timed(runs_to_time(study, study.models).values(), store)) if study.budget.get("latency") else 0


def timed(
    study: ResolvedStudy,
    store: Store,
    time_limit: float | None = None,
    announce: Callable[[str], None] = lambda words: None,
) -> Timed | None:
    """What the models take; None where the budget does not limit it. What is not known yet is measured now, so nothing else
    should run; no model may take longer than `time_limit` seconds to measure."""
    limit = study.budget.get("latency")
    if not limit:
        return None
    runs = runs_to_time(study, study.models)
    found = latencies(runs.values(), store, time_limit, announce)
    in_float = {name: next(iter(found.get(run.key, [])), None) for name, run in runs.items()}
    milliseconds = {name: each["median_ms"] if each else None for name, each in in_float.items()}

    def above(models: Iterable[Model]) -> list[str]:
        names = [name for name in runs_to_time(study, models) if not is_within(milliseconds[name], limit)]
        return sorted(names, key=lambda name: -(milliseconds[name] or float("inf")))

    return Timed(
        limit,
        milliseconds,
        next((each["hardware"] for each in in_float.values() if each), None),
        above(model for model in study.models if model.role == "variant" and not _is_beside(study, model)),
        above(model for model in study.models if model.role == "reference"),
    )


def check_latency(
    study: ResolvedStudy, store: Store, time_limit: float | None, announce: Callable[[str], None]
) -> None:
    """Times what is not known yet, and says what was found. Raises UserError where a variant is above the limit."""
    found = timed(study, store, time_limit, announce)
    if found is None:
        return
    limit = f"{found.limit:g} ms of latency"
    within = sum(map(found.allows, found.milliseconds))
    announce(
        f"{study.name}: {within} of {counted(len(found.milliseconds), 'network keeps', 'networks keep')} {limit}, measured on "
        f"{found.hardware or 'this machine'}"
    )
    if found.spared:
        announce(
            f"warning: references above {limit} are trained all the same, since they span the frame: "
            f"{found.said(found.spared)}"
        )
    if found.refused:
        raise UserError(
            f"variants are above the budget of {limit} on this machine: {found.said(found.refused)}; leave these options out "
            "or raise the limit, `archlab build` lists all",
            where=study.path,
        )


def runs_to_time(study: ResolvedStudy, models: Iterable[Model]) -> dict[str, Run]:
    """Of all forms, by name, at the class count and resolution that costs refer to."""
    return {
        name: run_to_time(
            name,
            form["architecture"],
            form["width"],
            form["own_files"],
            classes=study.classes,
            resolution=study.resolution,
            smallest_map=study.smallest_map,
        )
        for model in models
        for name, form in model.by_form.items()
    }


def _is_beside(study: ResolvedStudy, model: Model) -> bool:
    """Whether it shows an edit without the budget."""
    return model.kind == "raw" and study.budget["fit"] == "width"


class Stopwatch:
    """Measures designs of a search while others train, once each: what it found is kept, and counts for good.

    A design is timed beside a reference, taking turns, so that whatever keeps the machine busy meets both. Of the reference
    itself counts what was measured when the search began, before its first trial.

    Args:
        milliseconds: Of the reference, where the search has begun.
        time_limit: Seconds that measuring one design may take; None: a limit of its own.

    Raises:
        UserError: The reference cannot be measured.
    """

    def __init__(
        self,
        designer: Designer,
        reference: Design,
        store: Store,
        milliseconds: float | None = None,
        time_limit: float | None = None,
    ):
        self.designer, self.store, self.time_limit = designer, store, time_limit
        self.reference = self._costed(reference)
        found = latencies([self.reference], store, time_limit) if milliseconds is None else {}
        if milliseconds is None and not found.get(self.reference.key):
            raise UserError(f"the latency of {reference.name} cannot be measured", where=designer.study.where)
        self.milliseconds: float = milliseconds or found[self.reference.key][0]["median_ms"]

    def __call__(self, design: Design) -> float | None:
        """Milliseconds for one image on one thread of this machine's CPU, in float; None where they cannot be measured."""
        run = self._costed(design)
        return latency_beside(run, self.reference, self.milliseconds, self.store, self.time_limit)

    def above(self, design: Design) -> str | None:
        """In words, by what a design is above a budget of latency in one of its forms; None where it keeps the budget."""
        limit = self.designer.study.budget.latency
        if limit is None:
            return None
        times = (self(each) for each in (design, *self.designer.forms(design).values()))
        above = [each for each in times if not is_within(each, limit)]
        return f"it {beyond(above[0], limit)}" if above else None

    def _costed(self, design: Design) -> Run:
        """A run of the form, classes and resolution that costs refer to."""
        from archlab.architecture.own_blocks import own_blocks_of

        designer, architecture = self.designer, design.architecture
        return run_to_time(
            design.name,
            architecture.canonical(),
            design.width,
            own_blocks_of(architecture),
            classes=designer.classes,
            resolution=designer.resolution,
            smallest_map=designer.study.smallest_map,
        )
