"""Finding a search in a storage, or beginning it there."""

from __future__ import annotations

from typing import Any, Literal

import optuna
from optuna.trial import FrozenTrial

from archlab.foundation import UserError
from archlab.foundation.machine import cpu_name
from archlab.runs.run import digest
from archlab.study.search.beginning import reference_runs
from archlab.study.search.designs import Designs
from archlab.study.search.sampling import distribution
from archlab.study.search.second_objective import second_objective
from archlab.study.search.trials import experimental
from archlab.study.variables import Value, Variable


def identity(designs: Designs) -> str:
    """Of everything that makes trials comparable: data, recipe, code, references and their widths, settings."""
    study, search = designs.study, designs.study.search
    settings: list[Any] = [
        search.seed,
        search.objective,
        search.keep,
        search.datasets,
        study.weight_of_variance,
        str(study.budget),
    ]
    if second_objective(study) == "latency_ms":
        settings.append(cpu_name())
    return digest([[run.key for run in reference_runs(designs)], settings])[:8]


def open_search(storage: optuna.storages.BaseStorage, designs: Designs) -> optuna.Study:
    """The Optuna study of a search; a new one where the space has changed so that stored trials have no place in it."""
    name = f"{designs.study.name}-{identity(designs)}"
    second = second_objective(designs.study)
    directions: list[Literal["maximize", "minimize"]] = ["maximize", "minimize"] if second else ["maximize"]
    version = 1
    while True:
        this = name if version == 1 else f"{name}-{version}"
        study = optuna.create_study(study_name=this, storage=storage, directions=directions, load_if_exists=True)
        if all(_belongs(designs, trial) for trial in study.get_trials(deepcopy=False)):
            if study.metric_names is None:
                with experimental():
                    study.set_metric_names(["xscore", second] if second else ["xscore"])
            return study
        version += 1


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
