"""The language of architectures, and assembling modules from them."""

import inspect
import sys
import types
from typing import Any

from archlab.architecture.assemble import Network, build_model
from archlab.architecture.edits import apply_edit, apply_edits, check_edit
from archlab.architecture.free import forms, freedoms
from archlab.architecture.input_spec import SMALLEST_MAP, InputSpec
from archlab.architecture.layers import make_layer
from archlab.architecture.parse import architecture, references
from archlab.architecture.plan import Placed, place, published_strides
from archlab.architecture.selectors import feature_head, output_sizes, stages
from archlab.architecture.spec import Architecture, Layer, from_canonical

__all__ = [
    "SMALLEST_MAP",
    "Architecture",
    "InputSpec",
    "Layer",
    "Network",
    "Placed",
    "apply_edit",
    "apply_edits",
    "architecture",
    "build_model",
    "check_edit",
    "feature_head",
    "forms",
    "freedoms",
    "from_canonical",
    "make_layer",
    "output_sizes",
    "place",
    "published_strides",
    "references",
    "stages",
]


class _CallableRoom(types.ModuleType):
    """Lets `archlab.architecture("mobilenetv2")` work although this room has the same name as its main function."""

    __signature__ = inspect.signature(architecture)  # for notebooks to show and complete

    def __call__(self, *args: Any, **kwargs: Any) -> Architecture:
        return architecture(*args, **kwargs)

    __call__.__doc__ = architecture.__doc__


sys.modules[__name__].__class__ = _CallableRoom
