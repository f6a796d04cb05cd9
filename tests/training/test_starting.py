"""`init`: training starts from given weights, as far as they fit."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
import torch

from archlab.architecture import InputSpec, architecture, build_model
from archlab.foundation import UserError, read_yaml_text
from archlab.training import loop
from archlab.training.foundations import Start
from archlab.training.loop import train
from archlab.training.metrics import metrics_of
from archlab.training.optimizer import make_optimizer, set_lr
from archlab.training.reading import load_recipe
from archlab.training.starting import GivenWeights, misfit
from tests.training.stub import TINY, Made, same

RECIPE = load_recipe(
    {"resolution": 32, "batch_size": 32, "steps": 80, "lr": 1e-2, "weight_decay": 0.05, "zero_residual": True}
)
KEY = "0123456789abcdef" * 4
STARTED = dataclasses.replace(RECIPE, init=Start(run=KEY))
STILL = {"steps": 1, "lr": 0.0}


@pytest.fixture(scope="module")
def source(digits):
    return train(TINY, digits, RECIPE, 3)


def first_network(monkeypatch, data, recipe, given, design=TINY):
    """As it is before its first step."""
    found, real = [], loop._initial_model

    def kept(*arguments):
        model = real(*arguments)
        found.append({name: tensor.clone() for name, tensor in model.state_dict().items()})
        return model

    with monkeypatch.context() as patched:
        patched.setattr(loop, "_initial_model", kept)
        train(design, data, dataclasses.replace(recipe, **STILL), 0, given=given)
    return found[0]


def test_on_the_same_dataset_a_training_starts_where_the_other_ended(digits, source):
    """With the accuracy of the run, whose residual branches are no longer 0."""
    still = dataclasses.replace(STARTED, lr=0.0, steps=1, batch_size=1024)
    started = train(TINY, digits, still, 0, given=GivenWeights(source.weights, same_dataset=True))
    parameters = [name for name in source.weights if "running" not in name and "num_batches" not in name]
    assert all(torch.equal(started.weights[name], source.weights[name]) for name in parameters)
    ends, starts = (metrics_of(each.class_scores)["test"]["accuracy"] for each in (source, started))
    assert ends > 0.3 and starts == pytest.approx(ends, abs=0.05)


def test_on_another_dataset_the_classifier_is_the_seeds_own_and_features_are_the_sources(monkeypatch, source):
    made = Made(side=32)
    fresh = first_network(monkeypatch, made, RECIPE, None)
    started = first_network(monkeypatch, made, STARTED, GivenWeights(source.weights))
    for name, tensor in started.items():
        assert torch.equal(tensor, (fresh if name.startswith("head.classifier.") else source.weights)[name]), name
    models = [build_model(TINY, InputSpec(classes, 32)).eval() for classes in (4, 10)]
    for model, weights in zip(models, (started, source.weights), strict=True):
        model.load_state_dict(weights)
    images = torch.rand(8, 3, 32, 32)
    torch.testing.assert_close(*(model.layers(images) for model in models), rtol=0, atol=0)


def test_as_many_classes_are_not_yet_the_same_dataset(monkeypatch, digits, source):
    fresh = first_network(monkeypatch, digits, RECIPE, None)
    started = first_network(monkeypatch, digits, STARTED, GivenWeights(source.weights))
    assert torch.equal(started["head.classifier.weight"], fresh["head.classifier.weight"])


def test_the_classifier_of_a_head_of_layers_is_found(monkeypatch, digits):
    design = architecture(
        {"name": "listed", "resolution": 32, "layers": [{"conv": {"out": 16, "stride": 2}}],
         "head": [{"conv": {"out": 32, "kernel": 1}}, "mean", "classifier"]}
    )  # fmt: skip
    source = train(design, digits, dataclasses.replace(RECIPE, steps=3), 1).weights
    fresh = first_network(monkeypatch, digits, RECIPE, None, design)
    started = first_network(monkeypatch, digits, STARTED, GivenWeights(source), design)
    news = {
        name
        for name in started
        if torch.equal(started[name], fresh[name]) and not torch.equal(source[name], fresh[name])
    }
    assert news == {name for name in started if name.startswith("head.layers.2.")} and news


def test_loaded_branches_are_not_zeroed_and_those_that_are_not_there_are(monkeypatch, digits, source):
    name = "layers.1.projection_norm.weight"
    assert source.weights[name].any()
    assert torch.equal(
        first_network(monkeypatch, digits, STARTED, GivenWeights(source.weights))[name], source.weights[name]
    )
    fewer = {each: tensor for each, tensor in source.weights.items() if each != name}
    assert not first_network(monkeypatch, digits, STARTED, GivenWeights(fewer))[name].any()


def test_none_is_plain_training_to_the_bit_and_so_is_a_body_like_the_rest(digits):
    short = dataclasses.replace(RECIPE, steps=10)
    plain = train(TINY, digits, short, 0)
    assert "init" not in RECIPE.canonical()
    assert same(plain, train(TINY, digits, dataclasses.replace(short, init=Start(run=KEY)), 0))


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_the_body_learns_at_its_own_rate(digits, source, optimizer):
    still = dataclasses.replace(RECIPE, optimizer=optimizer, steps=5, init=Start(run=KEY, body=0.0))
    found = train(TINY, digits, still, 0, given=GivenWeights(source.weights)).weights
    body = [name for name in found if "running" not in name and "num_batches" not in name and "classifier" not in name]
    assert all(torch.equal(found[name], source.weights[name]) for name in body)
    assert not torch.equal(found["head.classifier.weight"], source.weights["head.classifier.weight"])


@pytest.mark.parametrize("capturable", [False, True])
def test_rates_follow_the_schedule_times_their_factor_and_decay_stays(capturable):
    model = build_model(TINY, InputSpec(10, 32))
    recipe = dataclasses.replace(RECIPE, init=Start(run=KEY, body=0.25), optimizer="sgd" if capturable else "adamw")
    optimizer = make_optimizer(model, recipe, capturable=capturable)
    set_lr(optimizer, 0.4)
    by_parameter = {id(each): group for group in optimizer.param_groups for each in group["params"]}
    assert len(by_parameter) == len(list(model.parameters()))
    for name, parameter in model.named_parameters():
        group = by_parameter[id(parameter)]
        assert float(group["lr"]) == pytest.approx(0.4 if name.startswith("head.classifier") else 0.1)
        assert group["weight_decay"] == (0.05 if parameter.squeeze().ndim > 1 else 0.0)


def test_a_training_that_is_continued_does_not_start_again(tmp_path, digits, source):
    from tests.training.stub import Interruption, interrupt_after

    recipe = dataclasses.replace(RECIPE, steps=None, epochs=2, batch_size=256, init=Start(run=KEY, body=0.1))
    given, checkpoint = GivenWeights(source.weights), tmp_path / "checkpoint.safetensors"
    with pytest.raises(Interruption):
        train(TINY, digits, recipe, 0, given=given, checkpoint=checkpoint, on_epoch=interrupt_after(1))
    resumed = train(TINY, digits, recipe, 0, given=given, checkpoint=checkpoint)
    assert same(resumed, train(TINY, digits, recipe, 0, given=given))


def shapes(design, width=1.0):
    with torch.device("meta"):
        return {
            name: tuple(each.shape) for name, each in build_model(design, InputSpec(7, 32), width).state_dict().items()
        }


def test_what_fits_too_little_is_said_with_the_nearest_cause():
    mobile = architecture("mobilenetv2")
    network = build_model(mobile, InputSpec(10, 32), 0.25)
    assert misfit(network, shapes(mobile, 0.25)) is None
    wider = misfit(network, shapes(mobile, 1.0))
    assert "of another width" in wider and "of the network's body" in wider and "\n" not in wider
    assert "of another architecture" in misfit(network, shapes(architecture("convmixer"), 0.25))
    assert "only 0 %" in misfit(network, {}) and "they have no layers.0" in misfit(network, {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{body: 0.1}", r"r\.yaml:5: .*init takes one of weights, run and pretrain"),
        ("{run: 1a, weights: a.safetensors}", r"r\.yaml:5: .*init takes one of weights, run and pretrain"),
        ("{run: 1a, body: -1}", r"r\.yaml:5: .*body must be a number of at least 0"),
        ("{pretrained: imagenet}", r"r\.yaml:5: "),
    ],
)
def test_wrong_settings_are_refused_at_their_line(text, message):
    with pytest.raises(UserError, match=message):
        load_recipe(read_yaml_text(f"resolution: 32\nbatch_size: 16\nsteps: 5\nlr: 1e-3\ninit: {text}", "r.yaml"))


@pytest.mark.parametrize(
    ("first", "second"),
    itertools.permutations(({"weights": "torchvision"}, {"run": "1a2b"}, {"pretrain": {"dataset": "digits"}}), 2),
)
def test_another_start_takes_the_place_of_the_one_before(first, second):
    before = {"like": "quick", "init": {**first, "body": 0.1}}
    exempt = load_recipe({**before, "exemptions": [{"set": {"init": second}}]}).settled("net", "digits")
    for found in (load_recipe({"like": before, "init": second}).init, exempt.init):
        assert [name for name in ("weights", "run", "pretrain") if getattr(found, name)] == list(second)
        assert found.body == 0.1
