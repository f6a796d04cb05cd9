"""Made-up studies whose names are as long, as many and as ugly as one likes, with every plot that a report can have."""

import dataclasses

import numpy as np
import pandas as pd

from archlab.report import analyse
from archlab.report.by_class import ByClass
from archlab.report.material import Material

OPTIONS = (
    "+attention=se_late+activation=hard_swish+kernel=5+expand=4+shuffle=dropped+layout=isotropic+norm=frozen_batch_norm"
)


def names(length, count, *, breaks=True, base="shufflenetv2"):
    """Names of a length, that differ at their ends; without a place to break them if not `breaks`."""
    stem = (base + OPTIONS * 2) if breaks else base + "x" * length
    ends = [f"{at:02d}" if length <= 10 else f"{'=' if breaks else ''}{at:02d}" for at in range(count)]
    return [f"{stem[: length - len(end)]}{end}" for end in ends]


def named_study(models, datasets, *, seeds=2, noise=0.01, epochs=3):
    """A few references, of which the first is the base, and variants of it."""
    rng = np.random.default_rng(3)
    known, rows, curves, runs = {}, [], [], []
    references = models[: max(2, len(models) // 4)]
    for at, model in enumerate(models):
        role = "reference" if model in references else "variant"
        options = {"kind": model} if role == "variant" else {"kind": "none"} if at == 0 else {}
        known[model] = {"role": role, "kind": "equal_budget" if role == "variant" else None, "options": options}
        known[model] |= {"params": 2_400_000 + 9_000 * at, "macs": 1_000_000 * (60 + 37 * at % 500), "width": 1.0}
        for dataset in datasets:
            expected = rng.uniform(0.4, 0.9)
            for seed in range(seeds):
                value = expected + rng.normal(0, noise)
                rows += [(model, dataset, seed, split, "accuracy", value) for split in ("validation", "test")]
                curves += [
                    (model, dataset, seed, epoch, 60 * epoch, value * epoch / epochs) for epoch in range(1, epochs + 1)
                ]
                facts = {"hardware": "Made-up CPU", "device": "cpu", "precision": "float32", "threads": 1, "torch": "2"}
                cell = {"model": model, "dataset": dataset, "seed": seed, "accuracy": value, "seconds": 11.0 + at}
                runs.append(cell | facts | {"key": f"{len(runs):064x}", "finished": "2026-01-01", "data": dataset})
    latency = {"median_ms": 2.0, "low_ms": 1.8, "high_ms": 2.4, "n": 30, "hardware": "Made-up CPU"}
    latencies = {model: [latency | {"median_ms": 2.0 + at, "high_ms": 2.4 + at}] for at, model in enumerate(models)}
    columns = ["model", "dataset", "seed", "epoch", "steps", "validation_accuracy"]
    return Material(
        name="named",
        table=pd.DataFrame(rows, columns=["model", "dataset", "seed", "split", "metric", "value"]),
        split="test",
        question="Does it hold with any names?",
        base=models[0],
        references=references,
        models=known,
        runs=runs,
        curves=pd.DataFrame(curves, columns=columns),
        seeds=list(range(seeds)),
        latencies=latencies,
    )


def with_every_plot(models, datasets, classes):
    """The analysis of such a study, held against another, with a cheap one, a search, classes, and datasets not seen."""
    study = named_study(models, datasets)
    other = dataclasses.replace(named_study(models, datasets, noise=0.02), name="other")
    found = analyse([study], other, other if len(models) > 3 else None)
    score = {"xscore": 0.9, "gain": 0.1, "gain_low": 0.02, "gain_high": 0.18}
    trials = [_trial(at, model) for at, model in enumerate(models)]
    winner = {"model": models[-1], "name": models[-1], "trial": 1, "params": 2e6, "macs": 9e7, "survived": 0.5}
    winner |= {"found": score, "validation": score, "test": score, "against": {models[0]: score}}
    rank = {"best_reference": {"model": models[0], "xscore": 0.8}, "rival": models[0]}
    search = {
        "search": {"datasets": datasets, "fidelity_rank_correlation": 0.7, "second_objective": "macs", **rank},
        "trials": trials,
        "pareto": [0, len(models) - 1],
        "finalists": [winner],
        "best": winner,
        "cost": {"training_seconds": {"references": 60.0, "trials": 120.0, "finale": 90.0, "all": 270.0}},
    }
    ends = {"difference": 1.0, "low": -0.5, "high": 2.5}
    gains = [
        {"choice": "kind", "option": model, "against": models[0], "kind": "equal_budget", "measure": "points"}
        | {"seen": ends, "unseen": ends, "holds": "yes"}
        for model in models
    ]
    unseen = {"seen": datasets, "datasets": ["another"], "gains": gains, "by_dataset": []}
    confusion = np.random.default_rng(0).integers(0, 40, (len(classes), len(classes)))
    by_class = ByClass(datasets[0], classes, {models[0]: confusion}, [models[0]])
    material = dataclasses.replace(found.material, search=search)
    return dataclasses.replace(found, material=material, unseen={"named": unseen}, by_class=[by_class])


def _trial(at, model):
    trial = {"number": at, "state": "complete", "known": False, "model": model, "xscore": 0.5 + 0.3 * (at % 7) / 7}
    return trial | {"accuracies": {}, "params": 2e6, "macs": (50 + 3 * at) * 1e6}
