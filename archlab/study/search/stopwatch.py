"""How long designs take on this machine, where latency is an objective or the budget limits it."""

from __future__ import annotations

from archlab.architecture.own_blocks import own_blocks_of
from archlab.deploy.extras import require
from archlab.deploy.latencies import latencies, latency_beside, run_to_time
from archlab.foundation import UserError
from archlab.runs import Run, Store
from archlab.study.design import Design
from archlab.study.latency import LIMITED, beyond, is_within
from archlab.study.search.designs import Designs
from archlab.study.study import Study


def check_installed(study: Study) -> None:
    """Raises UserError where designs are to be timed and what times them is not installed."""
    if study.budget.latency:
        require("onnx", LIMITED, study.budget_where)
    if study.search.second_objective == "latency_ms":
        require("onnx", "`objective: xscore_and_latency`", study.where)


class Stopwatch:
    """Measures designs while others train, once each: what it found is kept, and counts for good.

    A design is timed beside a reference, taking turns, so that whatever keeps the machine busy meets both. Of the reference
    itself counts what was measured when the search began, before its first trial.

    Args:
        milliseconds: Of the reference, where the search has begun.
        time_limit: Seconds that measuring one design may take; None: a limit of its own.

    Raises:
        UserError: The reference cannot be measured.
    """

    def __init__(
        self, designs: Designs, store: Store, milliseconds: float | None = None, time_limit: float | None = None
    ):
        self.designs, self.store, self.time_limit = designs, store, time_limit
        self.reference = self._costed(designs.references[0])
        found = latencies([self.reference], store, time_limit) if milliseconds is None else {}
        if milliseconds is None and not found.get(self.reference.key):
            raise UserError(f"the latency of {self.reference.model} cannot be measured", where=designs.study.where)
        self.milliseconds: float = milliseconds or found[self.reference.key][0]["median_ms"]

    def __call__(self, design: Design) -> float | None:
        """Milliseconds for one image on one thread of this machine's CPU, in float; None where they cannot be measured."""
        run = self._costed(design)
        return latency_beside(run, self.reference, self.milliseconds, self.store, self.time_limit)

    def above(self, design: Design) -> str | None:
        """In words, by what a design is above a budget of latency in one of its forms; None where it keeps the budget."""
        limit = self.designs.study.budget.latency
        if limit is None:
            return None
        times = (self(each) for each in (design, *self.designs.forms(design).values()))
        above = [each for each in times if not is_within(each, limit)]
        return f"it {beyond(above[0], limit)}" if above else None

    def _costed(self, design: Design) -> Run:
        """A run of the form, classes and resolution that costs refer to."""
        designs, architecture = self.designs, design.architecture
        return run_to_time(
            design.name,
            architecture.canonical(),
            design.width,
            own_blocks_of(architecture),
            classes=designs.classes,
            resolution=designs.resolution,
            smallest_map=designs.study.smallest_map,
        )
