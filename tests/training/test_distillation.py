"""`distill`: the loss is the paper's, weight 0 is plain training, and students come to say what teachers say."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from archlab.architecture import InputSpec, build_model
from archlab.foundation import UserError, read_yaml_text
from archlab.training import loop
from archlab.training.balance import balanced_cross_entropy, class_weights
from archlab.training.distillation import distilled
from archlab.training.foundations import Distillation
from archlab.training.loop import train
from archlab.training.reading import load_recipe
from tests.training.stub import TINY, Interruption, Made, interrupt_after, same

KEY = "0123456789abcdef" * 4
RECIPE = load_recipe(
    {
        "resolution": 32,
        "batch_size": 32,
        "epochs": 3,
        "steps": 60,
        "lr": 1e-2,
        "label_smoothing": 0.1,
        "augment": {"shift": 2, "mixup": 0.2, "cutmix": 1.0},
    }
)


def taught_by(weight: float = 0.5, temperature: float = 4.0):
    return dataclasses.replace(RECIPE, distill=Distillation(KEY, weight, temperature))


def network(data, weights=None):
    model = build_model(TINY, InputSpec(data.num_classes, data.resolution))
    if weights:
        model.load_state_dict(weights)
    return model.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def teacher(digits):
    return network(digits, train(TINY, digits, dataclasses.replace(RECIPE, epochs=2, steps=40), 7).weights)


@pytest.mark.parametrize(("weight", "temperature"), [(0.5, 4.0), (0.9, 1.0), (0.0, 4.0), (1.0, 2.5)])
def test_the_loss_is_that_of_the_paper(weight, temperature):
    """By probabilities in double precision, image by image."""
    outputs, taught = torch.randn(6, 5) * 3, torch.randn(6, 5) * 3
    each = []
    for student, other in zip(outputs.double(), taught.double(), strict=True):
        p, q = ((values / temperature).exp() for values in (other, student))
        p, q = p / p.sum(), q / q.sum()
        each.append(float((p * (p / q).log()).sum()))
    expected = (1 - weight) * 1.25 + weight * temperature**2 * np.mean(each)
    found = distilled(torch.tensor(1.25), outputs, taught, Distillation(KEY, weight, temperature))
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_gradients_keep_their_size_at_high_temperatures():
    """Where softened scores are small, the paper's (3): 1/classes of the difference of the centred scores."""
    outputs, taught = torch.randn(4, 5, requires_grad=True), torch.randn(4, 5)
    distilled(torch.tensor(0.0), outputs, taught, Distillation(KEY, 1.0, 1000.0)).backward()
    centred = [values.detach() - values.detach().mean(1, keepdim=True) for values in (outputs, taught)]
    torch.testing.assert_close(outputs.grad * 4 * 5, centred[0] - centred[1], rtol=0.02, atol=0.02)


def test_smoothing_and_balance_stay_in_the_first_term_and_the_teacher_sees_the_mixed_batch(
    monkeypatch, digits, teacher
):
    recipe = dataclasses.replace(taught_by(0.3), balance=True, steps=1, epochs=1)
    seen, losses, real = [], [], loop.distilled
    handle = teacher.register_forward_hook(
        lambda _, given, said: seen.append((given[0].clone(), said, teacher.training))
    )
    monkeypatch.setattr(loop, "distilled", lambda *given: losses.append((given, real(*given))) or losses[-1][1])
    trained = train(TINY, digits, recipe, 0, teacher=teacher)
    handle.remove()
    ((images, said, training),), (((first, outputs, taught, _), whole),) = seen, losses
    batch, labels = next(iter(loop._training_batches(digits, recipe, 0, torch.device("cpu")).epoch(0)))
    assert torch.equal(images, batch) and labels.is_floating_point() and not training
    assert torch.equal(said, taught) and not taught.requires_grad
    weights = class_weights(torch.from_numpy(np.array(digits.labels("train"))), 10)
    assert float(first.detach()) == pytest.approx(
        float(balanced_cross_entropy(outputs.detach(), labels, weights, 0.1)), rel=1e-6
    )
    assert trained.history[0]["loss"] == pytest.approx(float(whole.detach()), rel=1e-6)


def test_weight_0_is_plain_training_to_the_bit_and_asks_no_teacher(digits):
    def silent(*_):
        raise AssertionError("asked")

    mute = network(digits)
    mute.register_forward_pre_hook(silent)
    short = dataclasses.replace(RECIPE, steps=20)
    plain = train(TINY, digits, short, 0)
    assert same(plain, train(TINY, digits, dataclasses.replace(short, distill=Distillation(KEY, 0.0)), 0, teacher=mute))
    assert same(plain, train(TINY, digits, dataclasses.replace(short, distill=Distillation(KEY, 0.0)), 0))
    assert "distill" not in RECIPE.canonical()


@pytest.mark.slow
def test_students_come_to_say_what_the_teacher_says(digits, teacher):
    """Of test images that neither has seen; the teacher is as it was."""
    before = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    images = next(iter(loop.evaluation_batches(digits, "test", torch.device("cpu")).in_order()))[0]
    taught = teacher(images).softmax(1)
    distances = []
    for recipe in (RECIPE, taught_by(0.9)):
        student = network(digits, train(TINY, digits, recipe, 0, teacher=teacher).weights)
        distances.append(float((student(images).softmax(1) - taught).abs().sum(1).mean()))
    assert distances[1] < 0.9 * distances[0], distances
    assert all(torch.equal(before[name], tensor) for name, tensor in teacher.state_dict().items())


def test_interrupted_and_resumed_equals_uninterrupted(tmp_path):
    """With all that a recipe can add."""
    made, checkpoint = Made(side=32), tmp_path / "checkpoint.safetensors"
    recipe = dataclasses.replace(taught_by(), ema=0.9, clip=1.0, progressive=0.5, batch_size=16, steps=18)
    guide = network(made)
    with pytest.raises(Interruption):
        train(TINY, made, recipe, 0, teacher=guide, checkpoint=checkpoint, on_epoch=interrupt_after(1))
    resumed = train(TINY, made, recipe, 0, teacher=guide, checkpoint=checkpoint)
    assert same(resumed, train(TINY, made, recipe, 0, teacher=guide))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{teacher: 1234}", r"r\.yaml:5: .*teacher must be the first digits of a run's key, in quotes .* not 1234"),
        ("{weight: 0.5}", r"r\.yaml:5: .*needs the key 'teacher'"),
        ("{teacher: null}", r"r\.yaml:5: .*teacher must be the first digits of a run's key, in quotes .* not None"),
        ("{teacher: 1a, weight: 2}", r"r\.yaml:5: .*weight must be a number from 0 to 1, not 2"),
        ("{teacher: 1a, temperature: 0}", r"r\.yaml:5: .*temperature must be a number of at least 0\.01"),
        ("{teacher: 1a, temprature: 2}", r"r\.yaml:5: .*did you mean 'temperature'"),
    ],
)
def test_wrong_settings_are_refused_at_their_line(text, message):
    with pytest.raises(UserError, match=message):
        load_recipe(read_yaml_text(f"resolution: 32\nbatch_size: 16\nsteps: 5\nlr: 1e-3\ndistill: {text}", "r.yaml"))
