"""Where a run is computed, and in which precision."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch

from archlab.foundation import UserError
from archlab.training.mode import execution_mode, precision_of, settle_device

CARD = torch.device("cuda")


@pytest.mark.parametrize(
    ("computes", "kind", "named"), [(True, torch.autocast, "bfloat16"), (False, nullcontext, "float32")]
)
def test_mixed_is_bfloat16_on_cards_that_compute_in_it(monkeypatch, computes, kind, named):
    """A T4 holds bfloat16, which torch calls supported, and has no convolutions in it."""
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation=True: computes or including_emulation
    )
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a card")
    assert isinstance(precision_of(CARD), kind) and isinstance(precision_of(CARD, "float32"), nullcontext)
    assert execution_mode(CARD, False, "mixed", graphed=False)["precision"] == named


def test_a_gpu_that_is_not_there_is_refused_and_never_taken_by_itself(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert settle_device("auto").type == settle_device("cpu").type == "cpu"
    with pytest.raises(UserError, match="there is no GPU that torch can use: --device cpu"):
        settle_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert settle_device("auto").type == settle_device("cuda").type == "cuda" and settle_device("cpu").type == "cpu"
