"""ONNX Runtime on the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from archlab.deploy.agreement import batches


def run_onnx(model: bytes, pixels: np.ndarray, seen: int | None = None) -> np.ndarray:
    """float32 (N, classes): what ONNX Runtime makes of uint8 images, as many at once as `batches` has it."""
    session = session_of(model, threads=torch.get_num_threads())
    (given,) = session.get_inputs()
    return np.concatenate([session.run(None, {given.name: pixels[rows]})[0] for rows in batches(pixels, seen)])


def session_of(model: bytes, *, threads: int) -> Any:
    """ONNX Runtime, ready to run a file's content on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
