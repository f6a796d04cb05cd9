"""Models that have another form on some datasets."""

from __future__ import annotations

import pytest

from archlab.architecture import from_canonical
from archlab.data import is_prepared
from archlab.foundation import UserError, read_yaml_text
from archlab.study.ablating import planned_runs
from archlab.study.design import Designer
from archlab.study.loading import load_study
from archlab.study.resolved import ResolvedStudy
from archlab.study.settling import settle

NET = "{name: net, layers: [{patch: {out: 32, size: 4}}, {isotropic: {out: 32, kernel: 5, repeat: 2}}]}"
OTHER = "{name: other, layers: [{conv: {out: 16, stride: 4}}, {inverted_residual: {out: 24, expand: 4, repeat: 3}}]}"
STUDY = f"""
base: {NET}
choices: {{kernel: {{5: [], 3: [{{set: {{kernel: 3}}, where: {{block: isotropic}}}}]}}}}
compare: [{OTHER}]
budget: {{params: 40k, fit: width}}
suite: [cifar10, cifar100, ham10000@published]
recipe: {{like: quick, pixels: 64}}
forms:
  - {{models: [net], datasets: [ham10000], edits: [{{set: {{size: 8}}, where: {{block: patch}}}}]}}
  - {{models: [other], datasets: [cifar10, cifar100], architecture: {NET}}}
"""


def settled(text: str, home) -> ResolvedStudy:
    designer = Designer(load_study(read_yaml_text(text, "s.yaml"), home=home), home)
    return settle(designer, designer.designs(), None)


def test_runs_on_those_datasets_are_of_the_other_form_fitted_on_its_own(home):
    study = settled(STUDY, home)
    runs = {(run.model, run.dataset): run for run in planned_runs(study, home)}
    assert len(runs) == 9 and not any(is_prepared(run.dataset_digest) for run in runs.values())

    def patch(model: str, dataset: str):
        layers = from_canonical(runs[model, dataset].architecture, model).layers
        return layers[0].arguments["size"] if layers[0].block == "patch" else layers[0].block

    assert [patch("net", name) for name in study.datasets] == [4, 4, 8]
    assert [patch("net+kernel=3", name) for name in study.datasets] == [4, 4, 8]
    assert [patch("other", name) for name in study.datasets] == [4, 4, "conv"]
    assert runs["net", "ham10000@published"].width < runs["net", "cifar10"].width
    assert all(0.6 * 40_000 < cell["params"] <= 40_000 for cell in study.cells())
    assert {run.resolution for run in runs.values()} == {64} and study.resolution == 64
    assert ResolvedStudy.from_document(study.document()) == study


def test_a_form_above_the_budget_is_above_the_budget(home):
    study = settled(STUDY.replace("params: 40k, fit: width", "params: 10k, fit: none"), home)
    costs = {(cell["model"], cell["dataset"]): cell["params"] for cell in study.cells()}
    assert costs["net", "cifar10"] <= 10_000 < costs["net", "ham10000@published"]
    assert not next(model for model in study.models if model.name == "net").within_budget
    with pytest.raises(UserError, match="above the budget"):
        study.check_budget()


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("models: [net]", "models: [nett]", "s.yaml:9: the study has no model 'nett' - did you mean 'net'?"),
        ("[ham10000]", "[ham1000]", "s.yaml:9: no dataset is called 'ham1000' - did you mean 'ham10000'?"),
        ("models: [net]", "models: net", "s.yaml:9: a form: models must be a list of names, not 'net'"),
        ("models: [net], ", "", "s.yaml:9: a form: models must be a list of names, not None"),
        ("block: patch", "block: pool", "s.yaml:9: "),
        ("size: 8", "sice: 8", "s.yaml:9: patch has no argument 'sice' - did you mean 'size'?"),
        (
            ", edits: [{set: {size: 8}, where: {block: patch}}]",
            "",
            "s.yaml:9: a form has either edits or an architecture",
        ),
        ("architecture:", "edits: [], architecture:", "s.yaml:10: a form has either edits or an architecture"),
        ("architecture:", "achitecture:", "s.yaml:10: a form has no key 'achitecture' - did you mean 'architecture'?"),
        (f"architecture: {NET}", "architecture: efficentnet", "s.yaml:10: there is no architecture 'efficentnet'"),
    ],
)
def test_says_what_is_wrong_and_where(home, before, after, message):
    assert before in STUDY
    with pytest.raises(UserError) as error:
        load_study(read_yaml_text(STUDY.replace(before, after, 1), "s.yaml"), home=home)
    assert str(error.value).startswith(message)
