"""What a measurement of training needs."""

from __future__ import annotations

import pytest

from archlab.bench import bench_train, material
from archlab.foundation import UserError


def test_without_timm_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(material, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"archlab\[test\]"):
        bench_train(tmp_path, repeats=1, progress=print)
