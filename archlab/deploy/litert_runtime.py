"""LiteRT on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from archlab.deploy.agreement import batches
from archlab.deploy.quiet import silent


def run_litert(content: bytes, pixels: np.ndarray, seen: int | None = None) -> np.ndarray:
    """float32 (N, classes): what LiteRT makes of uint8 images, as many at once as `batches` has it; one at a time where the
    file takes no more."""
    found = []
    for interpreter in computed(content, pixels, batches(pixels, seen), threads=torch.get_num_threads()):
        (made,) = interpreter.get_output_details()
        found.append(dequantised(interpreter.get_tensor(made["index"]), made))
    return np.concatenate(found)


def computed(
    content: bytes, pixels: np.ndarray, rows: Iterator[slice], *, threads: int, keep_all: bool = False
) -> Iterator[Any]:
    """LiteRT's interpreter, after it has computed each of those rows of uint8 images (N, R, R, 3).

    Args:
        keep_all: Whether all feature maps can be read from it then, not the output alone.
    """
    interpreter = interpreter_of(content, threads=threads, keep_all=keep_all)
    (given,) = interpreter.get_input_details()
    if given["shape_signature"][0] != -1:
        rows = iter([slice(row, row + 1) for row in range(len(pixels))])
    size = 1
    for each in rows:
        images = pixels[each]
        with silent():
            if len(images) != size:
                size = len(images)
                interpreter.resize_tensor_input(given["index"], images.shape)
                interpreter.allocate_tensors()
            interpreter.set_tensor(given["index"], quantised(images, given))
            interpreter.invoke()
        yield interpreter


def same_in_batches(content: bytes, side: int) -> bool:
    """Whether a file that says that it takes any number of images does, and finds in several what it finds in each."""
    pixels = np.random.default_rng(0).integers(0, 256, (3, side, side, 3), dtype=np.uint8)
    try:
        together = run_litert(content, pixels)
    except (RuntimeError, ValueError):  # of shapes that do not fit
        return False
    alone = np.concatenate([run_litert(content, pixels[row : row + 1]) for row in range(len(pixels))])
    return together.shape == alone.shape and bool(np.allclose(together, alone, atol=1e-4))


def interpreter_of(content: bytes, *, threads: int, keep_all: bool = False) -> Any:
    """LiteRT, ready to run a file's content on the CPU on one image."""
    from ai_edge_litert.interpreter import Interpreter

    with silent():
        interpreter = Interpreter(
            model_content=content, num_threads=threads, experimental_preserve_all_tensors=keep_all
        )
        interpreter.allocate_tensors()
    return interpreter


def quantised(pixels: np.ndarray, tensor: dict[str, Any]) -> np.ndarray:
    """Raw pixels as a file's input takes them: uint8, or the same shifted to int8."""
    return (pixels.astype(np.int16) - 128).astype(np.int8) if tensor["dtype"] == np.int8 else pixels


def dequantised(values: np.ndarray, tensor: dict[str, Any]) -> np.ndarray:
    """float32 of what a file's output holds."""
    scale, zero = tensor["quantization"]
    return (values.astype(np.float32) - zero) * np.float32(scale) if scale else values
