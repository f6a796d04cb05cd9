"""What layers that keep the shape of the map refuse."""

from __future__ import annotations


def check_same_shape(what: str, in_channels: int, out_channels: int, stride: int) -> None:
    """Raises ValueError where a layer, `an activation` say, is to change the size of the map or its channels."""
    if stride != 1 or in_channels != out_channels:
        raise ValueError(f"{what} changes neither the size of the map nor its channels")
