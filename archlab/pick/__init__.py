"""From a folder of images to a file to ship: a race of candidates on validation images, within a time.

photographs  what there is: classes, splits without leaks, doubles
prior        how models do on other datasets
found        the designs that searches have found
candidates   the references and what searches found, within the limits
pretrained   those that start from weights at hand
request      what is asked for
alone        that no other process is at the same pick
decisions    what was decided, kept, so that the same command goes on with it; how much of the time is left
trainer      runs of candidates, and what they are worth on validation images
standing     who leads, and who is surely behind, with the noise of images and of seeds
recipe       what candidates are trained by
lengths      how many steps fit into a time
resolution   pixels, by measurement
race         successive halving over steps, then seeds
winner       learning rate of the winner; its long training
shipped      the files that ship, tested (tested)
folder       what is left: these, predict_file, and the card (card, card_sections, card_words)
picking      all of it
asked        what the command and programs ask for it with
"""

from __future__ import annotations

import inspect
import sys
import time
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archlab.pick.picking import Picked


class _CallableRoom(types.ModuleType):
    """Lets `archlab.pick("photos")` work although this room has the same name as its main function."""

    @property
    def __signature__(self) -> inspect.Signature:
        """That of the function, for notebooks to show and complete."""
        from archlab.pick.asked import pick

        return inspect.signature(pick)

    def __call__(self, *args: Any, **kwargs: Any) -> Picked:
        """Picks a network for a folder of images; `help(archlab.pick.asked.pick)` says what each argument is."""
        kwargs.setdefault("began", time.monotonic())  # before the imports, which take seconds
        from archlab.pick.asked import pick

        return pick(*args, **kwargs)


sys.modules[__name__].__class__ = _CallableRoom
