"""Training from end to end: archlab's loop, and one made of timm's parts as its users train."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from archlab.architecture import InputSpec, architecture, build_model
from archlab.bench.laps import Contender, Lap, rounds_of
from archlab.bench.material import cut
from archlab.bench.measured import Bench
from archlab.training.loop import train
from archlab.training.reading import load_recipe
from tests.comparisons.folders import write_folders

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
ARCHLAB, TIMM = f"{__name__}:with_archlab", f"{__name__}:with_timm"
AGAINST_TIMM = "timm, its defaults"
AGAINST_CHANNELS_LAST = "timm, channels_last"
ONE_THREAD = "timm, channels_last, one thread"
AGAINST_ALL = "timm, channels_last, one thread, same allocator"


def bench_train(home: Path, *, repeats: int, progress: Callable[[str], None]) -> Bench:
    """MobileNetV2 at 32 pixels, images per CPU second; both sides with the same model, strides, batch, augmentation.

    archlab trains in one thread, timm in as many as torch takes by itself, unless the name says otherwise.
    """
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
        bench.add(rounds_of(contenders, repeats, progress), "cpu", "archlab")
    return bench


def with_archlab(lap: Lap, *, home: str) -> None:
    """A contender: `archlab.training.loop.train`, an epoch a portion."""
    images = cut(home, DATASET, RESOLUTION, BATCH * STEPS)
    train(architecture("mobilenetv2"), images, load_recipe(RECIPE), 0, on_epoch=lambda row: lap(BATCH * STEPS))


def with_timm(lap: Lap, *, folder: str, channels_last: bool) -> None:
    """A contender: timm's dataset, loader, optimiser, loss and schedule around archlab's model."""
    import torch
    from timm.data import create_dataset, create_loader
    from timm.loss import LabelSmoothingCrossEntropy
    from timm.optim import create_optimizer_v2
    from timm.scheduler import CosineLRScheduler
    from timm.utils import AverageMeter

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
    model = build_model(architecture("mobilenetv2"), InputSpec(len(dataset.reader.class_to_idx), RESOLUTION))
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
