"""What a training can stand on beside its data: a teacher, and weights to start from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from archlab.foundation.settings import Matching, Within, place

PUBLISHERS = ("timm", "torchvision")
"""The packages whose published weights a training can start from, named in the place of a file of weights."""

Key = Annotated[str, Matching(r".+", "the first digits of a run's key, in quotes where they could be a number")]


@dataclass(frozen=True)
class Distillation:
    """Learning from what another network says of the same images (Hinton, Vinyals, Dean 2015, arXiv 1503.02531, section 2).

    Attributes:
        teacher: The key of its run, or its first digits; or a model (a reference's name, a YAML file), which is trained first;
            or one of these by dataset. The recipe of a run has the whole key.
        weight: Of the teacher's share in the loss, the rest being that of the labels; 0 needs no teacher.
        temperature: That softens what both say.
        where: FILE:LINE.
    """

    teacher: dict[str, Any] | Key
    weight: Annotated[float, Within(0, 1)] = 0.5
    temperature: Annotated[float, Within(0.01)] = 4.0
    where: str | None = place()


@dataclass(frozen=True)
class Pretraining:
    """A training of the same network on another dataset, which comes first and is made once.

    Attributes:
        dataset: Its name.
        recipe: An `archlab.training.recipe.Recipe`; written as its name, its file, or its keys.
    """

    dataset: str
    recipe: Any = "thorough"


@dataclass(frozen=True)
class Start:
    """Weights that a training starts from, where they fit: of a file, a package, a run, or a training that comes first.

    Attributes:
        weights: A safetensors file, or one of `PUBLISHERS`; in a settled recipe the SHA-256 of what the file holds.
        run: The key of a run, or its first digits; in a settled recipe the whole key.
        pretrain: In the recipe of a run its key, as `run`.
        body: Factor on the learning rate of all but the classifier.
        where: FILE:LINE.
    """

    weights: Annotated[str, Matching(r".+", "a safetensors file")] | None = None
    run: Key | None = None
    pretrain: Pretraining | None = None
    body: Annotated[float, Within(0)] = 1.0
    where: str | None = place()
