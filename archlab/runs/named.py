"""From what a user writes of a recipe's foundations to what it means for good: whole keys of runs, digests of weights.

Everything that `teacher` and `init` can be written as is understood here, and nowhere else.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from archlab.architecture import Architecture, architecture, references
from archlab.architecture.own_blocks import own_blocks_of
from archlab.data import entry, kin
from archlab.data.prepared import DamagedDataError, Prepared, fitted, folder, open_current
from archlab.foundation import UserError, note_read, read_file, write_atomically
from archlab.runs.published import published_weights, warn_of_normalisation
from archlab.runs.run import Run
from archlab.runs.store import Store, is_key
from archlab.runs.stored import DamagedRunError
from archlab.training.foundations import PUBLISHERS, Distillation, Pretraining, Start
from archlab.training.reading import load_recipe
from archlab.training.recipe import Change, Recipe, own_files_of

SEEN = ("resolution", "stored", "fit", "pixels", "test_resize", "normalisation")
"""What a recipe says of the images that a network sees, which its teacher must see too."""
SAW_VALIDATION = "was trained on the validation images too, by which this run could be chosen"


def settled_recipe(
    recipe: Recipe,
    model: str,
    dataset: str,
    home: Path,
    changes: Iterable[Change] = (),
    network: tuple[Architecture, float] | None = None,
) -> Recipe:
    """The recipe of one run as `Recipe.of_run` gives it, its teacher and the weights that it starts from named for good.

    A file of weights is copied into the store. Raises UserError where they are not there, or not for this run.

    Args:
        network: Its architecture and width, which published weights depend on; without it, these stay named by their package.
    """
    settled = recipe.of_run(model, dataset, home, changes)
    if settled.distill:
        settled = dataclasses.replace(settled, distill=_named_teacher(recipe, settled, settled.distill, dataset, home))
    if settled.init and settled.init.weights in PUBLISHERS:
        return _from_published(settled, settled.init, dataset, home, network) if network else settled
    if settled.init:
        settled = dataclasses.replace(settled, init=_named_start(settled, settled.init, model, dataset, home))
    return settled


def stands_on_untrained(change: Change) -> bool:
    """Whether others are trained before a run of this recipe, or of one that is changed so."""
    distill, start = (
        (change.distill, change.init) if isinstance(change, Recipe) else map(change.get, ("distill", "init"))
    )
    return any(_entries(start, "pretrain")) or any(map(_is_untrained, _entries(distill, "teacher")))


def _entries(settings: Any, name: str) -> Iterator[Any]:
    """Of settings as they are written, or as they are read; of what is open, of each option."""
    if options := getattr(settings, "options", None):
        for option in options.values():
            yield from _entries(option, name)
    else:
        yield settings.get(name) if isinstance(settings, dict) else getattr(settings, name, None)


def _is_untrained(teacher: Any) -> bool:
    """Whether a teacher is a model, or one of those of several datasets or options is; as it is written, or settled."""
    inside = getattr(teacher, "options", teacher)
    if isinstance(inside, dict):
        return {"model", "architecture"} <= inside.keys() or any(map(_is_untrained, inside.values()))
    return isinstance(inside, str) and _is_model(inside)


def _named_teacher(
    whole: Recipe, recipe: Recipe, distill: Distillation, dataset: str, home: Path
) -> Distillation | None:
    """None where it would have no weight."""
    if not distill.weight:
        return None
    written, at = distill.teacher, distill.where
    if isinstance(written, dict):
        for name in written:
            entry(name, home, at)
        known = [name for name in kin(dataset, home) if name in written]
        if not known:
            raise UserError(f"distill: there is no teacher for {dataset}", where=at)
        written = written[known[0]]
    if not isinstance(written, str):
        told = "the first digits of a run's key, in quotes where they could be a number, or a model"
        raise UserError(f"distill: a teacher is {told}, not {written!r}", where=at)
    if _is_model(written):
        return dataclasses.replace(distill, teacher=_untrained_teacher(whole, recipe, written, dataset, home, at))
    if not re.fullmatch("[0-9a-fA-F]+", written):
        told = f"distill: the teacher {written!r} is neither the key of a run nor a reference nor a YAML file"
        raise UserError(told, where=at, name=written, known=references())
    teacher = _finished(written, "distill: the teacher", Store(home), at)
    if reason := _cannot_teach(teacher, recipe, dataset, home):
        raise UserError(f"distill: the teacher {teacher.key[:12]} {reason}", where=at)
    return dataclasses.replace(distill, teacher=teacher.key)


def _is_model(written: str) -> bool:
    return written in references() or Path(written).suffix in (".yaml", ".yml")


def _untrained_teacher(
    whole: Recipe, recipe: Recipe, written: str, dataset: str, home: Path, at: str | None
) -> dict[str, Any]:
    """A model that is trained first, as wide as it was published, by the study's recipe with its own exemptions: one teacher,
    whatever the options of a choice change for its students, but for what they see of the images."""
    design = architecture(written, at=at)
    seen = {name: getattr(recipe, name) for name in SEEN}
    own = dataclasses.replace(whole.of_run(design.name, dataset, home), distill=None, init=None, **seen)
    return {
        "model": design.name,
        "architecture": design.canonical(),
        "recipe": own.canonical(),
        "own_files": [*own_blocks_of(design), *own_files_of(own)],
    }


def _cannot_teach(teacher: Run, recipe: Recipe, dataset: str, home: Path) -> str | None:
    """Why a run cannot be the teacher on a dataset; None where it can."""
    described = entry(dataset, home)
    prepared, pixels = _prepared(recipe, dataset, home), recipe.pixels_of(described)
    same = prepared.digest == teacher.dataset_digest if prepared else teacher.dataset == dataset
    classes = prepared.num_classes if prepared else described.classes
    if not same and teacher.dataset != dataset:
        return f"was trained on {teacher.dataset}, not on {dataset}: `teacher: {{{dataset}: KEY}}` names one by dataset"
    if teacher.num_classes != classes:
        return f"knows {teacher.num_classes} classes, and {dataset} has {classes}"
    if teacher.resolution != pixels:
        return f"sees images of {teacher.resolution} pixels, and networks of this recipe {pixels} on {dataset}"
    if not same:
        return f"was trained on {dataset} as it was prepared otherwise, or before it changed"
    if _saw_validation(teacher, recipe):
        return SAW_VALIDATION
    if teacher.recipe.get("normalisation") != recipe.canonical().get("normalisation"):
        return "was trained with another normalisation"
    return None


def _prepared(recipe: Recipe, dataset: str, home: Path) -> Prepared | None:
    """The data of a run, where they are prepared."""
    described = entry(dataset, home)
    path = folder(home, dataset, recipe.stored_of(described), recipe.fit)
    with suppress(DamagedDataError):
        return open_current(fitted(described, recipe.fit), path)
    return None


def _from_published(
    recipe: Recipe, init: Start, dataset: str, home: Path, network: tuple[Architecture, float]
) -> Recipe:
    package = str(init.weights)
    published = published_weights(package, *network, Store(home), init.where)
    if (recipe.normalisation or entry(dataset, home).normalisation) != published.normalisation:
        warn_of_normalisation(package, published.normalisation)
    return dataclasses.replace(recipe, init=dataclasses.replace(init, weights=published.digest))


def _named_start(recipe: Recipe, init: Start, model: str, dataset: str, home: Path) -> Start:
    store, at = Store(home), init.where
    if init.pretrain:
        return dataclasses.replace(init, pretrain=_pretraining(init.pretrain, model, dataset, home, at))
    if init.run:
        run = _finished(init.run, "init: the run", store, at)
        if run.dataset != dataset and {run.dataset, *_kin(run.dataset, home)} & {*kin(dataset, home)}:
            told = f"was trained on {run.dataset}, among which test images of {dataset} may be"
            raise UserError(f"init: the run {run.key[:12]} {told}", where=at)
        if run.dataset == dataset and _saw_validation(run, recipe):
            raise UserError(f"init: the run {run.key[:12]} {SAW_VALIDATION}", where=at)
        return dataclasses.replace(init, run=run.key)
    assert init.weights
    if is_key(init.weights) and store.given(init.weights).is_file():
        return init
    return dataclasses.replace(init, weights=_kept(Path(init.weights), store, at))


def _saw_validation(run: Run, recipe: Recipe) -> bool:
    """Whether a run was trained on images by which one of this recipe could be chosen."""
    return bool(run.recipe.get("with_validation")) and not recipe.with_validation


def _kin(dataset: str, home: Path) -> tuple[str, ...]:
    """All that the dataset of a stored run counts as, where it is still in the catalogue."""
    try:
        return tuple(kin(dataset, home))
    except UserError:
        return ()


def _pretraining(pretraining: Pretraining, model: str, dataset: str, home: Path, at: str | None) -> Any:
    """A training that comes first, whole."""
    described = entry(pretraining.dataset, home, at)
    if shared := {*kin(pretraining.dataset, home)} & {*kin(dataset, home)}:
        raise UserError(
            f"init: {dataset} cannot be pretrained on {min(shared)}: its test images may be among them", where=at
        )
    recipe = pretraining.recipe if isinstance(pretraining.recipe, Recipe) else load_recipe(pretraining.recipe, at=at)
    settled = recipe.of_run(model, pretraining.dataset, home)
    if settled.init or settled.distill:
        raise UserError(f"init: the recipe of a pretraining, {recipe.name}, stands on nothing itself", where=at)
    if settled.tune:
        raise UserError(f"init: a pretraining is not tuned, as its recipe {recipe.name} says", where=at)
    return {
        "data": [pretraining.dataset, settled.stored_of(described), settled.fit],
        "recipe": settled.canonical(),
        "own_files": list(own_files_of(settled)),
    }


def _finished(prefix: str, what: str, store: Store, at: str | None) -> Run:
    """The one finished run whose key starts so, with all that makes a network of it. Raises UserError."""
    try:
        key = store.find(prefix)
    except UserError as error:
        waiting = store.unfinished.iterdir() if store.unfinished.is_dir() else ()
        if any(path.name.startswith(prefix.lower()) for path in waiting):
            raise UserError(f"{what} {prefix} has not finished", where=at) from None
        raise error.said_as(f"{what}: {error.message}", at) from None
    try:
        document = store.read(key)
    except DamagedRunError as damage:
        raise UserError(f"{what} {key[:12]} is damaged: {damage}", where=at) from None
    if not store.weights(key).is_file():
        raise UserError(f"{what} {key[:12]} has no weights", where=at)
    for path in (store.directory(key) / "result.json", store.weights(key)):
        note_read(path)
    return Run.from_document(document["run"])


def _kept(path: Path, store: Store, at: str | None) -> str:
    """The digest of a file of weights, of which the store has a copy from now on. Raises UserError."""
    if path.suffix != ".safetensors":
        raise UserError(
            f"init: weights is a safetensors file, not {path.name}: other files of weights can hold programs that run when "
            "they are read (safetensors.torch.save_file makes one of a state dict)",
            where=at,
            name=path.name,
            known=PUBLISHERS,
        )
    try:
        stat = path.stat()
        digest = _digest(path, stat.st_size, stat.st_mtime_ns)
        note_read(path)
        copy = store.given(digest)
        if not copy.is_file():
            with write_atomically(copy) as temporary:
                temporary.write_bytes(read_file(path))
        note_read(copy)
    except OSError as error:
        raise UserError(
            f"init: weights: {path} cannot be read, or kept in the store: {error.strerror}", where=at
        ) from None
    except ValueError as error:
        raise UserError(f"init: weights: {error}", where=at) from None
    return digest


@lru_cache(maxsize=16)
def _digest(path: Path, size: int, changed: int) -> str:
    """SHA-256 of a file of so many bytes, last changed so. Raises ValueError where it is no safetensors file."""
    from safetensors import SafetensorError, deserialize

    content = read_file(path)
    try:
        deserialize(content)
    except SafetensorError as error:
        raise ValueError(f"{path} is no safetensors file ({error})") from None
    return sha256(content).hexdigest()
