"""What a search knows before its first trial: the references at its fidelity, the order of the datasets, and what the store
and earlier searches already say about designs of the space."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from archlab.foundation import UserError
from archlab.runs import Run, Store, list_runs
from archlab.runs.run import digest
from archlab.study.search.designs import Design, Designs
from archlab.study.search.rungs import Accuracies, Rungs, ordered
from archlab.study.search.sampling import distribution
from archlab.study.search.trials import DONE, Trials, experimental
from archlab.study.study import Study
from archlab.study.variables import Value, Variable

SPLIT = "validation"
MANY, FEW = 7, 4  # a suite of so many datasets is searched on so few


@dataclass(frozen=True)
class Basis:
    """What scores of a search refer to.

    Attributes:
        references: Accuracies of the references that are complete, by name.
        subset: Where the search looks at some datasets only, how well they stand for all: `left_out_r2`, `nested_r2`.
    """

    rungs: Rungs
    references: dict[str, Accuracies]
    subset: dict[str, float] | None = None

    @property
    def best(self) -> tuple[str, float]:
        """The best reference and its xScore."""
        scores = {name: self.score(accuracies) for name, accuracies in self.references.items()}
        name = max(scores, key=lambda each: scores[each])
        return name, scores[name]

    def score(self, accuracies: Accuracies) -> float:
        score = self.rungs.score(accuracies)
        assert score is not None
        return score.xscore


def reference_runs(designs: Designs) -> list[Run]:
    """Raises UserError where the study compares fewer than two architectures."""
    study = designs.study
    if len(study.compare) < 2:
        raise UserError("a search needs at least two architectures to compare: they span its frame", where=study.where)
    references = [designs.reference(architecture) for architecture in study.compare]
    return [designs.run(design, dataset) for design in references for dataset in study.suite.datasets]


def basis(designs: Designs, store: Store) -> Basis:
    """The frame, order and subset of what is stored of the references. Raises UserError where it is too little."""
    import pandas as pd

    from archlab.scoring import make_frame

    study = designs.study
    documents = [found for run in reference_runs(designs) if (found := store.get(run.key))]
    rows = [_row(document) for document in documents]
    table = pd.DataFrame(rows, columns=["model", "dataset", "seed", "value"])
    frame = (
        None if table.empty else make_frame(table, list(table["model"].unique()), SPLIT, datasets=study.suite.datasets)
    )
    if frame is None:
        raise UserError(
            "the references span no frame: two complete ones and two datasets that tell them apart are needed"
        )
    means = table.pivot_table(index="model", columns="dataset", values="value", sort=False).loc[list(frame.models)]
    seconds = {
        str(name): statistics.mean(each["seconds"] for each in documents if each["run"]["dataset"] == name)
        for name in means
    }
    frame, subset = reduced_frame(study, frame, means)
    references: dict[str, Accuracies] = {
        str(name): {str(dataset): float(value) for dataset, value in row.items()} for name, row in means.iterrows()
    }
    order = ordered(frame, list(references.values()), seconds, study.weight_of_variance)
    one_objective = study.search.objective == "xscore"
    rungs = Rungs(frame, order, study.weight_of_variance, study.search.keep if one_objective else 1.0)
    return Basis(rungs, references, subset)


def identity(designs: Designs) -> str:
    """Of everything that makes trials comparable: data, recipe, code, references and their widths, settings."""
    study, search = designs.study, designs.study.search
    settings = [
        search.seed,
        search.objective,
        search.keep,
        search.datasets,
        study.weight_of_variance,
        str(study.budget),
    ]
    return digest([[run.key for run in reference_runs(designs)], settings])[:8]


def open_search(storage: optuna.storages.BaseStorage, designs: Designs) -> optuna.Study:
    """The Optuna study of a search; a new one where the space has changed so that stored trials have no place in it."""
    name = f"{designs.study.name}-{identity(designs)}"
    two = designs.study.search.objective == "xscore_and_macs"
    directions: list[Literal["maximize", "minimize"]] = ["maximize", "minimize"] if two else ["maximize"]
    version = 1
    while True:
        this = name if version == 1 else f"{name}-{version}"
        study = optuna.create_study(study_name=this, storage=storage, directions=directions, load_if_exists=True)
        if all(_belongs(designs, trial) for trial in study.get_trials(deepcopy=False)):
            if study.metric_names is None:
                with experimental():
                    study.set_metric_names(["xscore", "macs"] if two else ["xscore"])
            return study
        version += 1


def warm_start(trials: Trials, designs: Designs, rungs: Rungs, store: Store) -> int:
    """Adds, once, what earlier searches and the store know about designs of the space; how many that were."""
    study = trials.study
    if study.user_attrs.get("begun"):
        return 0
    there = {trial.user_attrs.get("design") for trial in trials.all()}
    added = 0
    for design in _known(study, designs, store):
        if design.digest in there:
            continue
        there.add(design.digest)
        if trial := _stored(design, designs, rungs, store):
            study.add_trial(trial)
            added += 1
    study.set_user_attr("begun", True)
    return added


def facts(design: Design) -> dict[str, Any]:
    """What a trial says about its design."""
    return {
        "model": design.name,
        "design": design.digest,
        "width": design.width,
        "params": design.cost.params,
        "macs": design.cost.macs,
    }


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


def _row(document: dict[str, Any]) -> tuple[str, str, int, float]:
    run = document["run"]
    return run["model"], run["dataset"], run["seed"], document["metrics"][SPLIT]["accuracy"]


def reduced_frame(study: Study, frame: Any, means: Any) -> tuple[Any, dict[str, float] | None]:
    """The frame of the datasets that the search looks at."""
    import dataclasses

    from archlab.scoring import subsets

    size = study.search.datasets or (FEW if len(frame.datasets) >= MANY else len(frame.datasets))
    if size >= len(frame.datasets):
        return frame, None
    found = subsets(means, frame, size, study.weight_of_variance)
    spans = {name: span for name, span in frame.datasets.items() if name in found.chosen}
    judged = {"left_out_r2": float(found.rows["left_out_r2"].iloc[0]), "nested_r2": found.nested_r2}
    return dataclasses.replace(frame, datasets=spans), judged


def _belongs(designs: Designs, trial: FrozenTrial) -> bool:
    """Whether the space asks for a trial's values as they were asked for."""

    def ask(variable: Variable) -> Value:
        if trial.distributions.get(variable.name) != distribution(variable):
            raise LookupError
        return trial.params[variable.name]

    if trial.state not in DONE:
        return True
    try:
        return designs.sample(ask).digest == trial.user_attrs.get("design")
    except (LookupError, UserError):
        return False


def _known(study: optuna.Study, designs: Designs, store: Store) -> Iterator[Design]:
    """Designs of the space that earlier searches of this storage have tried, or that stored runs are called after."""
    names = [
        str(trial.user_attrs.get("model"))
        for other in optuna.get_all_study_names(study._storage)
        if other != study.study_name
        for trial in optuna.load_study(study_name=other, storage=study._storage).get_trials(deepcopy=False, states=DONE)
    ]
    wanted = {data.digest for data in designs.prepared.values()}
    rows = list_runs(store).table.select(["model", "dataset_digest", "seed", "code"]).to_pylist()
    names += [
        row["model"]
        for row in rows
        if row["dataset_digest"] in wanted and row["seed"] == designs.study.seeds[0] and row["code"] == designs.code
    ]
    for name in sorted(set(names)):
        if name.split("+")[0] in designs.study.bases:
            try:
                design = designs.named(written_values(designs.study, name))
            except UserError:
                continue
            if design:
                yield design


def _stored(design: Design, designs: Designs, rungs: Rungs, store: Store) -> FrozenTrial | None:
    """What the store knows about a design, as an ended trial; None where it lacks the first dataset."""
    attributes = {**facts(design), "known": True, "accuracies": {}, "runs": {}, "seconds": {}}
    reports: dict[int, float] = {}
    for dataset in rungs.order:
        run = designs.run(design, dataset)
        if (document := store.get(run.key)) is None:
            break
        attributes["accuracies"][dataset] = document["metrics"][SPLIT]["accuracy"]
        attributes["runs"][dataset], attributes["seconds"][dataset] = run.key, document["seconds"]
        reports[len(attributes["runs"])] = rungs.partial(attributes["accuracies"], len(attributes["runs"])) or 0.0
    if not reports:
        return None
    distributions: dict[str, Any] = {}

    def ask(variable: Variable) -> Value:
        distributions[variable.name] = distribution(variable)
        return design.values[variable.name]

    designs.sample(ask)
    score = rungs.score(attributes["accuracies"])
    two = designs.study.search.objective == "xscore_and_macs"
    if score is None:
        if two:
            return None
        values = [reports[max(reports)]]
    else:
        attributes |= {"xscore": score.xscore, "mean": score.mean, "variance": score.variance}
        values = [score.xscore, design.cost.macs] if two else [score.xscore]
    return create_trial(
        state=TrialState.COMPLETE if score else TrialState.PRUNED,
        values=values,
        params=dict(design.values),
        distributions=distributions,
        user_attrs=attributes,
        intermediate_values={} if two else reports,
    )


def _number(word: str) -> Value:
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word
