from __future__ import annotations

import pytest

import archlab
from archlab.architecture import InputSpec
from archlab.budget import count
from archlab.foundation import UserError


@pytest.mark.parametrize("gamma", [0, 1e-308])
def test_refuses_a_gamma_that_no_kernel_has(gamma):
    attention = {"eca": {"gamma": gamma}}
    design = archlab.architecture({"layers": [{"inverted_residual": {"out": 8, "channel_attention": attention}}]})
    with pytest.raises(UserError, match=r"inverted_residual: eca: gamma must be at least 0\.01"):
        count(design, InputSpec(4, 16))
