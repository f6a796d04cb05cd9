"""Finding a search in its Optuna storage, or beginning it there."""

from __future__ import annotations

from functools import reduce
from typing import Any, Literal

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

from archlab.foundation import UserError
from archlab.foundation.machine import cpu_name
from archlab.foundation.metric import Metric
from archlab.foundation.own_code import own_code
from archlab.runs.named import settled_recipe
from archlab.runs.run import digest
from archlab.study.search.basis import reference_runs
from archlab.study.search.designs import Designs
from archlab.study.search.sampler import distribution
from archlab.study.search.trials import experimental
from archlab.study.variables import Value, Variable


def open_search(storage: BaseStorage, designs: Designs) -> optuna.Study:
    """The Optuna study of a search; a new one where the space has changed so that stored trials do not belong to it."""
    second = designs.study.search.second_objective
    metrics = ["xscore", second] if second else ["xscore"]
    directions: list[Literal["maximize", "minimize"]] = ["maximize", "minimize"] if second else ["maximize"]
    name, version = f"{designs.study.name}-{identity(designs)}", 1
    while True:
        study = optuna.create_study(
            study_name=name if version == 1 else f"{name}-{version}",
            storage=storage,
            directions=directions,
            load_if_exists=True,
        )
        if all(_belongs(designs, trial) for trial in study.get_trials(deepcopy=False)):
            if study.metric_names is None:
                with experimental():
                    study.set_metric_names(metrics)
            return study
        version += 1


def identity(designs: Designs) -> str:
    """Of everything that makes trials comparable: data, recipe, code, references and their widths, settings, forms."""
    study, search = designs.study, designs.study.search
    settings: list[Any] = [search.seed, search.objective, search.keep, search.datasets]
    settings += [study.weight_of_variance, _named(study.metric), str(study.budget)]
    if study.budget.second:
        settings.append(study.budget.second)
    if search.sampler:
        settings.append([search.sampler.name, search.sampler.arguments])
    if search.second_objective == "latency_ms" or study.budget.latency:
        settings.append([cpu_name(), "CPU time"])
    if treated := _treated(designs):
        settings.append(treated)
    return digest([[run.key for run in reference_runs(designs)], settings])[:8]


def _named(metric: Metric) -> str | list[Any]:
    """Of one of a file its text counts, wherever it lies."""
    if metric.own is None:
        return metric.name
    ((reference, arguments),) = metric.own.items()
    return [own_code(reference).canonical, arguments]


def _treated(designs: Designs) -> list[Any]:
    """What forms and exemptions make of the bases, where they name them: on a dataset the architecture and the recipe."""
    found: list[Any] = []
    for base in designs.study.bases.values():
        for dataset in designs.study.suite.datasets:
            names = designs.kin[dataset]
            recipe = settled_recipe(designs.recipe, base.name, dataset, designs.home)
            forms = [form for form in designs.study.forms if form.concerns(base.name, names)]
            if forms or recipe != settled_recipe(designs.recipe, "", dataset, designs.home):
                formed = reduce(lambda architecture, form: form.of(architecture), forms, base)
                found.append([base.name, dataset, formed.canonical(), recipe.canonical()])
    return found


def _belongs(designs: Designs, trial: FrozenTrial) -> bool:
    """Whether the space asks for a trial's values as they were asked for."""

    def ask(variable: Variable) -> Value:
        if trial.distributions.get(variable.name) != distribution(variable):
            raise LookupError
        return trial.params[variable.name]

    if "design" not in trial.user_attrs:  # its values are not all there
        return True
    try:
        return designs.sample(ask).digest == trial.user_attrs["design"]
    except (LookupError, UserError):
        return False
