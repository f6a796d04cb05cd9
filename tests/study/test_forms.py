"""Models that have another form on some datasets."""

from __future__ import annotations

from pathlib import Path

import pytest

from archlab.architecture import from_canonical
from archlab.architecture.own_blocks import own_blocks_alone
from archlab.data import is_prepared
from archlab.foundation import UserError, read_yaml_text
from archlab.runs import Store
from archlab.study import ablation, on_this_machine
from archlab.study.ablating import planned_runs
from archlab.study.design import Design, Designer
from archlab.study.latency import Stopwatch
from archlab.study.loading import load_study
from archlab.study.resolved import ResolvedStudy
from archlab.study.search.designs import Designs
from archlab.study.search.storage import identity
from archlab.study.settling import settle
from tests.deploy.made import GATED

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
TWO = "{name: two, layers: [{conv: {out: 16, stride: 2}}, {conv: {out: 24, stride: 2}}]}"
SAMPLES = f"""
base: {NET}
choices: {{kernel: {{5: [], 3: [{{set: {{kernel: 3}}, where: {{block: isotropic}}}}]}}}}
compare: [{OTHER}, {TWO}]
budget: {{params: 40k, fit: width}}
suite: [digits, textures]
"""
FORM = "forms: [{models: [net], datasets: [digits], edits: [{set: {size: %d}, where: {block: patch}}]}]\n"


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
    above = [model for (model, dataset), params in costs.items() if params > 10_000 and dataset == "ham10000@published"]
    assert above == ["net", "other", "net+kernel=3"]
    said = f"above the budget of 10,000 parameters: {costs['net', 'ham10000@published']:,} parameters"
    with pytest.raises(UserError, match=f"^net on ham10000@published and 2 more {said}"):
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


def designs_of(text: str, home) -> tuple[Designer, dict[str, Design]]:
    designer = Designer(load_study(read_yaml_text(text, "s.yaml"), home=home), home)
    return designer, {design.name: design for design in designer.designs()}


def test_a_variant_keeps_its_edits_where_its_base_is_another_architecture(home):
    other = NET.replace("size: 4", "size: 8").replace("repeat: 2", "repeat: 3")
    start, _, _ = STUDY.partition("forms:")
    text = f"{start}forms: [{{models: [net], datasets: [ham10000], architecture: {other}}}]\n"
    designer, found = designs_of(text, home)
    on = {name: designer.on("ham10000@published", design).architecture.layers for name, design in found.items()}
    kernels = {name: layers[1].arguments.get("kernel") for name, layers in on.items()}
    assert (kernels["net"], kernels["net+kernel=3"]) == (5, 3)
    assert all(on[name][0].arguments["size"] == 8 and on[name][1].repeat == 3 for name in ("net", "net+kernel=3"))
    where = f"architecture: {OTHER}"
    with pytest.raises(
        UserError, match=r"s\.yaml:3: in its form on ham10000@published: .*isotropic.*combination net\+kernel=3"
    ):
        designs_of(text.replace(f"architecture: {other}", where), home)


def test_raw_variants_are_as_wide_as_their_base_in_its_form(home):
    designer, found = designs_of(STUDY + "effects: [equal_budget, raw]\n", home)
    base, equal, raw = (
        designer.on("ham10000@published", found[f"net{end}"]) for end in ("", "+kernel=3", "+kernel=3@raw")
    )
    assert raw.width == base.width < found["net+kernel=3@raw"].width == found["net"].width
    assert raw.cost.params < base.cost.params and raw.width < equal.width
    assert (raw.name, raw.kind, raw.options) == ("net+kernel=3@raw", "raw", {"kernel": "3"})
    assert raw.architecture.digest() == equal.architecture.digest()


def test_a_variant_may_replace_what_the_form_of_its_base_changes(home):
    conv = "conv: [{replace: {block: patch}, with: [{conv: {out: 32, stride: 4}}]}]"
    designer, found = designs_of(STUDY.replace("choices: {", f"choices: {{stem: {{patch: [], {conv}}}, "), home)
    assert designer.on("ham10000@published", found["net+stem=conv"]).architecture.layers[0].block == "conv"
    assert set(designer.forms(found["net+kernel=3"])) == {"ham10000@published"} and not designer.forms(
        found["net+stem=conv"]
    )


@pytest.mark.slow
def test_a_search_skips_designs_that_cannot_have_their_forms(home):
    def sampled(text: str, kernel: str) -> str:
        designs = Designs(load_study(read_yaml_text(text, "s.yaml"), home=home), home)
        return designs.sample(lambda variable: kernel).name

    start, _, _ = STUDY.partition("forms:")
    text = f"{start}forms: [{{models: [net], datasets: [ham10000], architecture: {OTHER}}}]\n"
    assert sampled(text, "5") == "net" and sampled(start, "3") == "net+kernel=3"
    with pytest.raises(UserError, match=r"on ham10000@published: .*isotropic"):
        sampled(text, "3")
    with pytest.raises(UserError, match="net on ham10000@published is above the budget: "):
        sampled(STUDY.replace("params: 40k, fit: width", "params: 10k, fit: none"), "5")


@pytest.mark.slow
def test_forms_and_exemptions_tell_one_network_under_two_names_apart(home):
    same = NET.replace("name: net", "name: same")
    plain = f"base: {NET}\ncompare: [{same}, {OTHER}]\nbudget: 40k\nsuite: [cifar10, cifar100]\n"
    form = f"forms: [{{models: [same], datasets: [cifar10], architecture: {OTHER}}}]\n"
    exempt = "recipe: {like: quick, exemptions: [{models: [same], datasets: [cifar10], set: {lr: 0.5}}]}\n"
    assert [model.name for model in settled(plain, home).models] == ["net", "other"]
    for more in (form, exempt):
        study = settled(plain + more, home)
        assert [model.name for model in study.models] == ["net", "same", "other"] and study.frame == ["same", "other"]
    assert [list(model.forms) for model in settled(plain + form, home).models] == [[], ["cifar10"], []]
    assert [len(set(model.recipes.values())) for model in settled(plain + exempt, home).models] == [1, 2, 1]
    elsewhere = exempt.replace("datasets: [cifar10]", "datasets: [ham10000]")
    assert [model.name for model in settled(plain + elsewhere, home).models] == ["net", "other"]


def test_exemptions_of_models_that_the_study_has_not_leave_its_resolution(home):
    exempt = "{like: quick, exemptions: [{models: [net], set: {pixels: 64}}]}"
    text = f"base: {NET}\nbudget: 40k\nsuite: [cifar10]\nrecipe: {exempt}"
    assert designs_of(text, home)[0].resolution == 64
    assert designs_of(text.replace("models: [net]", "models: [mobilevit]"), home)[0].resolution == 32


@pytest.mark.slow
def test_a_search_is_another_one_where_forms_or_exemptions_name_its_base(home):
    def identity_of(text: str) -> str:
        return identity(Designs(load_study(read_yaml_text(text, "s.yaml"), home=home), home))

    exempt = "recipe: {like: quick, exemptions: [{models: [%s], datasets: [digits], set: {lr: 0.5}}]}\n"
    texts = ["", FORM % 8, FORM % 2, exempt % "net", exempt % "other"]
    assert len({identity_of(SAMPLES + more) for more in texts}) == len(texts)
    without = [exempt % "elsewhere", FORM.replace("digits", "pines") % 8, "recipe: quick\n"]
    assert {identity_of(SAMPLES + more) for more in without} == {identity_of(SAMPLES)}


def test_latency_is_of_the_form_that_costs_refer_to(home):
    designs = Designs(load_study(read_yaml_text(SAMPLES + FORM % 8, "s.yaml"), home=home), home)
    design = designs.sample(lambda variable: variable.first)
    stopwatch = Stopwatch(designs, design, Store(home), milliseconds=1.0)
    assert designs.run(design, "digits").architecture != design.architecture.canonical()
    assert stopwatch._costed(design).architecture == design.architecture.canonical()


def test_latency_is_measured_with_the_own_blocks_of_the_main_form(home, tmp_path, monkeypatch):
    """The other way round, the run of the form names a file that the main form needs not, and lacks the one that it needs."""
    (tmp_path / "mine.py").write_text(GATED)
    mine = f"{{name: mine, blocks: {tmp_path}/mine.py, layers: [{{gated_conv: {{out: 8, stride: 4}}}}]}}"
    forms = f"forms: [{{models: [mine], datasets: [digits, textures], architecture: {NET}}}]\n"
    with own_blocks_alone({}):
        study = settled(f"base: {mine}\ncompare: [{OTHER}]\nbudget: none\nsuite: [digits, textures]\n{forms}", home)
        runs, store, measured = planned_runs(study, home), Store(home), []
        monkeypatch.setattr(Store, "__contains__", lambda *_: True)
        monkeypatch.setattr(on_this_machine, "latencies", lambda runs, *_: measured.extend(runs) or {})
        on_this_machine.save_latencies(ablation.Ablation(study, runs, None, None, None, [], 0, store))
    by_model = {run.model: run for run in measured}
    assert [Path(file).name for file in by_model["mine"].own_files] == ["mine.py"]
    assert by_model["other"].own_files == ()
