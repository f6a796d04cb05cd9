"""The optimiser of a recipe, and the learning rate at every step."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from archlab.foundation import UserError
from archlab.foundation.own_code import own_code
from archlab.training.optimizers import OPTIMIZERS
from archlab.training.recipe import Recipe


def make_optimizer(model: nn.Module, recipe: Recipe, *, capturable: bool = False) -> torch.optim.Optimizer:
    """The recipe's, with weight decay on all parameters but those of one dimension (biases, normalisations, scales).

    `capturable`: for a CUDA graph, which reads the learning rate from a tensor on its device; archlab's own can. Raises
    UserError where the user's own is no optimiser.
    """
    decayed: list[nn.Parameter] = []
    spared: list[nn.Parameter] = []
    for parameter in model.parameters():
        (decayed if parameter.squeeze().ndim > 1 else spared).append(parameter)
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": spared, "weight_decay": 0.0}]
    lr = torch.tensor(recipe.lr, device=next(model.parameters()).device) if capturable else recipe.lr
    if isinstance(recipe.optimizer, str):
        return OPTIMIZERS[recipe.optimizer](groups, lr, momentum=recipe.momentum, capturable=capturable)
    ((reference, arguments),) = recipe.optimizer.items()
    own = own_code(reference)
    made = own(groups, lr, **arguments)
    if not isinstance(made, torch.optim.Optimizer):
        raise UserError(f"{reference.partition(':')[2]} makes no torch.optim.Optimizer", where=str(own.file))
    return made


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """The learning rate of all parameters, in place where it is a tensor."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(lr)
        else:
            group["lr"] = lr


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
