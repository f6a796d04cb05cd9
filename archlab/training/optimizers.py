"""The optimisers that recipes name. Torch is imported when one is made, so that recipes are read without it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch.optim import Optimizer

OWN = ("groups", "lr")  # what a user's own optimiser is given by position


def adamw(groups: list[dict[str, Any]], lr: Any, *, momentum: float, capturable: bool) -> Optimizer:
    from torch.optim import AdamW

    return AdamW(groups, lr=lr, fused=True, capturable=capturable)


def adam(groups: list[dict[str, Any]], lr: Any, *, momentum: float, capturable: bool) -> Optimizer:
    from torch.optim import Adam

    return Adam(groups, lr=lr, fused=True, capturable=capturable)


def sgd(groups: list[dict[str, Any]], lr: Any, *, momentum: float, capturable: bool) -> Optimizer:
    from torch.optim import SGD

    return SGD(groups, lr=lr, momentum=momentum, nesterov=momentum > 0, fused=True)


OPTIMIZERS = {"adamw": adamw, "adam": adam, "sgd": sgd}
