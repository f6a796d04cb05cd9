from __future__ import annotations

import pytest

import archlab
from archlab.architecture import InputSpec
from archlab.budget import count
from archlab.foundation import UserError


def test_refuses_a_gamma_that_no_kernel_has():
    attention = {"eca": {"gamma": 0}}
    design = archlab.architecture({"layers": [{"inverted_residual": {"out": 8, "channel_attention": attention}}]})
    with pytest.raises(UserError, match="inverted_residual: eca: gamma must be above 0"):
        count(design, InputSpec(4, 16))
