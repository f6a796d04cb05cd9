"""A run: one model, one dataset, one recipe, one seed, and the key under which its result is stored."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archlab.architecture import InputSpec
    from archlab.data.entries import Fit


@dataclass(frozen=True)
class Run:
    """What decides a result, as plain JSON values.

    Two runs with one `key` have one result: the key is a SHA-256 over every field but the two names, `dataset` and
    `model`, which are there for people to read, and the paths `own_files`, whose content is part of `code`.

    Args:
        architecture: The canonical form of an architecture (`Architecture.canonical()`).
        width: Multiplier of the channel counts.
        num_classes: Outputs of the classifier.
        dataset: The dataset's name.
        dataset_digest: The digest of its prepared images, labels and splits.
        resolution: Pixels along one side of an input.
        smallest_map: Least side of the last feature map (the resolution rule); None keeps the published strides.
        recipe: The canonical form of a recipe (`Recipe.canonical()`).
        seed: Of initialisation, order and augmentation.
        code: `code_digest(architecture, own_files)` of the sources that decide the result.
        model: The name that the model had where the run was first asked for.
        own_files: Files that a worker loads first, as `archlab.architecture.own_blocks.own_blocks_of` names them; they
            are not stored.
    """

    architecture: dict[str, Any]
    width: float
    num_classes: int
    dataset: str
    dataset_digest: str
    resolution: int
    smallest_map: int | None
    recipe: dict[str, Any]
    seed: int
    code: str
    model: str = ""
    own_files: tuple[str, ...] = dataclasses.field(default=(), compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "width", float(self.width))

    @cached_property
    def key(self) -> str:
        """64 hexadecimal digits."""
        document = self.document()
        del document["dataset"], document["model"]
        return digest(document)

    @property
    def stored(self) -> int:
        """Pixels along one side of the prepared images."""
        return self.recipe.get("stored") or self.resolution

    @property
    def fit(self) -> Fit | None:
        """How the prepared images became square, where it is not as the catalogue says."""
        return self.recipe.get("fit")

    @property
    def is_try(self) -> bool:
        """Whether it only helps to choose; see `is_of_try`."""
        return is_of_try(self.recipe)

    @property
    def input(self) -> InputSpec:
        """What its network is assembled for."""
        from archlab.architecture import InputSpec  # with torch, which commands that list runs do without

        return InputSpec(self.num_classes, self.resolution, self.smallest_map)

    def document(self) -> dict[str, Any]:
        """The fields by name, ready for JSON, without `own_files`."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.compare}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Run:
        return Run(**document)

    def __str__(self) -> str:
        return f"{self.model or self.key[:12]} on {self.dataset}, seed {self.seed}"


def is_of_try(recipe: dict[str, Any]) -> bool:
    """Whether a run with this canonical recipe reads no test image, as one does that only helps to choose."""
    return recipe.get("test") is False


def digest(value: Any) -> str:
    """SHA-256 over the canonical JSON of a value. Raises ValueError for NaN and infinity."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return sha256(text.encode()).hexdigest()
