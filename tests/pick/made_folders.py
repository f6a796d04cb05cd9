"""Folders of made-up images."""

import numpy as np
from PIL import Image


def picture(seed, size=(20, 16)):
    small = np.random.RandomState(seed).randint(0, 256, (5, 5, 3), dtype=np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


def fill(root, counts, seed=0):
    """{"cat": 3} writes three images, no two alike, into the folder cat."""
    for folder, count in counts.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            picture(seed).save(root / folder / f"{number:03}.png")
            seed += 1
    return root
