"""What a network is assembled for."""

from __future__ import annotations

from dataclasses import dataclass

from archlab.foundation import UserError

SMALLEST_MAP = 2


@dataclass(frozen=True)
class InputSpec:
    """The images and classes of a network. Raises UserError for a wrong number of classes.

    Attributes:
        num_classes: Outputs of the classifier.
        resolution: Pixels on a side of the images; None for the published resolution and strides.
        smallest_map: Least pixels on a side of the last map, for which small images make strides smaller, as
            `archlab.architecture.plan` says; None keeps the published strides.
        in_channels: Of the images.
    """

    num_classes: int
    resolution: int | None = None
    smallest_map: int | None = SMALLEST_MAP
    in_channels: int = 3

    def __post_init__(self) -> None:
        if type(self.num_classes) is not int or self.num_classes < 1:
            raise UserError(f"num_classes must be a whole number of at least 1, not {self.num_classes!r}")
