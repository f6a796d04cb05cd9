"""Libraries that exporting needs and archlab does not."""

from __future__ import annotations

from importlib.util import find_spec

from archlab.foundation import UserError

EXTRAS = {"onnx": ("onnx", "onnxscript", "onnxruntime")}


def require(extra: str) -> None:
    """Raises UserError where what an extra brings is not installed."""
    missing = [name for name in EXTRAS[extra] if find_spec(name) is None]
    if missing:
        raise UserError(f"this needs {' and '.join(missing)}: pip install 'archlab[{extra}]'")
