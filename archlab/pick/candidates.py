"""Who is tried on a dataset: the references and the designs that searches have found, fitted to the limits."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archlab.foundation import UserError
from archlab.pick.found import Found, found_designs
from archlab.pick.prior import Prior, prior, reference_names
from archlab.runs import Store
from archlab.study.latency import beyond, check_installed, networks_to_time, timed
from archlab.study.resolved import Model, ResolvedStudy

if TYPE_CHECKING:
    from archlab.architecture import Architecture
    from archlab.budget import Budget
    from archlab.study.design import Design, Designer
    from archlab.study.study import Study

NAME = "pick"
TIMED_TOGETHER = 3  # models, which take turns: a worker for each alone would take longer to start than to measure
NOT_TIMED = "was not timed: there was no time left for it"
Fits = Callable[[Sequence[str]], bool]


def always(names: Sequence[str]) -> bool:
    return True


@dataclass(frozen=True)
class Candidate:
    """A model that keeps the limits.

    Attributes:
        study: That of all candidates, its models in their order; its recipe reads no test images. `ResolvedStudy.run` of
            `model` on its dataset makes the runs.
        prior: None where nothing is known of it on other datasets.
        search: The search that found it; None of a reference.
        milliseconds: What it takes on this machine; None where latency is not limited.
        started_from: Where the weights come from that it starts from; None of one that starts anew.
    """

    study: ResolvedStudy
    model: Model
    prior: Prior | None
    search: str | None = None
    milliseconds: float | None = None
    started_from: str | None = None

    @property
    def name(self) -> str:
        return self.model.name


@dataclass(frozen=True)
class LeftOut:
    """A model that is not tried.

    Attributes:
        reason: In one phrase that follows the name.
        excess: How many times a limit its least need is; infinite where the limits are not why.
    """

    name: str
    reason: str
    excess: float = math.inf


class NobodyFitsError(UserError):
    """No model keeps the limits. `excess`: how many times a limit the nearest one's need is."""

    def __init__(self, message: str, excess: float):
        super().__init__(message)
        self.excess = excess


def candidates(
    store: Store,
    *,
    dataset: str,
    limits: Budget,
    recipe: str | dict[str, Any],
    say: Callable[[str], None] = lambda words: None,
    fits: Fits = always,
) -> tuple[list[Candidate], list[LeftOut]]:
    """The models that keep the limits on a dataset, best prior first, and those that do not, or cannot be read, and why.

    Each is as wide as the limits allow at the classes of the dataset. Of models that are one network then, the
    first counts. A latency is no limit that widths are fitted to: what is above it on this machine is left out, and what is not
    known yet is measured now, a few at a time by their prior, so nothing else should run.

    Args:
        dataset: One of the catalogue.
        limits: Widths are fitted to it whatever its `fit` says.
        recipe: As a study has it.
        fits: Whether there is time to measure the models of these names too; asked once one is known to keep the limits.

    Raises:
        UserError: The dataset or the recipe is wrong.
        NobodyFitsError: Nobody is left.
    """
    from archlab.study.design import Designer
    from archlab.study.settling import settle

    found = list(found_designs(store.home))
    designer = Designer(_study(store, dataset, limits, recipe, found), store.home)
    designs, unfit = _fitted(designer)
    priors = prior(store, dataset)
    searches = {each.name: each.search for each in found if each.name not in reference_names().values()}
    designs.sort(key=lambda each: -priors[each.name].score if each.name in priors else math.inf)
    study = settle(designer, designs, None)
    check_installed(study)
    milliseconds, slow = _timed(study, store, say, fits)
    left_out = [*(LeftOut(each.name, each.reason) for each in found if each.reason), *unfit, *slow]
    out, budget = {each.name for each in slow}, designer.study.budget
    left = [model.name for model in study.models if model.name not in out]
    say(f"within {budget}: {len(left)} of {len(left) + len(left_out)} models")
    if not left:
        raise _nobody(left_out, budget)
    study = _raced(study, left, searches)
    return [
        Candidate(study, model, priors.get(model.name), searches.get(model.name), milliseconds.get(model.name))
        for model in study.models
    ], left_out


def fixed_study(
    store: Store, dataset: str, limits: Budget, recipe: dict[str, Any], architecture: Architecture, width: float
) -> ResolvedStudy:
    """The study of one architecture at one width, whose runs read no test images; its model says whether it keeps the limits.

    Latency is not among these, see `time_of`. Raises UserError where it cannot be trained by the recipe.
    """
    from archlab.study.combination import Combination
    from archlab.study.design import Designer
    from archlab.study.settling import settle
    from archlab.study.trainable import check_design

    study = dataclasses.replace(
        _study(store, dataset, limits, recipe, []),
        compare=(architecture,),
        budget=dataclasses.replace(limits, fit="none"),
        width=width,
    )
    designer = Designer(study, store.home)
    design = designer.design(Combination({}, architecture))
    check_design(designer, design, study.recipe)
    return _raced(settle(designer, [design], None), [design.name], ())


def time_of(study: ResolvedStudy, store: Store) -> tuple[float | None, str | None]:
    """Milliseconds of the only model of a study, timed now where they are not known; and why it does not keep the latency, None
    where it does."""
    milliseconds, slow = _timed(study, store, lambda words: None, always)
    return milliseconds[study.models[0].name], slow[0].reason if slow else None


def _raced(study: ResolvedStudy, names: list[str], searches: Container[str]) -> ResolvedStudy:
    """The study of these models in their order, whose runs read no test images."""
    models = {model.name: model for model in study.models}
    return dataclasses.replace(
        study,
        models=[models[name] for name in names],
        frame=[name for name in names if name not in searches],
        recipes=[{**recipe, "test": False} for recipe in study.recipes],
    )


def _study(store: Store, dataset: str, limits: Budget, recipe: str | dict[str, Any], found: Iterable[Found]) -> Study:
    """The study that compares the references and what was found, on one dataset."""
    from archlab.study.loading import load_study

    study = load_study({"name": NAME, "compare": "references", "suite": [dataset], "recipe": recipe}, home=store.home)
    designs = [each.architecture for each in found if each.architecture]
    budget = dataclasses.replace(limits, fit="width")
    return dataclasses.replace(study, compare=(*study.compare, *designs), budget=budget)


def _fitted(designer: Designer) -> tuple[list[Design], list[LeftOut]]:
    """What the study compares, as wide as the budget allows, each network once; and what cannot be."""
    from archlab.architecture.writing import at_width
    from archlab.study.combination import Combination
    from archlab.study.trainable import check_design

    kept: dict[str, Design] = {}
    left_out, names = list[LeftOut](), dict[str, str]()
    for architecture in designer.study.compare:
        try:
            design = designer.design(Combination({}, architecture))
            check_design(designer, design, designer.study.recipe)
        except UserError as error:
            left_out.append(_unfit(designer, architecture, error))
            continue
        name = design.name
        same = names.setdefault(at_width(design.architecture, design.width, name).digest(), name)
        if same != name:
            left_out.append(LeftOut(name, f"is the same network as {same}"))
        elif kept.setdefault(name, design).digest != design.digest:
            left_out.append(LeftOut(name, "has the name of another design"))
    return list(kept.values()), left_out


def _unfit(designer: Designer, architecture: Architecture, error: UserError) -> LeftOut:
    from archlab.budget import count
    from archlab.budget.fit import STEPS

    budget = designer.study.budget
    try:
        least = count(architecture, designer.input, 1 / STEPS)
        excess = budget.share(least) or 0.0
    except UserError:  # it is no network of so few pixels, or nobody knows its memory
        return LeftOut(architecture.name, error.message)
    if excess <= 1:
        return LeftOut(architecture.name, error.message)
    return LeftOut(architecture.name, f"needs at least {budget.describe(least)}", excess)


def _timed(
    study: ResolvedStudy, store: Store, say: Callable[[str], None], fits: Fits
) -> tuple[dict[str, float | None], list[LeftOut]]:
    """What the models take, by name, where latency is limited; and those that take longer, cannot be measured, or were not."""
    milliseconds, left_out, is_one_kept = dict[str, float | None](), list[LeftOut](), False
    for at in range(0, len(study.models), TIMED_TOGETHER):
        few = dataclasses.replace(study, models=study.models[at : at + TIMED_TOGETHER])
        names = [model.name for model in few.models]
        if is_one_kept and networks_to_time(few, store) and not fits(names):
            left_out += [LeftOut(name, NOT_TIMED) for name in names]
        elif found := timed(few, store, announce=say):
            milliseconds |= found.milliseconds
            slow = [name for name in names if not found.allows(name)]
            left_out += [_too_slow(name, milliseconds[name], found.limit) for name in slow]
            is_one_kept |= len(slow) < len(names)
    return milliseconds, left_out


def _too_slow(name: str, milliseconds: float | None, limit: float) -> LeftOut:
    return LeftOut(name, beyond(milliseconds, limit), milliseconds / limit if milliseconds else math.inf)


def _nobody(left_out: list[LeftOut], budget: Budget) -> NobodyFitsError:
    nearest = min(left_out, key=lambda each: each.excess)
    which = f"{nearest.name}, the nearest to it," if math.isfinite(nearest.excess) else nearest.name
    return NobodyFitsError(f"no model keeps the budget of {budget}: {which} {nearest.reason}", nearest.excess)
