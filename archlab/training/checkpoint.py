"""The state of a run between two epochs, in one safetensors file with JSON and a checksum in its header."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from archlab.foundation import write_atomically

FORMAT = 2

_log = logging.getLogger("archlab")


@dataclass
class Progress:
    """What a run has behind it. Random numbers are functions of the seed and the epoch, so that none are kept."""

    epoch: int = 0
    seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    best_accuracy: float = -1.0
    best_weights: dict[str, Tensor] | None = None


def weights_of(model: nn.Module) -> dict[str, Tensor]:
    """A copy of all parameters and buffers, in main memory and in plain memory order."""
    return {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in model.state_dict().items()}


def save_checkpoint(
    path: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
    fingerprint: str,
    average: nn.Module | None = None,
) -> None:
    """Writes the state of the run that `fingerprint` identifies; with the `average` of its weights where it has one."""
    tensors = {f"model.{name}": tensor for name, tensor in weights_of(model).items()}
    if average:
        tensors |= {f"average.{name}": tensor for name, tensor in weights_of(average).items()}
    numbers = {}  # that a user's own optimiser may keep beside tensors
    for index, state in optimizer.state_dict()["state"].items():
        for name, value in state.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer.{index}.{name}"] = value.detach().cpu().contiguous()
            else:
                numbers[f"{index}.{name}"] = value
    tensors |= {f"best.{name}": tensor for name, tensor in (progress.best_weights or {}).items()}
    document = {name: value for name, value in vars(progress).items() if name != "best_weights"}
    header = {"format": str(FORMAT), "fingerprint": fingerprint, "progress": json.dumps(document)}
    if numbers:
        header["numbers"] = json.dumps(numbers)
    header["checksum"] = _checksum(tensors, header)
    with write_atomically(path) as temporary:
        save_file(tensors, temporary, metadata=header)


def load_checkpoint(
    path: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    fingerprint: str,
    average: nn.Module | None = None,
) -> Progress | None:
    """Puts model, optimiser and average where they were. None where there is no checkpoint of this run.

    One that is not as it was written is set aside, which is logged: the run begins anew.
    """
    if not path.exists():
        return None
    try:
        header, tensors = _read(path)
    except Exception as error:  # a flipped bit can make a file raise anything
        aside = path.with_suffix(".damaged")
        path.replace(aside)
        _log.warning("warning: the checkpoint is damaged (%s) and set aside as %s: the run begins anew", error, aside)
        return None
    if header["format"] != str(FORMAT) or header["fingerprint"] != fingerprint:
        return None
    parts: dict[str, dict[str, Tensor]] = {"model": {}, "average": {}, "optimizer": {}, "best": {}}
    for name, tensor in tensors.items():
        part, _, rest = name.partition(".")
        parts[part][rest] = tensor
    model.load_state_dict(parts["model"])
    if average:
        average.load_state_dict(parts["average"])
    _load_optimizer(optimizer, parts["optimizer"] | json.loads(header.get("numbers", "{}")))
    return Progress(**json.loads(header["progress"]), best_weights=parts["best"] or None)


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """The header and the tensors of a checkpoint. Raises whatever a file raises that is not as it was written."""
    with safe_open(path, framework="pt") as file:
        header = file.metadata() or {}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if header.pop("checksum", None) != _checksum(tensors, header):
        raise ValueError("it does not have its checksum")
    return header, tensors


def _checksum(tensors: dict[str, Tensor], header: dict[str, str]) -> str:
    """SHA-256 over everything that a checkpoint says."""
    whole = sha256(json.dumps(header, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        whole.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        whole.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return whole.hexdigest()


def _load_optimizer(optimizer: torch.optim.Optimizer, values: dict[str, Any]) -> None:
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Any]] = {}
    for name, value in values.items():
        index, _, kind = name.partition(".")
        parameter = parameters[int(index)]
        if isinstance(value, Tensor) and value.shape == parameter.shape:
            value = torch.empty_like(parameter).copy_(value)  # fused optimisers want the memory order of the parameter
        state.setdefault(int(index), {})[kind] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
