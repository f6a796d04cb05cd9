"""What a network is assembled for."""

from __future__ import annotations

from dataclasses import dataclass

from archlab.foundation.settings import Positive, read_value

SMALLEST_MAP = 2


@dataclass(frozen=True)
class InputSpec:
    """The images and classes of a network. Raises UserError for what is no number above 0.

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
        for name in ("num_classes", "in_channels"):
            read_value(Positive, getattr(self, name), name, None)
        for name in ("resolution", "smallest_map"):
            read_value(Positive | None, getattr(self, name), name, None)
