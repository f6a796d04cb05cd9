"""Whether a file computes what the network computes: on which images, and what counts as the same."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch

import archlab
from archlab.deploy.agreement import agreement, images_of


def test_of_many_images_those_that_are_held_against_each_other_are_spread_over_the_split():
    """They lie class by class."""
    labels = np.arange(2500)
    prepared = SimpleNamespace(
        labels=lambda split: labels, names=lambda split: [*map(str, labels)], images=lambda split: labels[:, None]
    )
    found = images_of(SimpleNamespace(test_data=lambda: prepared))
    assert len(found.labels) == 1000 and found.labels[[0, -1]].tolist() == [0, 2499]
    assert set(np.diff(found.labels)) == {2, 3}
    assert found.names == [str(label) for label in found.labels] and np.array_equal(found.pixels[:, 0], found.labels)


def test_a_file_that_gives_no_numbers_is_not_within_rounding(place):
    network = archlab.load(place.keys["gated"], store=place.home)
    images = images_of(network)
    found = network.probabilities(torch.from_numpy(images.pixels)).numpy()
    assert agreement(network, found, images).within_rounding
    found[::2] = np.nan
    told = agreement(network, found, images)
    assert not told.within_rounding and told.share < 0.999 and told.largest_difference == 1
    found[:] = np.nan
    assert agreement(network, found, images).same_class == 0, "not even where the class is the first"


def test_blocks_that_compute_in_single_precision_alone_are_compared_all_the_same(place):
    class Single(torch.nn.Module):
        def forward(self, x):
            return x @ torch.eye(x.shape[3])

    network = archlab.load(place.keys["gated"], store=place.home)
    network.layers.append(Single())
    images = images_of(network)
    told = agreement(network, network.probabilities(torch.from_numpy(images.pixels)).numpy(), images)
    assert told.same_class == told.images and told.largest_difference < 1e-6
