"""Libraries that exporting needs and archlab does not."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from importlib.util import find_spec

from archlab.foundation import UserError

EXTRAS = {
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "litert": ("litert_torch", "ai_edge_litert", "ai_edge_quantizer"),
    "executorch": ("executorch",),
    "microcontroller": ("ethosu", "tflite_micro"),
}


def missing(extra: str) -> list[str]:
    """What an extra brings and is not installed."""
    return [name for name in EXTRAS[extra] if find_spec(name) is None]


def require(extra: str, needed_by: str = "this", where: str | None = None) -> None:
    """Raises UserError where what an extra brings is not installed."""
    if names := missing(extra):
        raise UserError(f"{needed_by} needs {' and '.join(names)}: pip install 'archlab[{extra}]'", where=where)


@cache
def onnx_runtime_version() -> str:
    """Of whichever of its packages is installed: `onnxruntime-gpu` and others bring the same module."""
    try:
        return version("onnxruntime")
    except PackageNotFoundError:
        return version(packages_distributions()["onnxruntime"][0])
