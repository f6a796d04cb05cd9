"""The network of a stored run, exactly as it was trained."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch

import blocks
from archlab.architecture import Architecture, Network, build_model, from_canonical
from archlab.architecture.own_blocks import own_blocks_of
from archlab.foundation import UserError
from archlab.foundation.own_code import is_own
from archlab.runs.code import code_digest
from archlab.runs.run import Run
from archlab.runs.stored import DamagedRunError, read_weights

_log = logging.getLogger("archlab")


def network_of(run: Run, folder: Path, version: str) -> tuple[Network, Architecture]:
    """The network of the run in a folder with its weights, in evaluation mode and channels_last; and its architecture.

    The own blocks that the run carries are registered (`own_blocks_alone`).

    Args:
        version: Of the archlab that stored it, for messages.

    Raises:
        UserError: The blocks are not those of the training, or the weights are damaged or of another form.
    """
    for block in blocks_of(run.architecture):
        if block not in blocks.BLOCKS:
            raise UserError(
                f"run {run.key[:12]} names the block {block!r}, which neither archlab nor the run has",
                where=str(folder),
                name=block,
                known=blocks.BLOCKS,
            )
    architecture = from_canonical(run.architecture, run.model)
    _check_code(run, folder, version, architecture)
    with torch.random.fork_rng(devices=[]):  # layers initialise themselves first
        network = build_model(architecture, run.input, run.width)
    _fill(network, run, folder)
    return network.eval().to(memory_format=torch.channels_last), architecture  # type: ignore[call-overload]  # in torch


def blocks_of(architecture: dict[str, Any]) -> list[str]:
    """The names of the blocks of an architecture in its canonical form."""
    return [layer["block"] for layer in (*architecture["layers"], *architecture["head"].get("layers", ()))]


def _check_code(run: Run, folder: Path, version: str, architecture: Architecture) -> None:
    """Raises UserError where own blocks are not those of the training; says where archlab's code has changed since.

    Own blocks count with what they use of archlab: where that has changed too, they cannot be told apart. Nor can they
    where the recipe has code of its own, which runs do not carry.
    """
    shipped, _, own = code_digest(run.architecture, own_blocks_of(architecture)).partition("+")
    shipped_then, _, own_then = run.code.partition("+")
    if shipped != shipped_then:
        _log.warning(
            "warning: run %s was trained by archlab %s, whose blocks or training differ from those of this archlab: check "
            "what the network says before you rely on it",
            run.key[:12],
            version,
        )
    elif own != own_then and not _has_own_code(run.recipe):
        raise UserError(
            f"run {run.key[:12]} was trained with other own blocks than it carries, or that are imported here",
            where=str(folder),
        )


def _has_own_code(value: Any) -> bool:
    """Whether a canonical recipe, or a part of it, names code of a user's own."""
    if isinstance(value, dict):
        return any(map(_has_own_code, (*value, *value.values())))
    return any(map(_has_own_code, value)) if isinstance(value, list) else is_own(value)


def _fill(network: Network, run: Run, folder: Path) -> None:
    """Puts the stored weights into the network. Raises UserError where they are damaged or of another form."""
    from safetensors.torch import load

    try:
        weights = load(read_weights(folder))
    except DamagedRunError as damage:
        raise UserError(f"no whole run: {damage}", where=str(folder)) from None
    ours = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    for name, tensor in weights.items():
        if ours.get(name) == () and tensor.shape == (1,):  # a number, as runs were stored before
            weights[name] = tensor.reshape(())
    theirs = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    if ours != theirs:
        name = min(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
        network_form = f"{run.model or 'the network'} at width {run.width:g} has {ours.get(name, 'none')}"
        raise UserError(
            f"the weights are of another form: they have {theirs.get(name, 'none')} as {name}, {network_form}",
            where=str(folder),
        )
    network.load_state_dict(weights)
