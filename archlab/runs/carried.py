"""What a run carries beside its definition and its weights, so that its network can be used where nothing else is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from archlab.foundation.own_code_texts import texts_of
from archlab.runs.run import Run

if TYPE_CHECKING:
    from archlab.data import Prepared


def carried_by(run: Run, prepared: Prepared, own_blocks: Iterable[str]) -> dict[str, Any]:
    """Plain JSON values: class_names, preprocessing (see `archlab.data.preprocessing`), own_blocks (texts by file name).

    Args:
        own_blocks: The users' files of blocks that the architecture names.
    """
    from archlab.data.preprocessing import Preprocessing

    return {
        "class_names": list(prepared.class_names),
        "preprocessing": Preprocessing.of(prepared, run.recipe).document(),
        "own_blocks": texts_of(own_blocks),
    }
