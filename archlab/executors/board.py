"""What passes between the driver of a Ray cluster and the runs on its nodes."""

from __future__ import annotations

from typing import Any

from archlab.executors.shipping import Data, Parcel

Told = tuple[str, str, dict[str, Any]]
"""What happened to a run: the kind of event, the run's key, the event's detail."""


class Board:
    """Between the driver and its runs, on the driver's node: what they tell and want, and whether they are to stop."""

    def __init__(self) -> None:
        self.stopping, self.dropped = False, set[str]()
        self.told: list[Told] = []
        self.parcels: dict[Data, Parcel | None] = {}  # None: wanted

    def tell(self, key: str, events: list[Told]) -> tuple[bool, bool]:
        """Whether all runs are to stop, and whether this one is dropped."""
        self.told += events
        return self.stopping, key in self.dropped

    def take(self, stopping: bool, dropped: set[str]) -> tuple[list[Told], list[Data]]:
        """What was told since the last time, and the datasets that runs wait for; `stopping` and `dropped` are orders."""
        self.stopping, self.dropped = stopping, dropped
        told, self.told = self.told, []
        return told, [data for data, parcel in self.parcels.items() if parcel is None]

    def ask(self, data: Data) -> Parcel | None:
        """None as long as the driver has not answered."""
        return self.parcels.setdefault(data, None)

    def ship(self, data: Data, parcel: Parcel) -> None:
        self.parcels[data] = parcel
