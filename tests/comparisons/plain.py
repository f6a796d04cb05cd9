"""Training as a short script would have it: eager, contiguous, a DataLoader with one transform an image.

What archlab's loop is held against, for speed (`python -m tests.comparisons study`) and for accuracy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from archlab.architecture import Architecture, InputSpec, build_model
from archlab.training.optimizer import Schedule
from archlab.training.recipe import Recipe


class Images(Dataset):
    """The images of a split, transformed one by one."""

    def __init__(self, prepared: Any, split: str, transform: Callable[[Tensor], Tensor]):
        self.images, self.labels = prepared.images(split), prepared.labels(split)
        self.transform = transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(torch.tensor(self.images[index]).permute(2, 0, 1)), int(self.labels[index])


def train_plainly(
    architecture: Architecture,
    prepared: Any,
    recipe: Recipe,
    seed: int,
    *,
    width: float = 1.0,
    on_epoch: Callable[[int], None] = lambda steps: None,
) -> float:
    """Test accuracy after training by a recipe of AdamW, shifts and flips; `on_epoch` is told the steps of each epoch."""
    torch.manual_seed(seed)
    model = build_model(architecture, InputSpec(prepared.num_classes, prepared.resolution), width)
    if recipe.zero_residual:
        for norm in model.residual_norms():
            torch.nn.init.zeros_(norm.get_parameter("weight"))
    decayed = [parameter for parameter in model.parameters() if parameter.squeeze().ndim > 1]
    spared = [parameter for parameter in model.parameters() if parameter.squeeze().ndim <= 1]
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": spared, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=recipe.lr)

    whole = [v2.ToDtype(torch.float32, scale=True), v2.Normalize(prepared.mean, prepared.std)]
    changes: list[Any] = [v2.RandomCrop(prepared.resolution, padding=recipe.augment.shift or None)]
    if recipe.augment.flip and prepared.entry.flip:
        changes.append(v2.RandomHorizontalFlip())
    training = Images(prepared, "train", v2.Compose(changes + whole))
    loader = DataLoader(training, batch_size=recipe.batch_size, shuffle=True, drop_last=True)
    epochs, steps = recipe.length(len(loader))
    schedule = Schedule(recipe, epochs, steps, len(loader))

    step, losses = 0, 0.0
    for _ in range(epochs):
        model.train()
        before = step
        for images, labels in loader:
            if step == steps:
                break
            for group in optimizer.param_groups:
                group["lr"] = schedule.lr(step)
            loss = F.cross_entropy(model(images), labels, label_smoothing=recipe.label_smoothing)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses += loss.item()
            step += 1
        on_epoch(step - before)

    model.eval()
    right = 0
    with torch.no_grad():
        for images, labels in DataLoader(Images(prepared, "test", v2.Compose(whole)), batch_size=256):
            right += int((model(images).argmax(1) == labels).sum())
    return right / len(prepared.labels("test"))
