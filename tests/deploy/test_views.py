"""Recipes that show a network other pixels than are stored: loaded, predicted and exported as they were tested."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from archlab.budget import count
from archlab.deploy.loading import load
from archlab.deploy.targets import counted
from archlab.executors import Settings, execute
from archlab.runs import Store
from archlab.study.ablating import runs_of
from archlab.study.resolving import resolve

pytest.importorskip("sklearn")

RECIPES = {
    "enlarged": {"pixels": 32},
    "centre of a larger one": {"pixels": 24, "test_resize": 28},
    "normalised otherwise": {"normalisation": {"mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2]}},
}


@pytest.fixture(scope="module", params=RECIPES)
def trained(request, tmp_path_factory):
    home = tmp_path_factory.mktemp("views")
    layers = [{"conv": {"out": 8, "stride": 2}}, {"conv": {"out": 16, "stride": 2}}]
    recipe = {"like": "quick", "steps": 8, "resolution": 20, **RECIPES[request.param]}
    study = resolve(
        {
            "name": "views",
            "base": {"name": "net", "layers": layers},
            "compare": [{"name": "net", "layers": layers}],
            "suite": ["digits"],
            "recipe": recipe,
            "budget": "none",
        },
        home,
    )
    (run,) = runs_of(study, home)
    outcome = execute([run], Store(home), Settings(workers=1, retries=0))
    assert not outcome.failed
    return load(run.key, store=home), outcome.results[run.key]


def test_the_loaded_network_scores_what_the_run_scored(trained):
    network, document = trained
    prepared = network.test_data()
    found = network.probabilities(torch.from_numpy(np.array(prepared.images("test")))).argmax(1).numpy()
    assert (found == prepared.labels("test")).mean() == pytest.approx(document["metrics"]["test"]["accuracy"], abs=1e-9)


@pytest.mark.slow
def test_the_exported_file_agrees(trained):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    from archlab.deploy.agreement import agreement, images_of
    from archlab.deploy.onnx_export import core_graph
    from archlab.deploy.onnx_runtime import run_onnx

    network, _ = trained
    images = images_of(network)
    found = agreement(network, run_onnx(core_graph(network).SerializeToString(), images.pixels), images)
    assert found.share >= 0.999 and found.largest_difference < 1e-3


def test_what_a_board_needs_is_counted_at_the_pixels_that_the_network_sees(trained):
    network, _ = trained
    cost = count(network.architecture, network.run.input, network.run.width)
    assert counted(network) == (cost.peak_memory, cost.flash)
