"""An exponential moving average of a network's weights, which takes the place of the weights that are trained."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

Tensors = tuple[Tensor, ...] | list[Tensor]


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
        super().__init__(network, multi_avg_fn=self._move, use_buffers=True)
        self.decay = decay

    @torch.no_grad()
    def _move(self, averages: Tensors, now: Tensors, _: Tensor | int) -> None:
        """Tensors of one device and type."""
        if averages[0].is_floating_point():
            # the count stays on the CPU, so that no step waits for a GPU
            torch._foreach_lerp_(averages, now, 1 - decay_at(self.decay, int(self.n_averaged)))
        else:
            torch._foreach_copy_(averages, now)
