"""Batches out of prepared data against torchvision's ImageFolder with the same transforms of every image."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from archlab.bench.laps import Contender, Lap, rounds_of
from archlab.bench.material import cut
from archlab.bench.measured import Bench
from tests.comparisons.folders import write_folders

DATASET, BATCH = "elpv", 128
IMAGES = {32: 1024, 64: 1024, 224: 256}  # of an ImageFolder portion, by resolution
EPOCHS = {32: 40, 64: 20, 224: 4}  # of a portion of ours, so that it takes long enough to be timed
LEAST = {32: 30.0, 64: 12.0, 224: 2.0}


def bench_data(home: Path, *, repeats: int, progress: Callable[[str], None]) -> Bench:
    """Shift by an eighth of the side, flip, normalise; images per CPU second, one thread, same allocator on both sides."""
    bench = Bench("data", {"dataset": DATASET, "batch_size": BATCH, "threads": 1, "transforms": "shift, flip"})
    for resolution, count in IMAGES.items():
        group = f"{resolution} px: "
        bench.least[f"{group}ImageFolder"] = LEAST[resolution]
        with tempfile.TemporaryDirectory() as folder:
            write_folders(cut(home, DATASET, resolution, count), Path(folder))
            ours, theirs = {"home": str(home), "resolution": resolution}, {"folder": folder, "resolution": resolution}
            contenders = {
                "archlab": [Contender(f"{__name__}:with_archlab", ours)],
                "ImageFolder": [Contender(f"{__name__}:with_image_folder", theirs)],
            }
            rounds = rounds_of(contenders, repeats, progress, f"{resolution} pixels, ")
        bench.add(rounds, "cpu", "archlab", group)
    return bench


def with_archlab(lap: Lap, *, home: str, resolution: int) -> None:
    """A contender: several epochs a portion."""
    from archlab.data.augment import Augment
    from archlab.data.batches import Batches

    images = cut(home, DATASET, resolution, IMAGES[resolution])
    batches = Batches(images, "train", batch_size=BATCH, augment=Augment(shift=resolution // 8, flip=True))
    epoch = 0
    while True:
        done = 0
        for _ in range(EPOCHS[resolution]):
            done += sum(len(labels) for _, labels in batches.epoch(epoch))
            epoch += 1
        lap(done)


def with_image_folder(lap: Lap, *, folder: str, resolution: int) -> None:
    """A contender: an epoch a portion, without loader processes, whose cost would come on top."""
    from torch.utils.data import DataLoader
    from torchvision import transforms as T
    from torchvision.datasets import ImageFolder

    transform = T.Compose(
        [
            T.RandomCrop(resolution, padding=resolution // 8),
            T.RandomHorizontalFlip(),
            T.ToTensor(),
            T.Normalize((0.5, 0.5, 0.5), (0.25, 0.25, 0.25)),
        ]
    )
    loader = DataLoader(ImageFolder(folder, transform), batch_size=BATCH, shuffle=True, drop_last=True)
    while True:
        lap(sum(len(labels) for _, labels in loader))
