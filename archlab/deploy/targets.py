"""Boards without a board: what a network needs on targets that are not here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from archlab.budget import peak_elements
from archlab.deploy.agreement import images_of
from archlab.deploy.deployed import deployed
from archlab.deploy.estimate import Estimate
from archlab.deploy.exporting import CALIBRATION
from archlab.deploy.extras import missing, require
from archlab.deploy.loading import LoadedNetwork
from archlab.deploy.quiet import quiet
from archlab.deploy.tflm import TFLM, tflm_arena, tflm_words
from archlab.deploy.vela import NPUS, vela_estimate, vela_words
from archlab.foundation import UserError

TARGETS = (*NPUS, TFLM)
COMPARED = 8  # images on which TFLM is held against LiteRT


def check_installed(targets: Sequence[str]) -> None:
    """Raises UserError where what makes the file, or all that estimates, is not installed."""
    require("litert", "archlab device")
    absent = missing("microcontroller")
    if "ethosu" in absent or (absent and set(targets) == {TFLM}):  # tflite-micro is made for Linux on x86-64 alone
        require("microcontroller", "archlab device")


def counted(network: LoadedNetwork) -> tuple[int, int]:
    """Bytes at 8 bits a value, as `archlab.budget.Cost` has them in closed form: `peak_memory` and `flash`. Found by following
    the network itself, which needs no forms of a user's own blocks."""
    fused, side = deployed(network).network, network.run.resolution
    with quiet():
        peak = peak_elements(fused, torch.zeros(1, 3, side, side))
    return peak, sum(parameter.numel() for parameter in fused.parameters())


def int8_file(network: LoadedNetwork) -> bytes:
    """An int8 .tflite. How ranges were calibrated does not decide what it needs: without training images noise does.

    Raises UserError where the network cannot be exported.
    """
    from archlab.deploy.litert_export import float_content
    from archlab.deploy.litert_quantising import ways

    _, make = next(ways(float_content(network), images_of(network, "train", CALIBRATION).pixels))
    return make()


def estimates(network: LoadedNetwork, targets: Sequence[str]) -> Iterator[Estimate]:
    """One of each target as it is known; one that fails has its cause, and the others go on.

    Raises UserError where the network cannot be exported.
    """
    content, pixels = int8_file(network), images_of(network, most=COMPARED).pixels
    for target in targets:
        yield _estimate(content, pixels, target)


def _estimate(content: bytes, pixels: np.ndarray, target: str) -> Estimate:
    try:
        return tflm_arena(content, pixels) if target == TFLM else vela_estimate(content, target)
    except UserError as error:
        words = tflm_words() if target == TFLM else vela_words(target)
        return Estimate(target, words, cause=str(error))
