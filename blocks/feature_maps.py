"""Which feature maps are alive while a network runs: what decides the memory that it needs beside its weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class FeatureMap:
    """A number of elements, and how many operators to come still need them."""

    __slots__ = ("elements", "needed")

    def __init__(self, elements: int):
        self.elements, self.needed = elements, 0


class FeatureMaps:
    """Follows the operators of a network in the order in which they run, batch 1.

    An operator needs its input and its output at once; then its input is free, unless it is held for an operator to come.
    Activation functions, normalisations, scales and sums write over a map that nothing else needs, as runtimes have them,
    and padding belongs to its convolution: they take no place of their own.

    Attributes:
        peak: The most elements that were alive at once.
    """

    __slots__ = ("_beside", "_current", "peak")

    def __init__(self) -> None:
        self._current, self._beside, self.peak = FeatureMap(0), 0, 0

    def enter(self, elements: int) -> None:
        """The map that the first operator sees."""
        self._current = FeatureMap(elements)
        self._note(self._beside + elements)

    def put(self, elements: int) -> None:
        """What an operator makes of the map at hand, which is the one at hand from now on."""
        here = 0 if self._current.needed else self._current.elements
        self._note(self._beside + here + elements)
        self._current = FeatureMap(elements)

    def hold(self) -> FeatureMap:
        """The map at hand, which stays until it is released."""
        if not self._current.needed:
            self._beside += self._current.elements
        self._current.needed += 1
        return self._current

    def release(self, held: FeatureMap) -> None:
        """A held map is not needed for this any more."""
        held.needed -= 1
        if not held.needed:
            self._beside -= held.elements

    def again(self, held: FeatureMap) -> None:
        """A held map is the one at hand, and stays held."""
        self._current = held

    def back_to(self, held: FeatureMap) -> None:
        """A held map is the one at hand, and is free after the next operator."""
        self._current = held
        self.release(held)

    def join(self, *held: FeatureMap) -> None:
        """Held maps are put into one, channel beside channel."""
        self.enter(sum(each.elements for each in held))
        for each in held:
            self.release(each)

    @contextmanager
    def beside(self, wanted: bool = True) -> Iterator[None]:
        """What follows is added to the map at hand where that is `wanted`: a residual connection."""
        held = self.hold() if wanted else None
        yield
        if held:
            self.release(held)

    @contextmanager
    def gate(self, elements: int) -> Iterator[None]:
        """What follows, from `elements` on, weighs the map at hand, which is at hand again afterwards."""
        held = self.hold()
        self.put(elements)
        yield
        self.back_to(held)

    def _note(self, elements: int) -> None:
        if elements > self.peak:
            self.peak = elements
