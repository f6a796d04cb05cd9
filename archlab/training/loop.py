"""Training one model on one dataset: one loop, from top to bottom."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archlab.architecture import SMALLEST_MAP, Architecture, InputSpec, Network, build_model
from archlab.data.augment import generator
from archlab.data.batches import Batches
from archlab.data.transforms import shrunk
from archlab.training.averaging import Average
from archlab.training.balance import balanced_cross_entropy, class_weights
from archlab.training.checkpoint import Progress, load_checkpoint, save_checkpoint, weights_of
from archlab.training.class_scores import ClassScores
from archlab.training.distillation import distilled
from archlab.training.evaluation import accuracy, evaluate, evaluated_splits, evaluation_batches
from archlab.training.graph import GraphedStep
from archlab.training.mode import execution_mode, peak_memory, precision_of, reproducible
from archlab.training.optimizer import Schedule, make_optimizer, set_lr
from archlab.training.pace import Pace
from archlab.training.recipe import Recipe
from archlab.training.resizing import side_at
from archlab.training.starting import GivenWeights, load_fitting


class DivergenceError(RuntimeError):
    """The loss is no longer a finite number."""


@dataclass(frozen=True)
class Trained:
    """What a run gives.

    Attributes:
        class_scores: By split, of `evaluated_splits`; `archlab.training.metrics` measures them.
        history: Of each epoch: epoch (from 1), steps so far, loss (mean of the steps, as trained),
            validation_accuracy (None where it was trained on), seconds.
        weights: Parameters and buffers by name; their average, where the recipe has one.
        mode: How it was computed; see `execution_mode`.
        seconds: Wall time, that before an interruption included.
        peak_memory: Bytes.
    """

    class_scores: dict[str, ClassScores]
    history: list[dict[str, Any]]
    weights: dict[str, Tensor]
    mode: dict[str, Any]
    seconds: float
    peak_memory: int


def train(
    architecture: Architecture,
    prepared: Any,
    recipe: Recipe,
    seed: int,
    *,
    width: float = 1.0,
    smallest_map: int | None = SMALLEST_MAP,
    device: str | torch.device = "cpu",
    deterministic: bool = False,
    teacher: nn.Module | None = None,
    given: GivenWeights | None = None,
    checkpoint: Path | None = None,
    on_epoch: Callable[[dict[str, Any]], None] | None = None,
) -> Trained:
    """Trains the architecture on a prepared dataset and reads its test split once, if at all.

    Args:
        recipe: Settled for this model and dataset.
        teacher: In evaluation mode, for a recipe that distils: normalised images as the model sees them to class scores.
        given: The weights that the recipe's `init` names.
        checkpoint: A file that is written after epochs, as often as takes little time, and continued from where it is there.
        on_epoch: Called with each epoch's entry of the history: an exception raised in it ends the run, which continues from
            there when it is started again.

    Raises:
        DivergenceError: The loss, or what the trained network gives, became infinite or not a number.
    """
    device, started = torch.device(device), time.perf_counter()
    with reproducible(device, deterministic):
        model = _initial_model(architecture, prepared, recipe, seed, width, smallest_map, given).to(device)
        average = Average(model, recipe.ema) if recipe.ema else None
        kept: nn.Module = average.module if average else model
        distill = recipe.distill if recipe.distill and recipe.distill.weight else None
        if distill:
            assert teacher, "the recipe distils"
            teacher.to(device)
        graphed = (
            device.type == "cuda" and not deterministic and isinstance(recipe.optimizer, str)
        )  # archlab's own can be
        optimizer = make_optimizer(model, recipe, capturable=graphed)
        loss_sum = torch.zeros((), device=device)
        batches = _training_batches(prepared, recipe, seed, device)
        weights = class_weights(batches.labels.cpu(), prepared.num_classes).to(device) if recipe.balance else None

        def eager_step(images: Tensor, labels: Tensor) -> None:
            with precision_of(device, recipe.precision):
                outputs = model(images)
                loss = _loss(outputs, labels, recipe, weights)
                if distill and teacher:
                    with torch.no_grad():
                        taught = teacher(images)
                    loss = distilled(loss, outputs, taught, distill)
            loss.backward()
            if recipe.clip:
                nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
            optimizer.step()
            optimizer.zero_grad()
            loss_sum.add_(loss.detach())

        take_step = GraphedStep(eager_step, device, recipe.batch_size) if graphed else eager_step

        splits = evaluated_splits(recipe)
        evaluated = {split: evaluation_batches(prepared, split, device, recipe.view) for split in splits}
        validation = evaluated.get("validation")
        epochs, steps = recipe.length(len(batches))
        schedule = Schedule(recipe, epochs, steps, len(batches))

        progress = Progress()
        pace = Pace()
        if checkpoint:
            exactly = deterministic and device.type == "cuda"
            fingerprint = _fingerprint_of(architecture, prepared, recipe, seed, width, smallest_map, device, exactly)
            progress = load_checkpoint(checkpoint, model, optimizer, fingerprint, average) or progress
        started -= progress.seconds

        for epoch in range(progress.epoch, epochs):
            torch.manual_seed(_dropout_seed(seed, epoch))
            model.train()
            loss_sum.zero_()
            first = epoch * len(batches)
            for step, (images, labels) in zip(range(first, steps), batches.epoch(epoch), strict=False):
                set_lr(optimizer, schedule.lr(step))
                side = side_at(step, steps, recipe.progressive, batches.pixels)
                take_step(shrunk(images, side), labels)
                if average:
                    average.update_parameters(model)

            done = min(first + len(batches), steps)
            mean_loss = float(loss_sum) / (done - first)
            if not math.isfinite(mean_loss):
                raise DivergenceError(f"the loss is {mean_loss} in epoch {epoch + 1} of {epochs}")
            right = accuracy(evaluate(kept, validation, recipe.precision), validation.labels) if validation else None
            if recipe.weights == "best_validation" and right is not None and right > progress.best_accuracy:
                progress.best_accuracy, progress.best_weights = right, weights_of(kept)
            progress.epoch, progress.seconds = epoch + 1, time.perf_counter() - started
            progress.history.append(
                {
                    "epoch": epoch + 1,
                    "steps": done,
                    "loss": mean_loss,
                    "validation_accuracy": right,
                    "seconds": progress.seconds,
                }
            )
            unsaved = checkpoint
            if checkpoint and pace.is_due:
                began, unsaved = time.monotonic(), None
                save_checkpoint(checkpoint, model, optimizer, progress, fingerprint, average)
                pace.written(began)
            try:
                if on_epoch:
                    on_epoch(progress.history[-1])
            except BaseException:
                if unsaved:
                    save_checkpoint(unsaved, model, optimizer, progress, fingerprint, average)
                raise

        if progress.best_weights:
            kept.load_state_dict(progress.best_weights)
        return Trained(
            class_scores={split: _class_scores(kept, each, recipe.precision) for split, each in evaluated.items()},
            history=progress.history,
            weights=weights_of(kept),
            mode=execution_mode(
                device, deterministic, recipe.precision, graphed=getattr(take_step, "graph", None) is not None
            ),
            seconds=time.perf_counter() - started,
            peak_memory=peak_memory(device),
        )


def _loss(outputs: Tensor, labels: Tensor, recipe: Recipe, weights: Tensor | None) -> Tensor:
    if weights is None:
        return F.cross_entropy(outputs, labels, label_smoothing=recipe.label_smoothing)
    return balanced_cross_entropy(outputs, labels, weights, recipe.label_smoothing)


def _class_scores(model: nn.Module, batches: Batches, precision: str) -> ClassScores:
    """Raises DivergenceError where the last step has left weights that are no finite numbers."""
    outputs = evaluate(model, batches, precision).cpu()
    if not torch.isfinite(outputs).all():
        raise DivergenceError("the trained network's outputs are no finite numbers")
    return ClassScores.of(outputs.numpy(), batches.labels.cpu().numpy())


def _initial_model(
    architecture: Architecture,
    prepared: Any,
    recipe: Recipe,
    seed: int,
    width: float,
    smallest_map: int | None,
    given: GivenWeights | None,
) -> Network:
    """The network of a run before its first step, on the CPU, in channels_last."""
    torch.manual_seed(seed)
    pixels = recipe.pixels or prepared.resolution
    model = build_model(architecture, InputSpec(prepared.num_classes, pixels, smallest_map), width)
    if recipe.zero_residual:
        for norm in model.residual_norms():
            if getattr(norm, "weight", None) is not None:  # a block may have no normalisation, or one without factors
                nn.init.zeros_(norm.weight)  # type: ignore[arg-type]
    if given:
        load_fitting(model, given)
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _training_batches(prepared: Any, recipe: Recipe, seed: int, device: torch.device) -> Batches:
    return Batches(
        prepared,
        *(("train", "validation") if recipe.with_validation else ("train",)),
        batch_size=recipe.batch_size,
        augment=recipe.augment,
        seed=seed,
        device=device,
        view=recipe.view,
        keep_incomplete=recipe.incomplete_batch == "kept",
    )


def _dropout_seed(seed: int, epoch: int) -> int:
    """Of what is drawn while an epoch's steps are computed."""
    return int(generator("dropout", seed, epoch).integers(2**32))  # torch keeps 32 bits on a CPU


def _fingerprint_of(architecture: Architecture, prepared: Any, recipe: Recipe, *others: Any) -> str:
    """Of everything that a checkpoint's numbers depend on."""
    parts = [architecture.digest(), prepared.digest, recipe.canonical(), torch.__version__, *map(str, others)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
