"""Whether the networks of a study can be trained by its recipe, before any is."""

from __future__ import annotations

from archlab.architecture import InputSpec
from archlab.data import entry
from archlab.runs.foundations import check_trainable
from archlab.runs.named import settled_recipe
from archlab.study.design import Design, Designer
from archlab.training.recipe import Recipe


def check_design(designer: Designer, design: Design, recipe: Recipe) -> None:
    """Raises UserError where a design cannot be trained by a recipe on one of the study's datasets."""
    for dataset in designer.kin:
        settled = settled_recipe(recipe, design.name, dataset, designer.home, design.training)
        if not (settled.progressive or settled.init):
            continue
        described, form = entry(dataset, designer.home), designer.on(dataset, design)
        spec = InputSpec(described.classes, settled.pixels_of(described), designer.study.smallest_map)
        check_trainable(settled, form.architecture, spec, form.width, designer.home)
