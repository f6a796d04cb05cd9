"""`archlab build`: every model of a study, counted and held against the budget."""

from __future__ import annotations

import dataclasses
import json

import pytest
import yaml

import archlab
from archlab.architecture import InputSpec
from archlab.budget import count

KEYS = {
    "name",
    "role",
    "params",
    "params_without_classifier",
    "params_deployed",
    "macs",
    "activations",
    "peak_memory",
    "flash",
    "width",
    "within_budget",
}
SMALL = """
base: {name: small, layers: [{conv: {out: 16, stride: 2}}, {inverted_residual: {out: 24, stride: 2}}]}
choices:
  attention:
    none: []
    se: [{set: {channel_attention: se}, where: {block: inverted_residual}}]
suite: samples
"""


def test_json(build, tmp_path):
    code, out, err = build(SMALL + "budget: {params: 2M, fit: width}", "--json")
    document = json.loads(out)
    assert (code, err) == (0, "") and not (tmp_path / "store").exists()
    assert set(document) == {"study", "budget", "models"}
    assert document["study"] == "study"
    assert document["budget"] == {"params": 2_000_000, "of": "trained", "classes": 26, "resolution": 32}
    assert [(model["name"], model["role"]) for model in document["models"]] == [
        ("small", "reference"),
        ("small+attention=se", "variant"),
    ]
    for model in document["models"]:
        assert set(model) == KEYS
        assert model["within_budget"] and 1_900_000 < model["params"] <= 2_000_000


def test_for_people(build):
    code, out, _ = build(SMALL + "budget: 20k")
    assert code == 0
    assert (
        "small+attention=se" in out
        and "Budget: 20,000 parameters as trained; counted at 26 classes and 32 pixels" in out
    )


@pytest.mark.slow
def test_a_budget_of_memory_is_kept_and_shown(build):
    limited = SMALL + "budget: {params: 2M, peak_memory: 24K, flash: 1M}"
    code, out, _ = build(limited, "--json")
    document = json.loads(out)
    assert code == 0 and document["budget"]["peak_memory"] == 24 * 1024 and document["budget"]["flash"] == 1024**2
    for model in document["models"]:
        assert model["within_budget"] and model["peak_memory"] <= 24 * 1024 and model["flash"] <= 1024**2
    code, out, _ = build(limited)
    assert code == 0 and "peak memory" in out and "Budget: 2,000,000 parameters, 24 KiB of peak memory and" in out
    code, out, err = build(SMALL + "budget: {peak_memory: 1K}")
    assert (code, out) == (2, "") and "small cannot keep the budget of" in err and err.count("\n") == 1


@pytest.mark.slow
def test_the_spread_of_compute_is_shown_and_a_wide_one_warned_of(build):
    wide = SMALL.replace(
        "choices:", "compare: [{name: wide, layers: [{conv: {out: 16}}, {inverted_residual: {out: 24}}]}]\nchoices:"
    )
    code, out, err = build(wide + "budget: 20k")
    macs = {line.split()[0]: int(line.split()[6].replace(",", "")) for line in out.splitlines()[1:4]}
    least, most = min(macs, key=macs.get), max(macs, key=macs.get)
    assert code == 0 and most == "wide"
    assert (
        f"MACs: {macs[least]:,} ({least}) to {macs[most]:,} (wide), a spread of {macs[most] / macs[least]:.2f}" in out
    )
    assert (
        f"warning: compute differs: wide has {macs[most] / macs[least]:.1f} times the multiply-accumulates of {least}"
        in err
    )
    _, out, err = build(SMALL + "budget: 2M")
    assert "a spread of 1.2" in out and "warning" not in err


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ("tune: {lr: [0.004], steps: 40}", "study.yaml:9: tune has nothing to choose from: its only values"),
        ("tune: {lr: [0.1], steps: 4000}", "study.yaml:9: tune: tries of 4,000 steps are longer than the 400 of"),
        ("recipe: {like: quick, tune: {momentum: [0.5], steps: 4}}", "study.yaml:9: tune: momentum is of sgd alone"),
        ("recipe: {like: quick, test: false}", "study.yaml:9: the recipe quick, test False reads no test images"),
        ("recipe: {like: quick, distill: {teacher: ab12}}", "study.yaml:9: distill: the teacher: no stored run starts"),
        ("recipe: {like: quick, init: {run: ab12}}", "study.yaml:9: init: the run: no stored run starts with 'ab12'"),
        (
            "recipe: {like: quick, init: {pretrain: {dataset: mnist5k}}}",
            "study.yaml:9: init: mnist5k cannot be pretrained",
        ),
    ],
)
def test_training_that_cannot_be_is_one_line_with_its_place(build, training, message):
    code, out, err = build(SMALL + "budget: 20k\n" + training)
    assert (code, out) == (2, "") and message in err and err.count("\n") == 1


@pytest.mark.slow
def test_tuning_that_a_choice_contradicts_is_refused_and_weights_are_not_asked_for(build, tmp_path):
    choice = "choices: {rate: {own: [], high: [{recipe: {lr: 0.01}}]}}\nsuite: [digits]\nbudget: none\nbase: starnet\n"
    code, out, err = build(choice + "tune: {lr: [0.1], steps: 40}")
    assert (code, out) == (2, "")
    assert "study.yaml:5: tune: a choice sets lr for starnet+rate=high, so it cannot be tuned" in err
    code, out, err = build(choice + "recipe: {like: quick, init: {weights: not_here.safetensors}}", "--json")
    assert code == 0 and len(json.loads(out)["models"]) == 2
    assert not list((tmp_path / "store").rglob("*.safetensors"))


def test_what_branches_deploy_to_is_said(build):
    layers = "{name: net, layers: [{conv: {out: 16, stride: 4}}, {mobileone: {out: 16, repeat: 2}}]}"
    _, out, _ = build(f"compare: [{layers}]\nsuite: [digits]\nbudget: none")
    cost = count(archlab.architecture(yaml.safe_load(layers)), InputSpec(10, 32))
    assert cost.params_deployed < cost.params / 3
    assert (
        f"net has {cost.params:,} parameters and {cost.macs:,} MACs as trained and deploys to {cost.params_deployed:,}"
        in out
    )


@pytest.mark.slow
def test_two_limits_are_reached_together(build):
    body = "{inverted_residual: {out: 24, stride: 2, repeat: 2, free: depth}}"
    layers = f"[{{conv: {{out: 16, stride: 2}}}}, {body}, {{conv: {{out: 64}}}}]"
    study = f"base: {{name: net, layers: {layers}}}\nsuite: [digits]\nbudget: {{params: 60k, macs: %s, fit: {{macs: depth}}}}"
    code, out, _ = build(study % "4.2M", "--json")
    (model,) = json.loads(out)["models"]
    assert code == 0 and 54_000 <= model["params"] <= 60_000 and 3_780_000 <= model["macs"] <= 4_200_000
    code, _, err = build(study % "90M")
    assert (
        code == 2
        and err.count("\n") == 1
        and "study.yaml:3: net cannot reach both 60,000 parameters and 90,000,000 MACs" in err
    )


def test_models_above_a_budget_that_nothing_is_fitted_to(build):
    code, out, err = build(SMALL + "budget: {params: 5k, fit: none}", "--json")
    models = json.loads(out)["models"]
    assert code == 1
    assert [(model["within_budget"], model["width"]) for model in models] == [(False, 1.0), (False, 1.0)]
    assert "small: uses" in err and "would be the largest within it" in err


@pytest.mark.slow
def test_other_forms_are_rows_of_their_own_and_count_as_above(build):
    form = "forms: [{models: [small], datasets: [textures], edits: [{set: {out: 64}, where: {block: conv}}]}]\n"
    code, out, _ = build(SMALL + form + "budget: {params: 8k, fit: none}", "--json")
    models = {model["name"]: model for model in json.loads(out)["models"]}
    assert list(models) == ["small", "small on textures", "small+attention=se", "small+attention=se on textures"]
    assert [model["within_budget"] for model in models.values()] == [True, False, True, False]
    assert code == 1 and all(set(model) == KEYS for model in models.values())
    code, out, _ = build(SMALL + form + "budget: {params: 7k, fit: width}")
    rows = {line.split("  ")[0]: line for line in out.splitlines()}
    assert code == 0 and set(models) < set(rows) and rows["small on textures"] != rows["small"]


def test_a_model_far_below_the_budget_is_remarked_on(build):
    code, _, err = build(SMALL + "budget: {params: 2500, fit: width}")
    assert code == 0
    assert "the next width" in err and "would need" in err


def test_a_model_that_no_width_brings_near_the_budget_is_said_to_stay_as_published(build):
    fixed = "base: {name: fixed, layers: [{conv: {out: 16, stride: 2, scale: false}}]}\nsuite: samples\nbudget: 20k"
    code, _, err = build(fixed)
    assert code == 0 and "fixed: uses" in err and "stays as published" in err and "the next width" not in err


@pytest.mark.slow
def test_budgets_of_macs_and_none(build):
    document = json.loads(build(SMALL + "budget: {params: none, macs: 200M}", "--json")[1])
    assert document["budget"] == {"params": None, "of": "trained", "macs": 200_000_000, "classes": 26, "resolution": 32}
    assert all(180_000_000 < model["macs"] <= 200_000_000 for model in document["models"])
    code, out, err = build(SMALL + "budget: none", "--json")
    assert (code, err) == (0, "")
    assert all(model["within_budget"] for model in json.loads(out)["models"])


def test_a_budget_that_cannot_be_met(build):
    code, out, err = build(SMALL + "budget: 100")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "cannot keep the budget of 100 parameters: it needs at least" in err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("budget: 2.5X", "budget must be a whole number above 0"),
        ("bugdet: 2M", "did you mean 'budget'?"),
        ("budget: {params: .nan}", "not a finite number"),
        ("budget: 1\nbudget: 2", "appears twice"),
        ("budget:\t2M", "tabs"),
    ],
)
def test_wrong_studies_are_one_line(build, line, message):
    code, out, err = build(SMALL + line)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("error: ") and message in err and "study.yaml:" in err


def test_an_unknown_study(command):
    code, _, complaint = command("build", "--spec", "referenecs")
    assert code == 2 and "did you mean 'references'?" in complaint


def test_a_miscount_is_no_error_of_the_user(monkeypatch):
    from archlab.architecture import InputSpec
    from archlab.cli import build
    from archlab.study.design import Design

    architecture = dataclasses.replace(archlab.architecture("mobilenetv2"), name="tiny")
    with pytest.raises(RuntimeError, match="tiny is miscounted"):
        build._verify(Design(architecture, 0.1, "something else"), InputSpec(2, 32))


@pytest.mark.slow
def test_the_eleven_references_use_the_budget(command, tmp_path):
    code, out, err = command("build", "--spec", "references", "--json", "--store", tmp_path)
    assert code == 0, err
    models = json.loads(out)["models"]
    assert [model["name"] for model in models] == archlab.references() and len(models) == 11
    assert all(model["within_budget"] and 2_375_000 <= model["params"] <= 2_500_000 for model in models)
