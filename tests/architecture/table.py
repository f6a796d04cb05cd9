"""The table of the references for docs/trust.md: `python -m tests.architecture.table`."""

from __future__ import annotations

import torch

import archlab
from archlab.architecture import InputSpec
from archlab.budget import count
from tests.architecture.comparison import compare
from tests.architecture.test_references import REFERENCES

HEADER = """\
| reference | independent implementation | parameters | MACs (M) | outputs differ by | gradients differ by |
|---|---|--:|--:|--:|--:|"""


def table() -> str:
    """Markdown: cost at 1000 classes and the published resolution; largest differences in float64, relative to the largest."""
    return "\n".join([HEADER, *map(row, REFERENCES)])


def row(name: str) -> str:
    title, independent, _, resolutions = REFERENCES[name]
    arch = archlab.architecture(name)
    cost = count(arch, InputSpec(1000))
    torch.manual_seed(0)
    differences = [
        compare(archlab.build_model(arch, num_classes=1000), independent(), resolution) for resolution in resolutions
    ]
    outputs = max(difference.outputs for difference in differences)
    gradients = max(difference.gradients for difference in differences)
    cells = [name, title, f"{cost.params:,}", f"{cost.macs / 1e6:.1f}", in_short(outputs), in_short(gradients)]
    return f"| {' | '.join(cells)} |"


def in_short(difference: float) -> str:
    return f"{difference:.0e}" if difference else "0"


if __name__ == "__main__":
    print(table())
