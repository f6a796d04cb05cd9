"""What a worker does to score a trained network in int8."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from archlab.deploy.agreement import Images, images_of
from archlab.deploy.drop import paired_drop
from archlab.deploy.exporting import judging_images, training_images
from archlab.deploy.loading import load
from archlab.deploy.onnx_export import core_graph
from archlab.deploy.onnx_runtime import run_onnx
from archlab.deploy.onnx_ways import quantised_graph
from archlab.foundation import UserError
from archlab.foundation.metric import Metric
from archlab.runs import Run
from archlab.training.class_scores import ClassScores
from archlab.training.metrics import measured


def score_in_int8(run: Run, *, home: Path, metric: dict[str, Any] | str, **_: Any) -> dict[str, Any]:
    """What the weights of a stored run are worth in float and, quantised as `archlab export --int8` does, in int8, both by
    ONNX Runtime on all test images.

    Returns `float` and `int8` (in the metric; null where it is not defined), `drop` (of accuracy, a share), its 95 % interval
    over images `low` and `high`, `images`, and `way`, how it was quantised. Raises UserError where it cannot be.
    """
    network = load(run.key, store=home)
    images = images_of(network, most=None)
    if images.labels is None:
        raise UserError(f"the test images of {run.dataset}, as the run had them, are not here")
    core = core_graph(network)
    content, mending = quantised_graph(core, training_images(network), judging_images(network)[1])
    of = Metric.from_document(metric)
    before, after = (run_onnx(each, images.pixels) for each in (core.SerializeToString(), content))
    lost = paired_drop(before.argmax(1) == images.labels, after.argmax(1) == images.labels)
    return {
        "float": _worth(of, before, images),
        "int8": _worth(of, after, images),
        "drop": lost.value,
        "low": lost.low,
        "high": lost.high,
        "images": lost.images,
        "way": mending.way,
    }


def _worth(metric: Metric, probabilities: np.ndarray, images: Images) -> float | None:
    assert images.labels is not None
    outputs = np.log(np.maximum(probabilities.astype(np.float64), np.finfo(np.float32).tiny))
    return measured(metric, ClassScores.of(outputs, images.labels))
