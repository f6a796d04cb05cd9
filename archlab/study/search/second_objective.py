"""What a search may look for beside the xScore."""

from __future__ import annotations

import dataclasses

from archlab.forecast.latencies import latencies, latency_beside
from archlab.foundation import UserError
from archlab.runs import Run, Store
from archlab.study.search.designs import Design, Designs
from archlab.study.study import Study

SECOND = {"xscore_and_macs": "macs", "xscore_and_latency": "latency_ms"}


def second_objective(study: Study) -> str | None:
    """The attribute of trials that is to be small; None where the xScore is all that counts."""
    return SECOND.get(study.search.objective)


class Stopwatch:
    """Measures designs while others train.

    A design is timed beside a reference, taking turns, so that whatever keeps the machine busy meets both. Of the reference
    itself counts what was measured when the search began, before its first trial.

    Args:
        milliseconds: Of the reference, where the search has begun.

    Raises:
        UserError: The reference cannot be measured.
    """

    def __init__(self, designs: Designs, store: Store, milliseconds: float | None = None):
        self.designs, self.store = designs, store
        self.reference = self._costed(designs.references[0])
        found = latencies([self.reference], store) if milliseconds is None else {}
        if milliseconds is None and not found:
            raise UserError(f"the latency of {self.reference.model} cannot be measured", where=designs.study.where)
        self.milliseconds: float = milliseconds or found[self.reference.key][0]["median_ms"]

    def __call__(self, design: Design) -> float | None:
        """Milliseconds for one image on one thread of this machine's CPU; None where they cannot be measured."""
        ratio = latency_beside(self._costed(design), self.reference, self.store)
        return None if ratio is None else ratio * self.milliseconds

    def _costed(self, design: Design) -> Run:
        """A run of the classes and resolution that costs refer to."""
        designs = self.designs
        run = designs.run(design, designs.study.suite.datasets[0])
        return dataclasses.replace(run, num_classes=designs.classes, resolution=designs.resolution)
