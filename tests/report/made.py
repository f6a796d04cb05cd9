"""A made-up study, as large as one likes, in the form in which `archlab ablate` leaves a real one."""

import numpy as np
import pandas as pd

from archlab.report.material import Material

DATASETS = ["digits", "mnist5k", "pines", "elpv", "textures", "glyphs", "stanford_dogs"]
OPTIONS = ["se", "eca", "mobilevit"]
REFERENCES = ["mobilenetv2", "efficientnet", "convmixer", "mobilevit", "starnet"]


def made_study(datasets=7, seeds=5, name="made", effect=0.03, first_seed=0, noise=0.012) -> Material:
    """Five references and six variants of mobilenetv2 (equal budget and raw) with known effects."""
    rng = np.random.default_rng(7)
    expected = pd.DataFrame(rng.uniform(0.45, 0.9, (5, datasets)), index=REFERENCES, columns=DATASETS[:datasets])
    models = {model: {"role": "reference", "kind": None, "options": {}} for model in REFERENCES}
    models["mobilenetv2"]["options"] = {"attention": "none"}
    for kind, suffix in (("equal_budget", ""), ("raw", "@raw")):
        for at, option in enumerate(OPTIONS):
            variant = f"mobilenetv2+attention={option}{suffix}"
            models[variant] = {"role": "variant", "kind": kind, "options": {"attention": option}}
            expected.loc[variant] = expected.loc["mobilenetv2"] + effect * (1 - at)
    for at, model in enumerate(models.values()):
        model |= {
            "params": 2_400_000 + 9_000 * at,
            "macs": 1_000_000 * (60 + 37 * at),
            "width": 1.0,
            "beside": model["kind"] == "raw",
        }
    rows, runs, curves = [], [], []
    noises = np.random.default_rng(first_seed)
    for model in expected.index:
        for dataset in expected.columns:
            for seed in range(first_seed, first_seed + seeds):
                accuracy = round(float(expected.loc[model, dataset] + noises.normal(0, noise)), 4)
                for split in ("validation", "test"):
                    rows.append((model, dataset, seed, split, "accuracy", accuracy))
                runs.append(_run(model, dataset, seed, accuracy))
                for epoch in range(1, 7):
                    grown = accuracy * (1 - np.exp(-epoch / 2))
                    curves.append((model, dataset, seed, epoch, 2.3 / epoch, grown, 3.5))
    return Material(
        name=name,
        table=pd.DataFrame(rows, columns=["model", "dataset", "seed", "split", "metric", "value"]),
        split="test",
        question="At equal parameters, does channel attention transfer better than token attention?",
        base="mobilenetv2",
        references=REFERENCES,
        models=models,
        runs=runs,
        curves=pd.DataFrame(
            curves, columns=["model", "dataset", "seed", "epoch", "loss", "validation_accuracy", "seconds"]
        ),
        provenance={"suite": "samples", "recipe": "quick", "hardware": "made up"},
        seeds=list(range(first_seed, first_seed + seeds)),
        latencies={model: [_latency(2.0 ** (at / 2))] for at, model in enumerate(models)},
    )


def _latency(median: float) -> dict:
    ends = {"low_ms": 0.9 * median, "high_ms": 1.2 * median}
    return {"median_ms": median, **ends, "n": 30, "hardware": "Made-up CPU, one thread"}


def _run(model: str, dataset: str, seed: int, accuracy: float) -> dict:
    return {
        **{"model": model, "dataset": dataset, "seed": seed, "accuracy": accuracy, "seconds": 11.5 + len(model)},
        **{
            "key": f"{abs(hash((model, dataset, seed))):064x}",
            "device": "cpu",
            "hardware": "Made-up CPU",
            "precision": "float32",
        },
        **{"threads": 1, "torch": "2.6", "finished": "2026-01-01T00:00:00+00:00", "archlab": "0.1.0", "data": dataset},
    }
