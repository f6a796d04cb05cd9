"""How a model is trained, as data."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from archlab.data import entry, kin
from archlab.data.augment import Augment
from archlab.data.batch_count import batches_of
from archlab.data.entries import Entry, Fit, Normalisation
from archlab.foundation import UserError, where
from archlab.foundation.own_code import own_code
from archlab.foundation.settings import Positive, Within, place, read_settings
from archlab.training import optimizers
from archlab.training.consistency import check_consistency
from archlab.training.exemption import Exemption
from archlab.training.foundations import Distillation, Start
from archlab.training.own_calls import OwnCall
from archlab.training.resizing import sides
from archlab.training.tune import Tune

if TYPE_CHECKING:
    from archlab.data.view import View

    OptimizerName = str
else:
    OptimizerName = Literal[tuple(optimizers.OPTIMIZERS)]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a model is trained.

    Attributes:
        resolution: Pixels on a side that images are prepared at, at most; a dataset of smaller images keeps its own.
        stored: Pixels on a side that images are prepared at instead, whatever the catalogue says.
        fit: How images become square when they are prepared: crop, stretch, or whole (stretched, with their shape kept so that
            crops and tests see them in it); None: as the catalogue says.
        pixels: On a side of what the network sees: images are enlarged or shrunk to it batch by batch, on the device. None: as
            they are prepared.
        test_resize: Pixels of the shorter side of a test image of which the middle `pixels` are seen; None: as many.
        normalisation: `{mean, std}` of red, green and blue, instead of the training images' or the catalogue's.
        batch_size: Images a step.
        incomplete_batch: What becomes of the images after an epoch's last whole batch: dropped, or kept as a smaller batch (a
            single image is dropped).
        with_validation: Trains on training and validation images together. Then nothing can be selected: the last epoch counts,
            the run has no validation scores, and no search takes such a recipe.
        precision: mixed is bfloat16, by autocast, where the device is a GPU that computes in it; else everything is float32.
        epochs, steps: Training ends at whichever comes first; one of them may be None.
        lr: Learning rate at its peak.
        final_lr: Learning rate of the last step, where the schedule is a cosine.
        warmup: Share of the training in which the learning rate rises, linearly.
        schedule_per: Whether the learning rate moves with every step or every epoch.
        weight_decay: Decoupled for adamw, else added to the gradient; never on parameters of one dimension.
        optimizer: The name of one of archlab's, or the user's own.
        momentum: Of sgd (with Nesterov).
        label_smoothing: Share of the target spread evenly over all classes.
        balance: Weighs images by the inverse frequency of their class, so that each class counts alike; see
            `archlab.training.balance`.
        clip: The largest norm of the gradient over all parameters (Pascanu et al. 2013, arXiv 1211.5063); 0: any.
        ema: Decay a step of an average of the weights, which counts in their place (`archlab.training.averaging`); 0: none.
        progressive: Share of the training in which images are smaller (`archlab.training.resizing`); tests see them whole.
        distill, init: A teacher, and weights to start from; see `archlab.training.foundations`.
        zero_residual: Starts the scale of the last normalisation of each residual branch at 0 (Goyal et al. 2017, arXiv
            1706.02677, section 5.1).
        weights: Which epoch's weights count.
        metrics: The user's own, beside archlab's; see `archlab.training.metrics`.
        test: Whether the test images are read in the end; the tries of `tune` never read them.
        tune: What a study tries for every model before it trains them, by validation images; no part of a run.
        exemptions: Applied in their order; those of the recipe that this one is `like` come first.
        where: FILE:LINE.
    """

    name: str = "unnamed"
    paper: str | None = None
    resolution: Positive
    stored: Positive | None = None
    fit: Fit | None = None
    pixels: Positive | None = None
    test_resize: Positive | None = None
    normalisation: Normalisation | None = None
    batch_size: Positive
    incomplete_batch: Literal["dropped", "kept"] = "dropped"
    with_validation: bool = False
    precision: Literal["mixed", "float32"] = "mixed"
    epochs: Annotated[int, Within(1)] | None = None
    steps: Annotated[int, Within(1)] | None = None
    optimizer: OwnCall | OptimizerName = "adamw"
    lr: Annotated[float, Within(0)]
    final_lr: Annotated[float, Within(0)] = 0.0
    warmup: Annotated[float, Within(0, 1)] = 0.0
    schedule: Literal["cosine", "constant"] = "cosine"
    schedule_per: Literal["step", "epoch"] = "step"
    weight_decay: Annotated[float, Within(0)] = 0.0
    momentum: Annotated[float, Within(0, 1)] = 0.9
    label_smoothing: Annotated[float, Within(0, 1)] = 0.0
    balance: bool = False
    clip: Annotated[float, Within(0)] = 0.0
    ema: Annotated[float, Within(0, 0.999999)] = 0.0
    progressive: Annotated[float, Within(0, 1)] = 0.0
    distill: Distillation | None = None
    init: Start | None = None
    zero_residual: bool = False
    augment: Augment = field(default_factory=Augment)
    weights: Literal["last", "best_validation"] = "last"
    metrics: tuple[OwnCall, ...] = ()
    test: bool = True
    tune: Tune | None = None
    exemptions: tuple[Exemption, ...] = ()
    where: str | None = place()

    def settled(self, model: str, dataset: str | Iterable[str], changes: Iterable[Change] = ()) -> Recipe:
        """The recipe of one run: the exemptions that concern it applied, in their order, then `changes`.

        Args:
            dataset: All that the run's dataset counts as, as `archlab.data.kin` gives it; or its name alone.
            changes: Settings, or another recipe, which takes the place of all that came before but metrics and tuning.

        Raises:
            UserError: Settings that do not go together once all are applied, at the line of the last that has one of them.
        """
        names = (dataset, dataset.partition("@")[0]) if isinstance(dataset, str) else tuple(dataset)
        recipe, applied = dataclasses.replace(self, exemptions=()), list[dict[str, Any]]()
        concerning = [exemption.set for exemption in self.exemptions if exemption.concerns(model, names)]
        for change in (*concerning, *changes):
            if isinstance(change, Recipe):
                kept = {name: getattr(recipe, name) for name in ("metrics", "test", "tune")}
                recipe = dataclasses.replace(change.settled(model, names), **kept)
            else:
                recipe = read_settings(Recipe, change, "a recipe", base=recipe)
                applied.insert(0, change)
        if applied:
            run = f"of {model} on {names[0]}" if model else f"on {names[0]}"
            check_consistency(recipe, f"the recipe {self.name} {run}", applied)
        return recipe

    def of_run(self, model: str, dataset: str, home: Path, changes: Iterable[Change] = ()) -> Recipe:
        """The recipe of one run, settled, with `stored` and `fit` as the dataset's catalogue entry leaves them.

        Raises UserError where settings do not go together, or with the dataset.
        """
        names, changes = kin(dataset, home), tuple(changes)
        described, settled = entry(dataset, home), self.settled(model, names, changes)
        pixels = settled.pixels_of(described)
        if settled.progressive and min(sides(pixels)) == pixels:
            told = f"the recipe {self.name} on {dataset}: progressive: {pixels} pixels cannot become fewer"
            raise UserError(told, where=self._line_of("progressive", model, names, changes))
        stored = settled.stored_of(described) if settled.pixels else settled.stored
        return dataclasses.replace(settled, stored=stored, fit=described.other(settled.fit))

    def _line_of(self, key: str, model: str, names: Iterable[str], changes: Iterable[Change]) -> str | None:
        """FILE:LINE of what gives a setting to a run."""
        concerning = [exemption.set for exemption in self.exemptions if exemption.concerns(model, names)]
        for change in reversed([*concerning, *changes]):
            if isinstance(change, Recipe):
                return change._line_of(key, model, names, ())
            if key in change:
                return where(change, key)
        return self.where

    def stored_of(self, described: Entry) -> int:
        """Pixels that the images of a dataset are prepared at."""
        return self.stored or min(self.resolution, described.resolution)

    def pixels_of(self, described: Entry) -> int:
        """Pixels that a network sees of a dataset."""
        return self.pixels or self.stored_of(described)

    def batches(self, images: int) -> int:
        """Batches of an epoch of so many images."""
        return batches_of(images, self.batch_size, self.incomplete_batch == "kept")

    def canonical(self) -> dict[str, Any]:
        """What decides a run's result, as plain JSON values that `load_recipe` reads back; of a settled recipe.

        Keys that came later, and those of own code, are there where they say something, so that there being such keys changes
        no other run.
        """
        if self.exemptions:
            raise ValueError(f"recipe {self.name} has exemptions: settle it for a model and a dataset first")
        values = _plain(self)
        deciding = {name: values[name] for name in values if name not in NOT_DECIDING}
        for name in LATER:
            if deciding[name] == DEFAULTS[name]:
                del deciding[name]
        for name in {"distill", "init"} & deciding.keys():
            said = deciding[name].items()
            deciding[name] = {key: value for key, value in said if key != "where" and value is not None}
        for name in ("own", "order", "cutmix_labels"):
            if deciding["augment"][name] == getattr(Augment, name, ()):
                del deciding["augment"][name]
        return json.loads(json.dumps(deciding))

    @property
    def view(self) -> View:
        """How a network sees the images."""
        from archlab.data.view import View  # with torch

        return View(self.pixels, self.test_resize, self.normalisation)

    def length(self, batches: int) -> tuple[int, int]:
        """Epochs and steps, for a training set of so many batches; the last epoch may be cut short."""
        limits = [self.steps, self.epochs and self.epochs * batches]
        steps = min(limit for limit in limits if limit)
        return -(-steps // batches), steps


def _plain(value: Any) -> Any:
    """The value without the classes that settings have, and the lines that they were read from."""
    if dataclasses.is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return (tuple if isinstance(value, tuple) else list)(map(_plain, value))
    return value


Change: TypeAlias = dict[str, Any] | Recipe
"""Other values for some keys of a recipe, or another recipe."""

NOT_DECIDING = ("name", "paper", "tune", "exemptions", "where")
LATER = (
    "stored",
    "fit",
    "pixels",
    "test_resize",
    "normalisation",
    "incomplete_batch",
    "with_validation",
    "precision",
    "balance",
    "metrics",
    "clip",
    "ema",
    "progressive",
    "distill",
    "init",
    "test",
)
DEFAULTS = {each.name: each.default for each in dataclasses.fields(Recipe)}


def own_files_of(recipe: Recipe) -> tuple[str, ...]:
    """The files of the users' own code that a settled recipe names; they are loaded."""
    calls = [*recipe.augment.own, *recipe.metrics]
    if isinstance(recipe.optimizer, dict):
        calls.append(recipe.optimizer)
    return tuple(sorted({str(own_code(reference).file) for call in calls for reference in call}))
