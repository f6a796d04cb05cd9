"""A search in its Optuna storage: found there, or begun with what the store and earlier searches know of its designs."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import Any, Literal

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from archlab.foundation import UserError
from archlab.foundation.machine import cpu_name
from archlab.foundation.metric import Metric
from archlab.foundation.own_code import own_code
from archlab.runs import Store
from archlab.runs.index import list_runs
from archlab.runs.named import settled_recipe
from archlab.runs.run import digest
from archlab.study.latency import Stopwatch
from archlab.study.measuring import value_or_why
from archlab.study.search.basis import SPLIT, Basis, reference_runs
from archlab.study.search.designs import Design, Designs
from archlab.study.search.sampler import distribution
from archlab.study.search.trials import DONE, ORDER, Trials, experimental, facts, middle_facts
from archlab.study.study import Study
from archlab.study.variables import Value, Variable


def open_search(storage: BaseStorage, designs: Designs) -> optuna.Study:
    """The Optuna study of a search, begun where there is none."""
    second = designs.study.search.second_objective
    metrics = ["xscore", second] if second else ["xscore"]
    directions: list[Literal["maximize", "minimize"]] = ["maximize", "minimize"] if second else ["maximize"]
    name, _ = find_search(storage, designs)
    study = optuna.create_study(study_name=name, storage=storage, directions=directions, load_if_exists=True)
    if study.metric_names is None:
        with experimental():
            study.set_metric_names(metrics)
    return study


def find_search(storage: BaseStorage, designs: Designs) -> tuple[str, optuna.Study | None]:
    """What a search is called in the storage, and its Optuna study where it has begun; a new name where the space has changed
    so that stored trials do not belong to it."""
    begun = optuna.get_all_study_names(storage)
    name = first = f"{designs.study.name}-{identity(designs)}"
    version = 1
    while name in begun:
        study = optuna.load_study(study_name=name, storage=storage)
        if all(_belongs(designs, trial) for trial in study.get_trials(deepcopy=False)):
            return name, study
        version += 1
        name = f"{first}-{version}"
    return name, None


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


def warm_start(
    storage: BaseStorage,
    trials: Trials,
    designs: Designs,
    basis: Basis,
    store: Store,
    stopwatch: Stopwatch | None = None,
) -> int:
    """Adds, once, what earlier searches and the store know about designs of the space; how many that were."""
    study = trials.study
    if study.user_attrs.get("begun"):
        return 0
    added = 0
    for design in _known(storage, study, designs, store):
        trial = _stored(design, designs, basis, store, stopwatch)
        if trial and design.digest not in {other.user_attrs.get("design") for other in trials.all()}:
            study.add_trial(trial)
            added += 1
    study.set_user_attr("begun", True)
    return added


def written_values(study: Study, name: str) -> dict[str, Value]:
    """The values in a model's name, as `combination_name` writes them."""
    base, *parts = name.split("+")
    written = dict(part.split("=", 1) for part in parts if "=" in part)
    values: dict[str, Value] = {"base": base} if len(study.bases) > 1 else {}
    options = {choice.name: choice.variable for choice in study.choices if choice.variable}
    for short, word in written.items():
        choice, _, inside = short.partition(".")
        if inside and choice in options:
            short = f"{choice}.{written.get(choice, options[choice].first)}.{inside}"
        values[short] = _number(word)
    return values


def _known(storage: BaseStorage, study: optuna.Study, designs: Designs, store: Store) -> Iterator[Design]:
    """Designs of the space that earlier searches of this storage have tried, or that stored runs are called after.

    What has met a dataset that this search must not see, or was found by a search that saw it, is none of them.
    """
    unseen = set(designs.study.unseen)
    names, spoilt = list[str](), set[str]()
    for each in optuna.get_all_study_names(storage):
        if each != study.study_name:
            other = optuna.load_study(study_name=each, storage=storage)
            tried = [str(trial.user_attrs.get("model")) for trial in other.get_trials(deepcopy=False, states=DONE)]
            names += tried
            spoilt |= set() if unseen.isdisjoint(other.user_attrs.get(ORDER, ())) else set(tried)
    wanted = {data.digest for data in designs.prepared.values()}
    rows = list_runs(store).table.select(["model", "dataset", "dataset_digest", "seed"]).to_pylist()
    seed = designs.study.seeds[0]
    names += [row["model"] for row in rows if row["dataset_digest"] in wanted and row["seed"] == seed]
    spoilt |= {row["model"] for row in rows if row["dataset"] in unseen}
    for name in sorted(set(names) - spoilt):
        if name.split("+")[0] in designs.study.bases:
            try:
                design = designs.named(written_values(designs.study, name))
            except UserError:
                continue
            if design:
                yield design


def _stored(
    design: Design, designs: Designs, basis: Basis, store: Store, stopwatch: Stopwatch | None
) -> FrozenTrial | None:
    """What the store knows about a design, as an ended trial; None where it lacks the first dataset, or the design does not
    keep the budget."""
    attributes = {**facts(design), "known": True, "accuracies": {}, "runs": {}, "seconds": {}}
    reports: dict[int, float] = {}
    middle = basis.middle
    for rung, dataset in enumerate(basis.order, start=1):
        run = designs.run(design, dataset)
        document = store.get(run.key)
        value, _ = value_or_why(document, designs.study.metric, SPLIT, store)
        if document is None or value is None:
            break
        attributes["accuracies"][dataset] = value
        attributes["runs"][dataset], attributes["seconds"][dataset] = run.key, document["seconds"]
        if middle and middle.concerns(run):
            entry = document["history"][middle.epoch - 1]
            attributes["middle"] = middle_facts(entry)
            reports[0] = entry["validation_accuracy"]
        reports[rung] = basis.score_at(rung, attributes["accuracies"], None) or 0.0
    if not reports or (stopwatch and stopwatch.above(design)):
        return None
    distributions: dict[str, Any] = {}

    def ask(variable: Variable) -> Value:
        distributions[variable.name] = distribution(variable)
        return design.values[variable.name]

    designs.sample(ask)
    score = basis.score(attributes["accuracies"])
    second = designs.study.search.second_objective
    if score is None and second:
        return None
    if stopwatch and (latency := stopwatch(design)) is not None:
        attributes["latency_ms"] = latency
    if score is None:
        values = [reports[max(reports)]]
    else:
        attributes |= {"xscore": score.xscore, "mean": score.mean, "variance": score.variance}
        if second and second not in attributes:
            return None
        values = [score.xscore, attributes[second]] if second else [score.xscore]
    return create_trial(
        state=TrialState.COMPLETE if score else TrialState.PRUNED,
        values=values,
        params=dict(design.values),
        distributions=distributions,
        user_attrs=attributes,
        intermediate_values={} if second else reports,
    )


def _number(word: str) -> Value:
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word
