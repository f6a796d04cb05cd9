"""Training from end to end: archlab's loop, and one made of timm's parts as its users train."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from archlab.bench.laps import Contender, Contest, Lap
from archlab.bench.material import cut, require_timm, write_folders
from archlab.bench.measured import Bench

DATASET, RESOLUTION, BATCH, STEPS = "textures", 32, 128, 6
RECIPE = {  # what timm's training script does when it is told nothing
    "resolution": 224,
    "batch_size": BATCH,
    "epochs": 10**6,
    "optimizer": "sgd",
    "lr": 0.05,
    "weight_decay": 2e-5,
    "label_smoothing": 0.1,
    "augment": {"crop": {}, "flip": True, "jitter": {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4}},
}
ARCHLAB, TIMM = "archlab.bench.training:with_archlab", "archlab.bench.training:with_timm"
AGAINST_TIMM = "timm, its defaults"
AGAINST_CHANNELS_LAST = "timm, channels_last"
ONE_THREAD = "timm, channels_last, one thread"
AGAINST_ALL = "timm, channels_last, one thread, same allocator"


def bench_train(home: Path, *, repeats: int, progress: Callable[[str], None]) -> Bench:
    """MobileNetV2 at 32 pixels, images per CPU second; both sides with the same model, strides, batch, augmentation.

    archlab trains in one thread, timm in as many as torch takes by itself, unless the name says otherwise.
    """
    require_timm()
    settings = {
        "model": "mobilenetv2",
        "resolution": RESOLUTION,
        "batch_size": BATCH,
        "images_a_portion": BATCH * STEPS,
    }
    bench = Bench("train", settings)
    bench.least = {AGAINST_TIMM: 2.5, AGAINST_CHANNELS_LAST: 1.5, AGAINST_ALL: 1.0}
    with tempfile.TemporaryDirectory() as folder:
        write_folders(cut(home, DATASET, RESOLUTION, BATCH * STEPS), Path(folder))
        plain, converted = {"folder": folder, "channels_last": False}, {"folder": folder, "channels_last": True}
        contenders = {
            "archlab": [Contender(ARCHLAB, {"home": str(home)})],
            AGAINST_TIMM: [Contender(TIMM, plain, threads=None, allocator=False)],
            AGAINST_CHANNELS_LAST: [Contender(TIMM, converted, threads=None, allocator=False)],
            ONE_THREAD: [Contender(TIMM, converted, allocator=False)],
            AGAINST_ALL: [Contender(TIMM, converted)],
        }
        bench.add(_rounds(contenders, repeats, progress), "cpu", "archlab")
    return bench


def bench_workers(home: Path, *, repeats: int, progress: Callable[[str], None]) -> Bench:
    """The quick recipe's training by two processes of one thread against one process of two threads, wall time."""
    settings = {"model": "mobilenetv2", "resolution": RESOLUTION, "batch_size": 16, "images_a_portion": 16 * 40}
    bench = Bench("workers", settings, least={"one worker of two threads": 1.25})
    arguments = {"home": str(home), "recipe": "quick", "steps": 40}
    contenders = {
        "two workers of one thread": [Contender(ARCHLAB, arguments), Contender(ARCHLAB, arguments)],
        "one worker of two threads": [Contender(ARCHLAB, arguments, threads=2)],
    }
    bench.add(_rounds(contenders, repeats, progress), "wall", "two workers of one thread")
    return bench


def _rounds(contenders: dict[str, list[Contender]], repeats: int, progress: Callable[[str], None]) -> list[dict]:
    rounds = []
    with Contest(contenders) as contest:
        for number in range(repeats):
            progress(f"round {number + 1} of {repeats}")
            rounds.append(contest.round())
    return rounds


def with_archlab(lap: Lap, *, home: str, recipe: str | None = None, steps: int = STEPS) -> None:
    """A contender: `archlab.training.train`, an epoch a portion."""
    from archlab.architecture import architecture
    from archlab.training import load_recipe
    from archlab.training.loop import train

    settings = load_recipe(recipe or RECIPE)
    settings = replace(settings, epochs=10**6, steps=None)
    images = cut(home, DATASET, RESOLUTION, settings.batch_size * steps)
    count = settings.batch_size * steps
    train(architecture("mobilenetv2"), images, settings, 0, on_epoch=lambda row: lap(count))


def with_timm(lap: Lap, *, folder: str, channels_last: bool) -> None:
    """A contender: timm's dataset, loader, optimiser, loss and schedule around archlab's model."""
    import torch
    from timm.data import create_dataset, create_loader
    from timm.loss import LabelSmoothingCrossEntropy
    from timm.optim import create_optimizer_v2
    from timm.scheduler import CosineLRScheduler
    from timm.utils import AverageMeter

    from archlab.architecture import architecture, build_model

    device = torch.device("cpu")
    dataset = create_dataset("", root=folder, split="train", is_training=True)
    loader = create_loader(
        dataset,
        input_size=(3, RESOLUTION, RESOLUTION),
        batch_size=BATCH,
        is_training=True,
        num_workers=4,
        color_jitter=0.4,
        interpolation="random",
        pin_memory=False,
        device=device,
    )
    model = build_model(architecture("mobilenetv2"), len(dataset.reader.class_to_idx), resolution=RESOLUTION)
    if channels_last:
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = create_optimizer_v2(model, opt="sgd", lr=0.05, weight_decay=2e-5, momentum=0.9)
    schedule, criterion, updates = CosineLRScheduler(optimizer, t_initial=300), LabelSmoothingCrossEntropy(0.1), 0
    for epoch in range(10**6):
        model.train()
        losses, images = AverageMeter(), 0
        for inputs, targets in loader:
            if channels_last:
                inputs = inputs.contiguous(memory_format=torch.channels_last)
            loss = criterion(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.update(loss.item(), inputs.size(0))
            updates += 1
            schedule.step_update(num_updates=updates)
            images += inputs.size(0)
        schedule.step(epoch + 1)
        lap(images)
