"""Weights that other packages publish, as the start of our networks: made up by seeds here, nothing is downloaded."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import archlab
from archlab.architecture import InputSpec, apply_edits, architecture, build_model
from archlab.data import Expected, entry
from archlab.data.entries import Normalisation
from archlab.foundation import UserError
from archlab.runs import Store, published, run_of
from archlab.runs.downloading import UnreachableError, theirs_with_weights
from archlab.runs.foundations import check_trainable, foundations_of
from archlab.runs.named import settled_recipe, stands_on_untrained
from archlab.runs.published import COUNTERPARTS, published_weights
from archlab.training.foundations import PUBLISHERS
from archlab.training.reading import load_recipe
from archlab.training.starting import load_fitting
from tests.architecture.comparison import randomise
from tests.architecture.test_references import REFERENCES

IMAGENET = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def made(package, name):
    """A model of theirs as if it had been trained: other weights than ours would start with, statistics of its own."""
    torch.manual_seed(7)
    if package == "timm":
        model = pytest.importorskip("timm").create_model(name)
    else:
        model = pytest.importorskip("torchvision").models.get_model(name)
    randomise(model, torch.randn(2, 3, 64, 64))
    return model, IMAGENET


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def seeded(monkeypatch, home):
    """What is converted once counts for the whole file."""
    pytest.importorskip("timm")
    monkeypatch.setenv("ARCHLAB_HOME", str(home))
    monkeypatch.setattr(published, "theirs_with_weights", made)
    published.warn_of_normalisation.cache_clear()


def settled(recipe, home, model="shufflenetv2", width=1.0, dataset="digits", design=None):
    network = (design or architecture(model), width)
    loaded = load_recipe({"like": "quick", "steps": 2} | recipe)
    return settled_recipe(loaded, network[0].name, dataset, home, network=network)


def features(model, images, classifier):
    """What enters the classifier."""
    found = []
    handle = classifier.register_forward_pre_hook(lambda module, entered: found.append(entered[0].flatten(1)))
    with torch.no_grad():
        model.double().eval()(images)
    handle.remove()
    return found[0]


QUICK = (("torchvision", "shufflenetv2"), ("torchvision", "mobilenetv2"), ("timm", "starnet"), ("timm", "tinynet"))


@pytest.mark.parametrize(
    ("package", "name"),
    [
        pytest.param(package, name, marks=() if (package, name) in QUICK else pytest.mark.slow)
        for package, named in COUNTERPARTS.items()
        for name in named
    ],
)
def test_a_network_with_the_weights_has_the_features_of_theirs(package, name, home):
    """Whatever the classes; at the resolution that theirs was published for."""
    design, spec = architecture(name), InputSpec(10, None)
    recipe = settled({"init": package}, home, name).canonical()
    data = Expected(entry("digits", home), 32)
    run = run_of(name, design.canonical(), 1.0, data, recipe, 0, smallest_map=2)
    ours, (theirs, _) = build_model(design, spec), made(package, COUNTERPARTS[package][name])
    load_fitting(ours, foundations_of(run, home).given)
    images = torch.randn(1, 3, design.resolution, design.resolution, dtype=torch.float64)
    classifier = [module for module in theirs.modules() if isinstance(module, nn.Linear)][-1]
    expected = features(theirs, images, classifier)
    assert (features(ours, images, ours.classifier) - expected).abs().max() <= 1e-6 * expected.abs().max()


def test_counterparts_are_what_the_references_are_compared_with():
    named = {name: compared.split() for name, (compared, *_) in REFERENCES.items() if name != "convmixer"}
    assert tuple(COUNTERPARTS) == PUBLISHERS
    assert {name: [package, COUNTERPARTS[package][name]] for name, (package, _) in named.items()} == named


def test_a_recipe_names_the_tensors_and_not_the_package(home):
    short, long = (settled({"init": init}, home) for init in ("torchvision", {"weights": "torchvision", "body": 0.1}))
    digest = short.init.weights
    content = Store(home).given(digest).read_bytes()
    assert sha256(content).hexdigest() == digest and b"torchvision shufflenet_v2_x1_0" in content[:2000]
    assert short.canonical()["init"]["weights"] == digest and "torchvision" not in str(short.canonical())
    assert (long.init.weights, long.init.body) == (digest, 0.1)
    again = settled_recipe(load_recipe(json.loads(json.dumps(short.canonical()))), "shufflenetv2", "digits", home)
    assert again.canonical() == short.canonical()
    assert not stands_on_untrained(load_recipe({"like": "quick", "init": "torchvision"}))
    for size in (None, 32):
        check_trainable(short, architecture("shufflenetv2"), InputSpec(10, size), 1.0, home)


def test_an_architecture_of_ones_own_that_is_the_published_one_by_form(home):
    own = archlab.architecture("shufflenetv2")
    own = own.with_layers(own.layers, "mine")
    assert settled({"init": "torchvision"}, home, design=own) == settled({"init": "torchvision"}, home)


SE = [{"set": {"channel_attention": "se"}, "where": {"block": "shuffle_unit"}}]


@pytest.mark.parametrize(
    ("package", "model", "width", "edits", "message"),
    [
        ("timm", "shufflenetv2", 1, [], "timm has no weights of shufflenetv2 as.*; `init: torchvision` has; timm has them"),
        ("torchvision", "convmixer", 1, [], "no weights of convmixer as.*; torchvision has them of efficientnet, mobile"),
        ("torchvision", "shufflenetv2", 0.5, [], "of width 1, and shufflenetv2 has width 0.5 here: `budget: none`"),
        ("torchvision", "shufflenetv2", 1, SE, "shufflenetv2 is not what torchvision publishes as shufflenet_v2_x1_0: after"),
        ("torchvisio", "shufflenetv2", 1, [], "not 'torchvisio' - did you mean 'torchvision'"),
    ],
)  # fmt: skip
def test_what_has_no_published_weights_is_told_in_one_line(package, model, width, edits, message, home):
    design = apply_edits(architecture(model), edits)
    with pytest.raises(UserError, match=message) as raised:
        settled({"init": package}, home, width=width, design=design)
    assert "\n" not in str(raised.value)


def test_a_package_that_is_not_installed(home, monkeypatch):
    monkeypatch.setattr(published, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"the weights of timm need it: pip install 'archlab\[timm\]'"):
        settled({"init": "timm"}, home, "starnet")


def test_weights_that_give_other_outputs_are_refused(home, monkeypatch, tmp_path):
    """A difference that no layer's input shows."""

    def other(package, name):
        model, normalisation = made(package, name)
        model.fc.register_forward_hook(lambda module, entered, left: left * 1.001)
        return model, normalisation

    monkeypatch.setattr(published, "theirs_with_weights", other)
    with pytest.raises(
        UserError, match=r"is not what torchvision publishes.*outputs differ by 1\.\de-03 of the largest"
    ):
        settled({"init": "torchvision"}, tmp_path)
    assert not (tmp_path / "weights").exists()


def test_another_normalisation_is_warned_of_once(home, caplog):
    for dataset in ("digits", "textures"):
        settled({"init": "torchvision"}, home, dataset=dataset)
    (warning,) = caplog.messages
    assert "{mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225]}" in warning
    normalised = {"normalisation": {"mean": list(IMAGENET.mean), "std": list(IMAGENET.std)}}
    published.warn_of_normalisation.cache_clear()
    settled({"init": "torchvision"} | normalised, home)
    assert len(caplog.messages) == 1


def test_weights_are_looked_for_on_disk_and_not_waited_for(monkeypatch, tmp_path, home):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")  # nobody listens there
    monkeypatch.setattr(published, "theirs_with_weights", theirs_with_weights)
    with pytest.raises(
        UserError, match=rf"{tmp_path}/.*/shufflenetv2_x1-5666bf0f80.pth is not there and cannot be down"
    ):
        published_weights("torchvision", architecture("shufflenetv2"), 1.0, Store(tmp_path), None)
    file = tmp_path / "hub" / "checkpoints" / "shufflenetv2_x1-5666bf0f80.pth"
    model, _ = made("torchvision", "shufflenet_v2_x1_0")
    torch.save(model.state_dict(), file)
    found, normalisation = theirs_with_weights("torchvision", "shufflenet_v2_x1_0")
    assert normalisation == IMAGENET
    assert all(tensor.equal(found.state_dict()[name]) for name, tensor in model.state_dict().items())
    torch.save(model, file)  # a pickle that would build objects
    with pytest.raises(UnreachableError, match=r"pth cannot be read: Weights only load failed"):
        theirs_with_weights("torchvision", "shufflenet_v2_x1_0")


def test_weights_of_timm_are_read_from_its_cache(monkeypatch, tmp_path):
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path))

    def unreachable(*arguments, **settings):
        raise OSError("no route to host")

    monkeypatch.setattr(hub, "get_hf_file_metadata", unreachable)
    with pytest.raises(
        UnreachableError, match=rf"starnet_s1.in1k is not in {tmp_path} and cannot be .*: no route to host"
    ):
        theirs_with_weights("timm", "starnet_s1")
    commit, folder = "0" * 40, tmp_path / "models--timm--starnet_s1.in1k"
    for part in ("refs", f"snapshots/{commit}"):
        (folder / part).mkdir(parents=True)
    (folder / "refs" / "main").write_text(commit)
    model, _ = made("timm", "starnet_s1")
    save_file(model.state_dict(), folder / "snapshots" / commit / "model.safetensors")
    found, normalisation = theirs_with_weights("timm", "starnet_s1")
    assert normalisation == IMAGENET
    assert all(tensor.equal(found.state_dict()[name]) for name, tensor in model.state_dict().items())
