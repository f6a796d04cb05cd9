"""What a training can stand on beside its data: a teacher, and weights to start from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from archlab.foundation.settings import Matching, Within, place

Key = Annotated[str, Matching(r".+", "the first digits of a run's key, in quotes where they could be a number")]


@dataclass(frozen=True)
class Distillation:
    """Learning from what another network says of the same images (Hinton, Vinyals, Dean 2015, arXiv 1503.02531, section 2).

    Attributes:
        teacher: The key of its run, or its first digits; or by dataset. A settled recipe has the whole key.
        weight: Of the teacher's share in the loss, the rest being that of the labels; 0 needs no teacher.
        temperature: That softens what both say.
        where: FILE:LINE.
    """

    teacher: dict[str, Key] | Key
    weight: Annotated[float, Within(0, 1)] = 0.5
    temperature: Annotated[float, Within(0.01)] = 4.0
    where: str | None = place()


@dataclass(frozen=True)
class Start:
    """Weights that a training starts from, where they fit: of a file, or of a run.

    Attributes:
        weights: A safetensors file; in a settled recipe the SHA-256 of what it holds.
        run: The key of a run, or its first digits; in a settled recipe the whole key.
        body: Factor on the learning rate of all but the classifier.
        where: FILE:LINE.
    """

    weights: Annotated[str, Matching(r".+", "a safetensors file")] | None = None
    run: Key | None = None
    body: Annotated[float, Within(0)] = 1.0
    where: str | None = place()
