"""What a report is made of: a tidy table, and what is known about how it came about."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from archlab.foundation import UserError, check_file, is_file
from archlab.foundation.checksums import changed_files
from archlab.foundation.metric import METRICS, RENAMED, Metric
from archlab.report.provenance import prediction, provenance, spanning
from archlab.report.stored_runs import measured_on_boards, read_runs
from archlab.report.study_files import (
    SEARCH,
    course_of,
    finished_studies,
    folder_of,
    how_to_make_anew,
    own_scores_of,
    read_files,
    read_optional,
    rounds_of,
)
from archlab.report.tested import classes_of, kin_of, test_images_of
from archlab.report.training import as_trained
from archlab.report.untuned import read_untuned
from archlab.scoring import (
    ImageNoise,
    Matters,
    Rounds,
    architecture_elements,
    metric_of,
    published_elements,
    read_table,
    shipped_tables,
)

if TYPE_CHECKING:
    from archlab.data import ClassCounts

IMAGE_NOISE = "image_noise.npz"  # beside them where runs kept their class scores
SECONDS = "seconds.json"  # beside them: of one more seed of each model
LATENCIES = "latencies.json"  # beside them where latency was measured
INT8 = "int8.json"  # beside them where the study asks for that precision


@dataclass(frozen=True)
class Material:
    """One table of results and its facts; everything but the table may be missing.

    Args:
        name: Of the study or the file.
        table: Tidy: model, dataset, seed, split, metric, value.
        split: The split to score; None where the table has only one or none is stated.
        question: What the study asks.
        base: The model that variants are held against.
        references: The models that span the frame; None: all of them.
        lam: Weight of the variance.
        metric: What is scored.
        own_scores: By name, scores of the user's own by model, as they were when the study was scored.
        models: By model, what is known of it: role (`reference`, `variant`), kind, options (by choice), params and macs (as
            trained, and deployed), peak_memory, width, and whether it stands beside the scores.
        elements: Models x the elements of their architectures.
        failed: Runs that failed: model, dataset, seed, cause, attempts.
        runs: Finished runs: model, dataset, seed, key, seconds, and where and with what they ran.
        curves: Learning curves: model, dataset, seed, epoch, loss, validation_accuracy.
        provenance: Titles and texts that say where the numbers come from.
        seeds: Every seed that a complete model has; None: any.
        datasets: Every dataset that a complete model has; None: those of the table.
        matters: The least difference that matters.
        rounds, course: When it was looked at, of a study that went on until it was decided, and how it went, in words.
        seconds: By model, what one more seed of it took, where that is known.
        search: The document of the search that ended in this table.
        unseen, unseen_table: Gains as in the document of `archlab.scoring.Gains`; as `table`, of the datasets not seen.
        test_images: By dataset, the number of images it tests with, where known; classes: of which classes these are.
        trained: How the study trained its models, in words.
        kin: By dataset that the catalogue knows, all that it counts as, as `archlab.data.kin` gives it.
        origin: What the name that it was read by turned out to be, in words.
        doubts: What is not certain about it, in words.
        source: The file or folder that it was read from; None of a table that comes with archlab.
        home: Where the store of the runs is.
        images: The noise of the test images, where it is known.
        int8: Of each stored run model, dataset, seed, and what it is worth in int8, or the cause why that is not known.
        latencies: By model, for each hardware that it was measured on: hardware, median_ms, low_ms, high_ms, n.
        tuning: What was tuned before the study was trained, as `archlab.study.tuning.Tuned` has it.
        untuned: As `table`, of the runs of the study as it is without tuning, where all of them are stored.
        boards: What boards of the user's took, as `archlab.report.stored_runs.measured_on_boards` has it.
    """

    name: str
    table: pd.DataFrame
    split: str | None = None
    question: str | None = None
    base: str | None = None
    references: list[str] | None = None
    lam: float = 0.5
    metric: Metric = METRICS["accuracy"]
    own_scores: dict[str, pd.Series] = field(default_factory=dict)
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    elements: pd.DataFrame | None = None
    failed: list[dict[str, Any]] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    curves: pd.DataFrame | None = None
    provenance: dict[str, str] = field(default_factory=dict)
    seeds: list[int] | None = None
    datasets: list[str] | None = None
    matters: Matters = field(default_factory=Matters)
    rounds: Rounds | None = None
    course: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    search: dict[str, Any] | None = None
    unseen: dict[str, Any] | None = None
    unseen_table: pd.DataFrame | None = None
    test_images: dict[str, int] = field(default_factory=dict)
    classes: dict[str, ClassCounts] = field(default_factory=dict)
    trained: list[str] = field(default_factory=list)
    kin: dict[str, tuple[str, ...]] = field(default_factory=dict)
    origin: str = ""
    doubts: list[str] = field(default_factory=list)
    source: Path | None = None
    home: Path | None = None
    images: ImageNoise | None = None
    latencies: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    int8: list[dict[str, Any]] = field(default_factory=list)
    boards: list[dict[str, Any]] = field(default_factory=list)
    tuning: dict[str, Any] | None = None
    untuned: pd.DataFrame | None = None

    @property
    def scored(self) -> pd.DataFrame:
        """The table without the models that stand beside the scores."""
        beside = [name for name, model in self.models.items() if model.get("beside")]
        return self.table[~self.table["model"].isin(beside)]


def read_material(source: str, home: Path, metric: str | None = None, lower_is_better: bool = False) -> Material:
    """A finished study of `home` by name, the folder of one, a CSV or Parquet file, or a table that comes with archlab.

    Such a table is called `NAME.csv` too, for where a finished study has its name. `metric` and `lower_is_better` say what a
    file holds, as `metric_of` has them.

    Raises UserError where there is no such thing, naming the nearest, and where it is known to be of another metric.
    """
    if folder := folder_of(source, home):
        return _scored_by(_read_study(folder, home), metric, lower_is_better)
    if is_file(check_file(Path(source))):
        return _read_file(source, home, metric, lower_is_better)
    if source.removesuffix(".csv") in shipped_tables():
        return _scored_by(_published(source.removesuffix(".csv")), metric, lower_is_better)
    finished = finished_studies(home)
    if others := [name for name in finished if name.startswith(f"{source}+")]:
        raise UserError(f"{source} has not run as it is written; finished is {', '.join(others)}")
    known, empty = [*finished, *shipped_tables()], "" if home.is_dir() else f", and nothing is stored in {home} yet"
    raise UserError(
        f"there is no finished study or table {source!r}{empty}: `archlab ablate` makes one", name=source, known=known
    )


def _read_file(source: str, home: Path, metric: str | None, lower_is_better: bool) -> Material:
    held, doubts = metric_of(source, metric, lower_is_better=lower_is_better)
    table = read_table(source, metric=held)
    return Material(
        name=Path(source).stem,
        table=table,
        metric=held,
        provenance={"table": source},
        test_images=test_images_of(table["dataset"], home),
        classes=classes_of(table["dataset"], home),
        kin=kin_of(table["dataset"], home),
        origin=f"the file {source}",
        doubts=doubts,
        source=Path(source),
    )


def _scored_by(material: Material, metric: str | None, lower_is_better: bool) -> Material:
    """It. Raises UserError where it is scored by another metric."""
    if metric and RENAMED.get(metric, metric) != material.metric.name:
        raise UserError(f"--metric says what a table holds, and {material.name} is scored by {material.metric.name}")
    if lower_is_better and material.metric.higher_is_better:
        raise UserError(f"--lower-is-better: the {material.metric.words} of {material.name} is better when higher")
    return material


def read_standard(source: str, home: Path, metric: str | None = None, lower_is_better: bool = False) -> Material:
    """What others are held against: as `read_material`, but a table that comes with archlab goes before a finished study."""
    if source in shipped_tables():
        return _scored_by(_published(source), metric, lower_is_better)
    return read_material(source, home, metric, lower_is_better)


def namesake(source: str, home: Path) -> Path | None:
    """The folder of the finished study, or search, that has the name of a table that comes with archlab, if there is one."""
    return folder_of(source, home) if source in shipped_tables() else None


def _published(name: str) -> Material:
    known = published_elements(name)
    models = {str(model): {"params": row["params"] * 1e6, "macs": row["macs"] * 1e6} for model, row in known.iterrows()}
    return Material(
        name=name,
        table=read_table(name),
        question="Which of eleven small models stay accurate on data they were not designed for?",
        models=models,
        elements=known.assign(macs=known["macs"] * 1e6),
        origin="the published table that comes with archlab",
        provenance={
            "source": "Zhang, Ding, Liu: Beyond ImageNet, arXiv 2511.00335 (2025), and Algorithms 2026, 19(1), 14",
            "accuracies": "as published: one run a cell, test accuracy watched during training, no validation split",
            "budgets": "as run: 2.2 to 4.7 million parameters at ten classes, 220 to 4333 million multiply-accumulates",
        },
    )


def _read_study(folder: Path, home: Path) -> Material:
    """Raises UserError where the study's files are damaged, with the command that makes them anew, and where no run has ended
    well."""
    if damaged := changed_files(folder):
        raise UserError(f"is not what archlab wrote: {how_to_make_anew(folder, home)}", where=str(folder / damaged[0]))
    try:
        material = _material_of(folder, home)
    except UserError as error:
        raise UserError(f"{error.message}: {how_to_make_anew(folder, home)}", where=error.where) from None
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
        said = f"no results of a study can be read there ({type(error).__name__}: {error}): {how_to_make_anew(folder, home)}"
        raise UserError(said, where=str(folder)) from error
    if material.table.empty:
        raise UserError(f"no run of {material.name} has finished: there is nothing to report", where=str(folder))
    return replace(material, boards=measured_on_boards(material.runs, home))


def _material_of(folder: Path, home: Path) -> Material:
    study, found, table = read_files(folder)
    models = {
        model["name"]: {
            "role": model["role"],
            "kind": model["kind"],
            "options": model["options"] if model["kind"] in (None, *study.get("effects", [model["kind"]])) else {},
            "width": model["width"],
            **{name: model["cost"][name] for name in ("params", "macs")},
            **{name: model["cost"].get(name) for name in ("params_deployed", "macs_deployed", "peak_memory")},
            "beside": model["kind"] == "raw" and study["budget"]["fit"] == "width",
        }
        for model in study["models"]
    }
    elements = {
        model["name"]: architecture_elements(model["architecture"], model["cost"]["macs"], model.get("strides"))
        for model in study["models"]
    }
    runs, curves = read_runs(found["cells"], home)
    search, is_unseen = read_optional(folder / SEARCH), table["dataset"].isin(study.get("unseen", []))
    metric, seen = Metric.from_document(study.get("metric", "accuracy")), table[~is_unseen]
    return Material(
        name=study["name"],
        table=seen,
        split="test",
        question=study["question"],
        base=study["base"],
        references=spanning(study, seen),
        lam=study["weight_of_variance"],
        metric=metric,
        own_scores=own_scores_of(study, found),
        models=models,
        elements=pd.DataFrame.from_dict(elements, orient="index"),
        failed=found["failed"],
        runs=runs,
        curves=curves,
        provenance=provenance(study, runs) | prediction(folder),
        seeds=study["seeds"],
        datasets=list(study["datasets"]),
        matters=Matters(**study.get("matters", {})),
        rounds=rounds_of(study, found),
        course=course_of(found),
        seconds=read_optional(folder / SECONDS) or {},
        search=search,
        unseen=(search or found).get("unseen"),
        unseen_table=table[is_unseen] if is_unseen.any() else None,
        test_images=test_images_of(study["datasets"], home),
        classes=classes_of([*study["datasets"], *study.get("unseen", [])], home, found),
        trained=as_trained(study, home),
        kin=kin_of(study["datasets"], home),
        origin="a finished study",
        source=folder,
        home=home,
        images=ImageNoise.load(folder / IMAGE_NOISE) if (folder / IMAGE_NOISE).exists() else None,
        latencies=read_optional(folder / LATENCIES) or {},
        int8=read_optional(folder / INT8) or [],
        tuning=found.get("tuning"),
        untuned=read_untuned(folder, found, study["datasets"], metric, home),
    )
