"""The baseline without a network."""

from __future__ import annotations

from tests.training.baseline import pixel_baseline
from tests.training.stub import Made


def test_a_forest_finds_the_bright_quarter_in_large_images_too():
    scores = pixel_baseline(Made(train=200, side=96), trees=50)
    assert scores["extra_trees"]["test"] > 0.9 and scores["extra_trees_balanced"]["validation"] > 0.9
    assert 0.2 <= scores["majority"]["test"] <= 0.3
