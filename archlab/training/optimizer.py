"""The optimiser of a recipe, and the learning rate at every step."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from archlab.architecture import Network
from archlab.foundation import UserError
from archlab.foundation.own_code import own_code
from archlab.training.optimizers import OPTIMIZERS
from archlab.training.recipe import Recipe


def make_optimizer(model: nn.Module, recipe: Recipe, *, capturable: bool = False) -> torch.optim.Optimizer:
    """The recipe's, with weight decay on all parameters but those of one dimension (biases, normalisations, scales).

    `capturable`: for a CUDA graph, which reads the learning rate from a tensor on its device; archlab's own can. Raises
    UserError where the user's own is no optimiser.
    """
    device = next(model.parameters()).device
    lr: Any = torch.tensor(recipe.lr, device=device) if capturable else recipe.lr
    if recipe.init is None or recipe.init.body == 1.0:
        groups = _decayed_and_spared(model.parameters(), recipe.weight_decay)
    else:
        assert isinstance(model, Network)
        classifier = set(model.classifier.parameters())
        body = [parameter for parameter in model.parameters() if parameter not in classifier]
        factor = {"factor": recipe.init.body, "lr": lr * recipe.init.body}
        groups = [{**group, **factor} for group in _decayed_and_spared(body, recipe.weight_decay)]
        groups += _decayed_and_spared(model.classifier.parameters(), recipe.weight_decay)
    if isinstance(recipe.optimizer, str):
        return OPTIMIZERS[recipe.optimizer](groups, lr, momentum=recipe.momentum, capturable=capturable)
    ((reference, arguments),) = recipe.optimizer.items()
    own = own_code(reference)
    made = own(groups, lr, **arguments)
    if not isinstance(made, torch.optim.Optimizer):
        raise UserError(f"{reference.partition(':')[2]} makes no torch.optim.Optimizer", where=str(own.file))
    return made


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """The learning rate of all parameters, times the factor of their group; in place where it is a tensor."""
    for group in optimizer.param_groups:
        rate = lr * group.get("factor", 1.0)
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def _decayed_and_spared(parameters: Iterable[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """Two groups: those with weight decay, and those of one dimension without."""
    decayed: list[nn.Parameter] = []
    spared: list[nn.Parameter] = []
    for parameter in parameters:
        (decayed if parameter.squeeze().ndim > 1 else spared).append(parameter)
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": spared, "weight_decay": 0.0}]


@dataclass(frozen=True)
class Schedule:
    """The learning rate of each step: a linear rise to the peak, then a cosine down to the final one, or the peak kept."""

    recipe: Recipe
    epochs: int
    steps: int
    steps_per_epoch: int

    def lr(self, step: int) -> float:
        """Of a step, counted from 0; it reaches the peak at the end of the warm-up and `final_lr` at the last step."""
        recipe = self.recipe
        done, whole = step + 1, self.steps
        if recipe.schedule_per == "epoch":
            done, whole = step // self.steps_per_epoch + 1, self.epochs
        warmup = recipe.warmup * whole
        if done < warmup:
            return recipe.lr * done / warmup
        if recipe.schedule == "constant":
            return recipe.lr
        cosine = math.cos(math.pi * (done - warmup) / max(whole - warmup, 1e-9))
        return recipe.final_lr + (recipe.lr - recipe.final_lr) * (1 + cosine) / 2
