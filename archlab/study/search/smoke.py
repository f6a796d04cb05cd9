"""What shows in a minute that a search will run."""

from __future__ import annotations

from contextlib import suppress

import optuna

from archlab.runs import Run
from archlab.study.search.beginning import reference_runs
from archlab.study.search.designs import Designs
from archlab.study.search.sampling import ExhaustedError, propose

SAMPLED = 3


def smoke_runs(designs: Designs) -> list[Run]:
    """The runs of the references, of the designs to start with, and of a few that the sampler proposes. Raises UserError."""
    tried = {design.digest: design for design in designs.start()}
    empty = optuna.create_study(directions=["maximize"])
    for number in range(SAMPLED):
        with suppress(ExhaustedError):  # a small space
            design = propose(designs, empty, [], designs.study.search.seed + number, set(tried))
            tried[design.digest] = design
    datasets = designs.study.suite.datasets
    return [*reference_runs(designs), *(designs.run(design, name) for design in tried.values() for name in datasets)]
