"""Training the seeds of one model on one dataset as one network; see `archlab.training.fusing`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archlab.architecture import SMALLEST_MAP, Architecture
from archlab.data.batches import Batches
from archlab.training.checkpoint import Progress, load_checkpoint, save_checkpoint, weights_of
from archlab.training.evaluation import evaluate, evaluation_batches
from archlab.training.fusing import fuse, joined, taken_apart
from archlab.training.graph import GraphedStep
from archlab.training.loop import DivergenceError, Trained, dropout_seed, fingerprint_of, initial_model
from archlab.training.mode import execution_mode, peak_memory, precision_of, reproducible
from archlab.training.optimizer import Schedule, make_optimizer, set_lr
from archlab.training.recipe import Recipe

PER_REPLICA = ("loss", "validation_accuracy")  # lists in a row of the history


def train_replicas(
    architecture: Architecture,
    prepared: Any,
    recipe: Recipe,
    seeds: Sequence[int],
    *,
    width: float = 1.0,
    smallest_map: int | None = SMALLEST_MAP,
    device: str | torch.device = "cpu",
    deterministic: bool = False,
    checkpoint: Path | None = None,
    on_epoch: Callable[[dict[str, Any]], None] | None = None,
) -> list[Trained]:
    """What `train` gives for each seed, but for rounding: each has its own weights, order, augmentation and dropout.

    Arguments are those of `train`; in the rows of `on_epoch`, loss and validation_accuracy are lists. Every seed evaluates
    by itself. Seconds and peak memory are a seed's share.

    Raises:
        DivergenceError: The loss of one of them became infinite or not a number.
    """
    device, started = torch.device(device), time.perf_counter()
    with reproducible(device, deterministic):
        models = [initial_model(architecture, prepared, recipe, seed, width, smallest_map).to(device) for seed in seeds]
        streams = [torch.Generator(device) for _ in seeds]
        fused = fuse(models, streams)
        graphed = device.type == "cuda" and not deterministic
        optimizer = make_optimizer(fused, recipe, like=models[0], capturable=graphed)
        loss_sum = torch.zeros(len(seeds), device=device)

        def eager_step(images: Tensor, labels: Tensor) -> None:
            with precision_of(device):
                losses = losses_of(fused, images, labels, recipe.label_smoothing)
            losses.sum().backward()
            optimizer.step()
            optimizer.zero_grad()
            loss_sum.add_(losses.detach())

        take_step = GraphedStep(eager_step, device, streams) if graphed else eager_step

        batches = Batches(prepared, "train", batch_size=recipe.batch_size, augment=recipe.augment, device=device)
        own_batches = [batches.of_seed(seed) for seed in seeds]
        validation, test = (evaluation_batches(prepared, split, device) for split in ("validation", "test"))
        epochs, steps = recipe.length(len(batches))
        schedule = Schedule(recipe, epochs, steps, len(batches))

        progress = Progress()
        if checkpoint:
            seeds_and_more = [*seeds, width, smallest_map, device, "fused"]
            fingerprint = fingerprint_of(architecture, prepared, recipe, *seeds_and_more)
            progress = load_checkpoint(checkpoint, fused, optimizer, fingerprint) or progress
            taken_apart(fused, models)
        started -= progress.seconds

        for epoch in range(progress.epoch, epochs):
            for seed, stream in zip(seeds, streams, strict=True):
                stream.manual_seed(dropout_seed(seed, epoch))
            fused.train()
            loss_sum.zero_()
            first = epoch * len(batches)
            drawn = zip(*(each.epoch(epoch) for each in own_batches), strict=True)
            for step, batch in zip(range(first, steps), drawn, strict=False):
                set_lr(optimizer, schedule.lr(step))
                take_step(*side_by_side(batch))

            done = min(first + len(batches), steps)
            mean_losses = (loss_sum / (done - first)).tolist()
            if not all(map(math.isfinite, mean_losses)):
                raise DivergenceError(f"the losses are {mean_losses} in epoch {epoch + 1} of {epochs}")
            taken_apart(fused, models)
            accuracies = [evaluate(model, validation)["accuracy"] for model in models]
            if recipe.weights == "best_validation":
                _keep_best(progress, models, accuracies)
            progress.epoch, progress.seconds = epoch + 1, time.perf_counter() - started
            progress.history.append(
                {
                    "epoch": epoch + 1,
                    "steps": done,
                    "loss": mean_losses,
                    "validation_accuracy": accuracies,
                    "seconds": progress.seconds / len(seeds),
                }
            )
            if checkpoint:
                save_checkpoint(checkpoint, fused, optimizer, progress, fingerprint)
            if on_epoch:
                on_epoch(progress.history[-1])

        if progress.best_weights:
            fused.load_state_dict(progress.best_weights)
            taken_apart(fused, models)
        graph_taken = getattr(take_step, "graph", None) is not None
        mode = execution_mode(device, deterministic, graphed=graph_taken, replicas=len(seeds))
        metrics = [{"validation": evaluate(model, validation), "test": evaluate(model, test)} for model in models]
        return [
            Trained(
                metrics=metrics[replica],
                history=[row_of(row, replica) for row in progress.history],
                weights=weights_of(model),
                mode=mode,
                seconds=(time.perf_counter() - started) / len(seeds),
                peak_memory=peak_memory(device) // len(seeds),
            )
            for replica, model in enumerate(models)
        ]


def side_by_side(batch: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """The images (N, C, H, W) and labels (N,) of R replicas as (N, (R C), H, W) and (R, N)."""
    images, labels = zip(*batch, strict=True)
    return torch.cat(images, dim=1), torch.stack(labels)


def losses_of(fused: nn.Module, images: Tensor, labels: Tensor, label_smoothing: float) -> Tensor:
    """The loss of each replica, (R,), on its own images and labels, as `side_by_side` lays them."""
    logits = fused(images).chunk(len(labels), dim=1)
    losses = [F.cross_entropy(*own, label_smoothing=label_smoothing) for own in zip(logits, labels, strict=True)]
    return torch.stack(losses)


def row_of(row: dict[str, Any], replica: int) -> dict[str, Any]:
    """One replica's row of the history."""
    return {**row, **{name: row[name][replica] for name in PER_REPLICA}}


def _keep_best(progress: Progress, models: Sequence[nn.Module], accuracies: list[float]) -> None:
    """Replaces the best weights of the replicas that have never been as good as now."""
    best = [max((row["validation_accuracy"][r] for row in progress.history), default=-1.0) for r in range(len(models))]
    kept = {name: tensor.chunk(len(models)) for name, tensor in (progress.best_weights or {}).items()}
    now = [weights_of(model) for model in models]
    progress.best_weights = {
        name: joined(
            [
                now[r][name] if accuracies[r] > best[r] else kept[name][r].view_as(now[r][name])
                for r in range(len(models))
            ]
        )
        for name in now[0]
    }
