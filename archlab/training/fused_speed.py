"""How much faster the steps of several networks are when they are fused, on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from archlab.training.fusing import fuse, is_exact
from archlab.training.graph import WARM_UP, GraphedStep
from archlab.training.mode import precision_of
from archlab.training.optimizer import make_optimizer
from archlab.training.recipe import Recipe
from archlab.training.replicas import losses_of, side_by_side

CHECKED_PIXELS = 32  # on a side at most, of the images that exactness is tested with
LAP = 1.0  # second that the fused steps of a lap take, about
MOST_STEPS = 10


def fused_ratios(
    build: Callable[[int], nn.Module],
    recipe: Recipe,
    replicas: int,
    *,
    classes: int,
    resolution: int,
    device: torch.device,
    laps: int,
    least: float = 0.0,
) -> list[float]:
    """Time of a step of each model by itself over that of all fused, by lap; both take turns.

    CPU time on a CPU, wall time on a GPU. Ends with the first lap below `least`. Empty where fusing would change more than
    the rounding of this model's training. `build` makes a model for images of so many pixels.
    """
    pixels = min(resolution, CHECKED_PIXELS)
    if not is_exact(lambda: build(pixels), pixels):
        return []
    one_by_one, together = both_steps(build, recipe, replicas, classes=classes, resolution=resolution, device=device)
    for _ in range(WARM_UP + 2 if device.type == "cuda" else 2):
        _seconds(one_by_one, 1, device)
        warm = _seconds(together, 1, device)
    steps = max(min(int(LAP / warm), MOST_STEPS), 1)
    found: list[float] = []
    while len(found) < laps and min(found, default=least) >= least:
        found.append(_seconds(one_by_one, steps, device) / _seconds(together, steps, device))
    return found


def both_steps(
    build: Callable[[int], nn.Module],
    recipe: Recipe,
    replicas: int,
    *,
    classes: int,
    resolution: int,
    device: torch.device,
) -> tuple[Callable[[], None], Callable[[], None]]:
    """A training step of each of several models, one after the other; and of the same, fused. On a batch that lies ready."""
    models = [build(resolution).to(device, memory_format=torch.channels_last).train() for _ in range(replicas)]  # type: ignore[call-overload]
    streams = [torch.Generator(device) for _ in models]
    fused = fuse(models, streams)
    shape = recipe.batch_size, 3, resolution, resolution
    batch = [
        (
            torch.randn(shape, device=device).contiguous(memory_format=torch.channels_last),
            torch.randint(classes, shape[:1], device=device),
        )
        for _ in models
    ]
    alone = [_step(model, recipe, [own], device) for model, own in zip(models, batch, strict=True)]
    together = _step(fused, recipe, batch, device, like=models[0], streams=streams)

    def one_by_one() -> None:
        for step in alone:
            step()

    return one_by_one, together


def _step(
    model: nn.Module,
    recipe: Recipe,
    batch: list[Any],
    device: torch.device,
    like: nn.Module | None = None,
    streams: Sequence[torch.Generator] = (),
) -> Callable[[], None]:
    graphed = device.type == "cuda"
    optimizer = make_optimizer(model, recipe, like=like, capturable=graphed)

    def step(images: Tensor, labels: Tensor) -> None:
        with precision_of(device):
            loss = losses_of(model, images, labels, recipe.label_smoothing).sum()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return partial(GraphedStep(step, device, streams) if graphed else step, *side_by_side(batch))


def _seconds(action: Callable[[], None], times: int, device: torch.device) -> float:
    clock = time.process_time
    if device.type == "cuda":
        clock = time.perf_counter
        torch.cuda.synchronize(device)
    began = clock()
    for _ in range(times):
        action()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return clock() - began
