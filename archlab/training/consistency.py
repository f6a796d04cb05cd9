"""Settings of a recipe that do not go together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from archlab.foundation import UserError, where
from archlab.training.tune import contradictions


def check_consistency(recipe: Any, what: str, documents: Iterable[dict[str, Any]], at: str | None = None) -> None:
    """Raises UserError where settings of a recipe contradict each other.

    Args:
        recipe: An `archlab.training.recipe.Recipe`.
        what: Names the recipe in messages.
        documents: The mappings that gave its settings, the last one first: the message has the line of the first that gave
            one of those that do not go together.
        at: FILE:LINE where none did.
    """
    for message, keys in _contradictions(recipe):
        lines = (where(document, key) for document in documents for key in keys if key in document)
        raise UserError(f"{what}{message}", where=next(lines, None) or at)


def _contradictions(recipe: Any) -> Iterable[tuple[str, tuple[str, ...]]]:
    """What is wrong, and the settings that it lies in."""
    if not (recipe.epochs or recipe.steps):
        yield " needs epochs, steps or both", ("epochs", "steps")
    if recipe.test_resize and not recipe.pixels:
        yield f": test_resize, {recipe.test_resize}, is nothing without pixels", ("test_resize", "pixels")
    elif recipe.test_resize and recipe.pixels and recipe.test_resize < recipe.pixels:
        yield f": test_resize, {recipe.test_resize}, is below pixels, {recipe.pixels}", ("test_resize", "pixels")
    if recipe.with_validation and recipe.weights != "last":
        told = " that trains with_validation can select nothing by it: weights must be last"
        yield told, ("weights", "with_validation")
    if recipe.with_validation and not recipe.test:
        told = " that trains with_validation and reads no test images is measured by nothing"
        yield told, ("test", "with_validation")
    if recipe.tune:
        yield from ((f": tune{told}", ("tune",)) for told in contradictions(recipe.tune))
    if doubled := {step for step in recipe.augment.order if recipe.augment.order.count(step) > 1}:
        yield f": augment: order has {', '.join(sorted(doubled))} more than once", ("augment",)
    if recipe.distill and recipe.distill.teacher is None:
        yield ": distill needs a teacher", ("distill",)
    if recipe.init and sum(map(bool, (recipe.init.weights, recipe.init.run, recipe.init.pretrain))) != 1:
        yield ": init takes one of weights, run and pretrain", ("init",)
    if recipe.lr < recipe.final_lr:
        yield f": final_lr, {recipe.final_lr:g}, is above lr, {recipe.lr:g}", ("final_lr", "lr")
