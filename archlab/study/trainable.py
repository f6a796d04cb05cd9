"""Whether the networks of a study can be trained by its recipe, before any is."""

from __future__ import annotations

from collections.abc import Iterable

from archlab.architecture import InputSpec
from archlab.data import entry
from archlab.foundation import UserError
from archlab.runs.foundations import check_trainable
from archlab.runs.named import settled_recipe
from archlab.study.design import Design, Designer
from archlab.study.grid import SettledCell, check_choices, settled_grid
from archlab.training.recipe import Recipe


def check_training(designer: Designer, designs: Iterable[Design]) -> None:
    """Raises UserError where designs cannot be trained or tuned as their study says. Files and packages of weights to start
    from are not opened."""
    study, seen = designer.study, list[SettledCell]()
    for design in designs:
        for dataset in study.datasets:
            recipe = recipe_of(designer, design, dataset, with_weights=False)
            if dataset in study.suite.datasets:
                seen.append((design.name, dataset, recipe))
    if study.tune:
        settled_grid(study.tune, seen, study.tune_where)


def recipe_of(designer: Designer, design: Design, dataset: str, *, with_weights: bool = True) -> Recipe:
    """What a design is trained with on one of the study's datasets.

    Args:
        with_weights: Whether weights that a file or a package gives are read, too.

    Raises:
        UserError: It cannot be trained so.
    """
    study = designer.study
    recipe = _settled(designer, design, dataset, study.recipe, with_weights=with_weights)
    if not recipe.test:
        raise UserError(
            f"the recipe {recipe.name} reads no test images, which studies score",
            where=study.recipe.where or study.where,
        )
    if dataset in study.suite.datasets:
        check_choices(study.tune, design.name, design.training, study.tune_where)
    return recipe


def check_design(designer: Designer, design: Design, recipe: Recipe) -> None:
    """Raises UserError where a design cannot be trained by a recipe on one of the study's datasets."""
    for dataset in designer.kin:
        _settled(designer, design, dataset, recipe)


def _settled(designer: Designer, design: Design, dataset: str, recipe: Recipe, *, with_weights: bool = True) -> Recipe:
    """Raises UserError where the design in its form on the dataset cannot be trained so."""
    form, home, changes = designer.on(dataset, design), designer.home, design.training
    if not with_weights and (start := recipe.of_run(design.name, dataset, home, changes).init) and start.weights:
        changes = (*changes, {"init": None})
    settled = settled_recipe(recipe, design.name, dataset, home, changes, (form.architecture, form.width))
    if settled.progressive or settled.init:
        described = entry(dataset, home)
        spec = InputSpec(described.classes, settled.pixels_of(described), designer.study.smallest_map)
        check_trainable(settled, form.architecture, spec, form.width, home)
    return settled
