"""What a worker does to score a trained network in int8."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archlab.deploy.agreement import images_of
from archlab.deploy.class_scores import class_scores_of
from archlab.deploy.drop import paired_drop
from archlab.deploy.exporting import judging_images, training_images
from archlab.deploy.loading import load
from archlab.deploy.onnx_export import core_graph
from archlab.deploy.onnx_runtime import run_onnx
from archlab.deploy.onnx_ways import quantised_graph
from archlab.deploy.quantising import Quantiser
from archlab.foundation import UserError
from archlab.foundation.metric import Metric
from archlab.runs import Run
from archlab.training.metrics import measured, with_call


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
    seen = network.preprocessing.pixels
    quantiser = Quantiser(core_graph(network), training_images(network), seen)
    content, mending = quantised_graph(quantiser, judging_images(network)[1])
    of = with_call(Metric.from_document(metric), run.recipe)
    files = (quantiser.core.SerializeToString(), content)
    before, after = (run_onnx(each, images.pixels, seen) for each in files)
    lost = paired_drop(before.argmax(1) == images.labels, after.argmax(1) == images.labels)
    return {
        "float": measured(of, class_scores_of(before, images.labels)),
        "int8": measured(of, class_scores_of(after, images.labels)),
        "drop": lost.value,
        "low": lost.low,
        "high": lost.high,
        "images": lost.images,
        "way": mending.way,
    }
