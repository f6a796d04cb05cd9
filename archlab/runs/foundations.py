"""What the recipe of a run stands on, out of the store: the teacher's network, and the weights that training starts from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load

from archlab.architecture import Architecture, InputSpec, Network, build_model, from_canonical
from archlab.architecture.own_blocks import own_blocks_alone
from archlab.data import is_prepared
from archlab.foundation import UserError, read_file
from archlab.runs.network import network_of
from archlab.runs.run import Run
from archlab.runs.store import Store
from archlab.runs.stored import DamagedRunError, read_model, read_weights
from archlab.training.recipe import Recipe
from archlab.training.resizing import check_sides
from archlab.training.starting import GivenWeights, misfit


@dataclass(frozen=True)
class Foundations:
    """`teacher` in evaluation mode, and `given`, for `archlab.training.loop.train`; None where the recipe has none."""

    teacher: Network | None = None
    given: GivenWeights | None = None


def foundations_of(run: Run, home: Path) -> Foundations:
    """What a run stands on. Raises UserError where it is no longer in the store, or no longer as it was."""
    distill, init, store = run.recipe.get("distill"), run.recipe.get("init"), Store(home)
    teacher = _teacher(distill["teacher"], run, store) if distill else None
    return Foundations(teacher, _given(init, run, store) if init else None)


def check_trainable(recipe: Recipe, design: Architecture, spec: InputSpec, width: float, home: Path) -> None:
    """Raises UserError where a network cannot be trained by a recipe that `settled_recipe` gave."""
    check_sides(design, spec, recipe.progressive)
    store = Store(home)
    if recipe.distill and recipe.progressive and isinstance(recipe.distill.teacher, dict):
        untrained = recipe.distill.teacher
        check_sides(from_canonical(untrained["architecture"], untrained["model"]), spec, recipe.progressive)
    elif recipe.distill and recipe.progressive:
        document, carried = _stored(str(recipe.distill.teacher), "the teacher", store)
        teacher = Run.from_document(document["run"])
        with own_blocks_alone(carried):
            check_sides(from_canonical(teacher.architecture, teacher.model), teacher.input, recipe.progressive)
    pretraining: Any = recipe.init and recipe.init.pretrain
    if pretraining:
        (_, stored, _), first = pretraining["data"], pretraining["recipe"]
        check_sides(design, replace(spec, resolution=first.get("pixels") or stored), first.get("progressive", 0.0))
    elif recipe.init:
        init = recipe.init
        with torch.device("meta"):
            network = build_model(design, spec, width)
        path = store.weights(init.run) if init.run else store.given(str(init.weights))
        if reason := misfit(network, _shapes(path)):
            raise UserError(f"{design.name}: init: {reason}", where=init.where)


def _teacher(key: str, run: Run, store: Store) -> Network:
    document, own_blocks = _stored(key, "the teacher", store)
    teacher = Run.from_document(document["run"])
    same = teacher.dataset_digest == run.dataset_digest or not is_prepared(run.dataset_digest)
    if not same or teacher.resolution != run.resolution:
        raise UserError(f"the teacher {key[:12]} was trained on other images than those of {run.dataset}")
    with own_blocks_alone(own_blocks):
        network, _ = network_of(teacher, store.directory(key), document["archlab"])
    return network.requires_grad_(False)


def _given(init: dict[str, Any], run: Run, store: Store) -> GivenWeights:
    if key := init.get("run"):
        document, _ = _stored(key, "the run to start from", store)
        try:
            tensors = load(read_weights(store.directory(key)))
        except DamagedRunError as damage:
            raise UserError(f"the run to start from, {key[:12]}, is damaged: {damage}") from None
        return GivenWeights(tensors, same_dataset=document["run"]["dataset_digest"] == run.dataset_digest)
    path = store.given(init["weights"])
    try:
        content = read_file(path)
    except OSError as error:
        raise UserError(f"the weights to start from cannot be read: {error.strerror}", where=str(path)) from None
    if sha256(content).hexdigest() != init["weights"]:
        raise UserError("the weights to start from are no longer as they were", where=str(path))
    return GivenWeights(load(content))


def _stored(key: str, what: str, store: Store) -> tuple[dict[str, Any], dict[str, str]]:
    """The document of a stored run, and the texts of its own blocks."""
    if key not in store:
        raise UserError(f"{what}, {key[:12]}, is not in the store {store.home}")
    try:
        return store.read(key), (read_model(store.directory(key)) or {}).get("own_blocks", {})
    except DamagedRunError as damage:
        raise UserError(f"{what}, {key[:12]}, is damaged: {damage}") from None


def _shapes(path: Path) -> dict[str, tuple[int, ...]]:
    try:
        with safe_open(path, framework="pt") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except Exception as error:  # whatever a file raises that is not as it was written
        raise UserError(f"the weights cannot be read: {error}", where=str(path)) from None
