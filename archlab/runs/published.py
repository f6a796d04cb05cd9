"""Weights that timm and torchvision publish, trained on ImageNet, as the tensors of our networks.

That a network of theirs is one of ours is not taken on trust: with its weights ours must give the same outputs.
"""

from __future__ import annotations

import json
import logging
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import save

from archlab.architecture import Architecture, InputSpec, architecture, build_model, from_canonical, references
from archlab.architecture.pairing import DifferentNetworksError, largest_difference, pair
from archlab.data.entries import Normalisation
from archlab.foundation import UserError, note_read, write_file
from archlab.runs.downloading import UnreachableError, theirs_with_weights
from archlab.runs.store import Store

COUNTERPARTS = {
    "timm": {
        "convnext": "convnext_atto",
        "efficientnet": "efficientnet_b0",
        "fbnet": "fbnetc_100",
        "ghostnet": "ghostnetv3_100",
        "mobilenetv2": "mobilenetv2_100",
        "mobileone": "mobileone_s0",
        "mobilevit": "mobilevit_xs",
        "starnet": "starnet_s1",
        "tinynet": "tinynet_a",
    },
    "torchvision": {
        "efficientnet": "efficientnet_b0",
        "mobilenetv2": "mobilenet_v2",
        "shufflenetv2": "shufflenet_v2_x1_0",
    },
}
"""By package and reference, the model that it is there and that has published weights."""

CLASSES = 1000
TOLERANCE = 1e-6  # of the largest output

_log = logging.getLogger("archlab")


class Published(NamedTuple):
    """The SHA-256 of weights that the store has, and how images were normalised when they were trained."""

    digest: str
    normalisation: Normalisation


def published_weights(package: str, design: Architecture, width: float, store: Store, at: str | None) -> Published:
    """The weights of a network that a package publishes, from now on in the store.

    Raises UserError where there are none of this network, at this width, or where they cannot be had.
    """
    reference = _reference(package, design, at)
    if width != 1:
        raise UserError(
            f"init: the weights of {package} are of width 1, and {design.name} has width {width:g} here: "
            "`budget: none` in a study, or `archlab train --width 1`, keeps it as published",
            where=at,
        )
    if find_spec(package) is None:
        raise UserError(f"init: the weights of {package} need it: pip install 'archlab[{package}]'", where=at)
    theirs = COUNTERPARTS[package][reference]
    try:
        found = _converted(package, theirs, json.dumps(design.canonical()), store.home)
    except UnreachableError as error:
        raise UserError(f"init: the weights of {package}'s {theirs}: {error}", where=at) from None
    except DifferentNetworksError as error:
        raise UserError(f"init: {design.name} is not what {package} publishes as {theirs}: {error}", where=at) from None
    except OSError as error:
        raise UserError(f"init: weights cannot be kept in the store: {error.strerror}", where=at) from None
    note_read(store.given(found.digest))
    return found


@cache
def warn_of_normalisation(package: str, trained: Normalisation) -> None:
    """Says once how the images were normalised that weights were trained on."""
    _log.warning(
        "warning: weights of %s were trained with `normalisation: {mean: %s, std: %s}`, and the recipe has another",
        package,
        list(trained.mean),
        list(trained.std),
    )


def _reference(package: str, design: Architecture, at: str | None) -> str:
    """The reference that an architecture is or is a variant of. Raises UserError where the package has no weights of it."""
    base, known = design.name.partition("+")[0], COUNTERPARTS[package]
    if base not in references():
        base = next((name for name in known if architecture(name).digest() == design.digest()), base)
    if base in known:
        return base
    others = [f"`init: {other}` has" for other in COUNTERPARTS if base in COUNTERPARTS[other]]
    there = "; ".join([*others, f"{package} has them of {', '.join(known)}"])
    raise UserError(f"init: {package} has no weights of {base} as it is here; {there}", where=at)


@cache
def _converted(package: str, name: str, canonical: str, home: Path) -> Published:
    """Their weights as tensors of the network of a canonical form, in the store.

    Raises DifferentNetworksError where that is another network than theirs, UnreachableError where there are no weights.
    """
    design = from_canonical(json.loads(canonical), name)
    theirs, normalisation = theirs_with_weights(package, name)
    ours, theirs = build_model(design, InputSpec(CLASSES)).double().eval(), theirs.double().eval()
    generator = torch.Generator().manual_seed(0)
    side = design.resolution
    images = torch.randn(2, 3, side, side, dtype=torch.float64, generator=generator)
    with torch.no_grad():
        pair(ours, theirs, images[:1], TOLERANCE)
        difference = largest_difference([(ours(images), theirs(images))])
    if difference > TOLERANCE:
        raise DifferentNetworksError(f"outputs differ by {difference:.1e} of the largest")
    tensors = {
        key: (tensor.float() if tensor.is_floating_point() else tensor).contiguous()
        for key, tensor in ours.state_dict().items()
    }
    content = save(tensors, {"origin": f"{package} {name}"})
    digest = sha256(content).hexdigest()
    if not (kept := Store(home).given(digest)).is_file():
        write_file(kept, content)
    return Published(digest, normalisation)
