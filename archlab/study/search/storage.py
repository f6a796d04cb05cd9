"""The Optuna storage of a search: opening it, and finding the search in it or beginning it there."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Literal

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial

from archlab.foundation import UserError
from archlab.foundation.machine import cpu_name
from archlab.runs.run import digest
from archlab.study.search.basis import reference_runs
from archlab.study.search.designs import Designs
from archlab.study.search.sampler import distribution
from archlab.study.search.trials import experimental
from archlab.study.variables import Value, Variable

OPENINGS = 5


def open_storage(url: str | None, folder: Path) -> BaseStorage:
    """The storage at a URL, else a journal file in the folder. Raises UserError where it cannot be opened."""
    if url is None:
        folder.mkdir(parents=True, exist_ok=True)
        return JournalStorage(JournalFileBackend(str(folder / "journal.log")))
    if "://" not in url:
        return JournalStorage(JournalFileBackend(url))
    from sqlalchemy.exc import IntegrityError, ProgrammingError

    for patience in reversed(range(OPENINGS)):
        try:
            return RDBStorage(url)
        except ModuleNotFoundError as error:
            raise UserError(f"--storage {url.partition(':')[0]} needs the package {error.name}") from None
        except Exception as error:
            if patience and isinstance(error, (IntegrityError, ProgrammingError)):
                time.sleep(1)  # another process is creating the tables
                continue
            first = " ".join(str(error).split()).partition(" (Background on")[0]
            raise UserError(f"cannot open the storage: {first}") from None
    raise AssertionError


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
    """Of everything that makes trials comparable: data, recipe, code, references and their widths, settings."""
    study, search = designs.study, designs.study.search
    settings: list[Any] = [search.seed, search.objective, search.keep, search.datasets]
    settings += [study.weight_of_variance, study.metric, str(study.budget)]
    if search.sampler:
        settings.append([search.sampler.name, search.sampler.arguments])
    if search.second_objective == "latency_ms":
        settings.append(cpu_name())
    return digest([[run.key for run in reference_runs(designs)], settings])[:8]


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
