"""How often tests repeat what depends on chance: a quarter of the whole, unless `ARCHLAB_TESTS=whole` asks for all of it.

Figures in the documents are of the whole.
"""

import math
import os

import pytest

WHOLE = os.environ.get("ARCHLAB_TESTS") == "whole"

only_whole = pytest.mark.skipif(not WHOLE, reason="ARCHLAB_TESTS=whole runs it")


def repeated(whole: int) -> int:
    return whole if WHOLE else math.ceil(whole / 4)


def slack(share: float, repeats: int) -> float:
    """By how much a share found in fewer repeats may lie outside of the bounds that the whole keeps: two standard errors."""
    return 0.0 if WHOLE else 2 * math.sqrt(share * (1 - share) / repeats)
