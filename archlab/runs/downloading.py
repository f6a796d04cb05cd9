"""The networks of other packages with their published weights, from where the packages keep them, else downloaded."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from torch import nn

from archlab.data.entries import Normalisation

SECONDS = 10  # without an answer
SAFE = "model.safetensors"


class UnreachableError(Exception):
    """Weights are neither on this machine nor to be had, or cannot be read; the message says where they belong."""


def theirs_with_weights(package: str, name: str) -> tuple[nn.Module, Normalisation]:
    """A package's model with its default weights, and how its images are normalised. Raises UnreachableError.

    Weights are read as safetensors, or by `torch.load` with `weights_only`: no file is run.
    """
    return {"timm": _of_timm, "torchvision": _of_torchvision}[package](name)


def is_at_hand(package: str, name: str) -> bool:
    """Whether a package's default weights of a model are on this machine, and the package too."""
    if find_spec(package) is None:
        return False
    return {"timm": _timm_has, "torchvision": _torchvision_has}[package](name)


def _timm_has(name: str) -> bool:
    import timm
    from huggingface_hub import try_to_load_from_cache

    config: Any = timm.get_pretrained_cfg(name)
    return isinstance(try_to_load_from_cache(config.hf_hub_id, SAFE), str)


def _torchvision_has(name: str) -> bool:
    from torchvision.models import get_model_weights

    return _torchvision_file(get_model_weights(name).DEFAULT).is_file()


def _torchvision_file(weights: Any) -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(weights.url).path).name


def _of_timm(name: str) -> tuple[nn.Module, Normalisation]:
    import timm
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
    from huggingface_hub.constants import HF_HUB_CACHE
    from huggingface_hub.errors import LocalEntryNotFoundError

    config: Any = timm.get_pretrained_cfg(name)
    with _told(f"{config.hf_hub_id} is not in {HF_HUB_CACHE} and cannot be downloaded"):
        try:
            file = hf_hub_download(config.hf_hub_id, SAFE, local_files_only=True)
        except LocalEntryNotFoundError:
            get_hf_file_metadata(
                hf_hub_url(config.hf_hub_id, SAFE), timeout=SECONDS
            )  # downloading tries again for minutes
            file = hf_hub_download(config.hf_hub_id, SAFE, etag_timeout=SECONDS)
    with _told(f"{file} cannot be read"):
        model = timm.create_model(name, pretrained=True, pretrained_cfg_overlay={"file": file})
    return model, Normalisation(tuple(config.mean), tuple(config.std))


def _of_torchvision(name: str) -> tuple[nn.Module, Normalisation]:
    from torchvision.models import get_model, get_model_weights

    weights = get_model_weights(name).DEFAULT
    file = _torchvision_file(weights)
    if not file.is_file():
        with _told(f"{file} is not there and cannot be downloaded"):
            file.parent.mkdir(parents=True, exist_ok=True)
            digits = file.stem.rpartition("-")[2]  # the first of the SHA-256
            torch.hub.download_url_to_file(weights.url, str(file), digits, progress=False)
    with _told(f"{file} cannot be read"):
        model = get_model(name)
        model.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    preset = weights.transforms()
    return model, Normalisation(tuple(preset.mean), tuple(preset.std))


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Says `what` where anything is raised, as UnreachableError; inside nothing waits longer than `SECONDS` for an answer."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SECONDS)
    try:
        yield
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UnreachableError(f"{what}: {reason}") from None
    finally:
        socket.setdefaulttimeout(before)
