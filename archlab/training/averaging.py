"""An exponential moving average of a network's weights, which takes the place of the weights that are trained."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


def decay_at(decay: float, step: int) -> float:
    """Of the step that follows `step` others: it warms up, min(decay, (1 + step) / (10 + step)).

    As TensorFlow's `tf.train.ExponentialMovingAverage` with `num_updates`, so that the average of a short training forgets
    the weights that it began with.
    """
    return min(decay, (1 + step) / (10 + step))


class Average(AveragedModel):
    """The average over the steps of a training: of parameters, and of what normalisations have counted.

    After the first step it is the network as it is, then decay * average + (1 - decay) * network after each; whole numbers are
    the network's. `module` is the averaged network. The state says how many steps it has seen.
    """

    def __init__(self, network: nn.Module, decay: float):
        super().__init__(network)
        self.decay = decay

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """After a step of the network. torch's own sends the count to a GPU at every step, which waits for it."""
        step = int(self.n_averaged)
        moved, copied = list[tuple[Tensor, Tensor]](), list[tuple[Tensor, Tensor]]()
        for average, now in zip(_tensors_of(self.module), _tensors_of(model), strict=True):
            (moved if step and average.is_floating_point() else copied).append((average, now))
        if moved:
            torch._foreach_lerp_(*_lists_of(moved), 1 - decay_at(self.decay, step))
        if copied:
            torch._foreach_copy_(*_lists_of(copied))
        self.n_averaged += 1


def _tensors_of(network: nn.Module) -> Iterator[Tensor]:
    return chain(network.parameters(), network.buffers())


def _lists_of(pairs: list[tuple[Tensor, Tensor]]) -> tuple[list[Tensor], list[Tensor]]:
    return [average for average, _ in pairs], [now for _, now in pairs]
