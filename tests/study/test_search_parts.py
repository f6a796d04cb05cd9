"""Parts of a search: the shipped space, sampling, the frame, architecture files."""

from __future__ import annotations

import dataclasses
import itertools
import math
import random
import warnings
from contextlib import suppress
from types import SimpleNamespace

import numpy as np
import optuna
import pandas as pd
import pytest
import torch
from scipy.integrate import quad

from archlab.architecture import InputSpec, architecture, build_model, references
from archlab.architecture.writing import architecture_yaml, at_width
from archlab.budget import Budget, count, fit_width
from archlab.foundation import UserError, read_yaml_text
from archlab.foundation.metric import METRICS
from archlab.scoring import Frame, cells, make_frame, read_table, seed_means, subsets, xscore
from archlab.study.loading import load_study
from archlab.study.search import sampler
from archlab.study.search.basis import Basis, ordered, reduced_frame, steps_apart, without_weak
from archlab.study.search.designs import Designs
from archlab.study.search.final import rank_correlation
from archlab.study.search.findings import TRIAL
from archlab.study.search.forecast import runs_of_trials
from archlab.study.search.sampler import ExhaustedError, asker, distribution, propose
from archlab.study.search.search import Found
from archlab.study.search.storage import _stored, written_values
from archlab.study.search_settings import SearchSettings
from archlab.study.space import space_size
from archlab.study.variables import Variable

FRAME = Frame("references", (), "validation", dict.fromkeys("abcd", (0.0, 1.0)))


def basis_of(order="abcd", skills=(0.5,)):
    references = {f"r{at}": dict.fromkeys("abcd", skill) for at, skill in enumerate(skills)}
    return Basis(FRAME, tuple(order), 0.5, 0.25, references)


@pytest.fixture(scope="module")
def compact(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    return Designs(load_study("compact", home=home), home)


@pytest.mark.slow
def test_the_shipped_space_is_large_and_every_design_of_it_keeps_the_budget(compact):
    assert space_size(compact.study) > 10**8
    generator = random.Random(0)
    for _ in range(40):
        design = compact.sample(lambda variable: generator.choice(variable.values()))
        assert 0.85 * 2_500_000 < design.cost.params <= 2_500_000 and design.cost.macs <= 80_000_000


@pytest.mark.slow
def test_every_design_of_a_search_keeps_the_memory(tmp_path):
    study = load_study("compact", home=tmp_path)
    limited = Designs(
        dataclasses.replace(study, budget=dataclasses.replace(study.budget, peak_memory=64 * 1024)), tmp_path
    )
    generator, found = random.Random(0), []
    for _ in range(40):
        with suppress(UserError):  # too large at any width
            found.append(limited.sample(lambda variable: generator.choice(variable.values())))
    assert len(found) > 30 and all(design.cost.peak_memory <= 64 * 1024 for design in found)


@pytest.mark.slow
def test_the_shipped_search_starts_from_relatives_of_all_references(compact):
    start = compact.start()
    assert len({design.digest for design in start}) == len(start) == len(references()) + 1
    families = {layer.block for design in start for layer in design.architecture.layers}
    families_of_references = {layer.block for name in references() for layer in architecture(name).layers}
    assert families_of_references - families <= {"pool", "norm", "multi_branch_conv"}


@pytest.mark.slow
def test_a_design_is_found_again_by_its_name(compact):
    generator = random.Random(1)
    for _ in range(30):
        design = compact.sample(lambda variable: generator.choice(variable.values()))
        again = compact.named(written_values(compact.study, design.name))
        assert again is not None and again.values == design.values and again.digest == design.digest


@pytest.mark.parametrize("values", [{"kernel.layer2": 4}, {"block": "starr"}, {"kernels": 3}, {3: 5}])
def test_values_that_no_sampler_could_give_are_refused(compact, values):
    with pytest.raises(UserError):
        compact.named(values)


@pytest.mark.parametrize(
    "variable",
    [
        Variable("a", {"x": 1, "y": 2}),
        Variable("b", None, 2, 8, 2),
        Variable("c", None, 1, 64, 1, log=True),
        Variable("d", None, 0.1, 0.9, 0.2),
        Variable("e", None, 1e-3, 1.0, None, log=True),
        Variable("f", None, 1e-14, 1e-12, None, log=True),
    ],
)
def test_optuna_gives_every_value_of_a_variable_and_no_other(variable):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    given = [variable.check(asker(study.ask())(variable)) for _ in range(200)]
    if variable.log:  # as many below the geometric mean of the bounds as above it
        assert 70 < sum(value <= math.sqrt(variable.low * variable.high) for value in given) < 150
    if variable.continuous:
        assert len(set(given)) == 200
    else:
        assert set(given) <= set(variable.values()) and (variable.log or len(set(given)) == len(variable.values()))


def test_a_range_ends_where_its_steps_do():
    """Optuna warns of any other, each time that a value is asked for."""
    text = SMALL.replace("[3, 7]", "[3, 8]")
    text = text.replace("budget:", "  rate: [{recipe: {lr: {range: [0.1, 1.0], step: 0.4}}}]\nbudget:")
    kernel, _, rate = (choice.edits[0] for choice in load_study(read_yaml_text(text, "small.yaml")).choices)
    kernel, rate = kernel["set"]["kernel"], rate["recipe"]["lr"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (distribution(kernel).high, distribution(rate).high) == (kernel.high, rate.high) == (7, 0.9)


SMALL = """
base: {name: net, layers: [{conv: {out: 8, stride: 2}}, {inverted_residual: {out: 16, expand: 2, stride: 2, repeat: 2}}]}
choices:
  kernel: [{set: {kernel: {range: [3, 7], step: 2}}, where: {block: inverted_residual}}]
  depth: [{set: {repeat: {range: [1, 4]}}, where: {block: inverted_residual}}]
budget: 6k
compare: [mobilenetv2]
suite: [digits, textures]
"""


def test_a_whole_number_is_the_same_design_as_the_fraction_that_a_sampler_gives(tmp_path):
    text = SMALL.replace("budget:", "  rate: [{recipe: {lr: {range: [0.5, 2.0], step: 0.5}}}]\nbudget:")
    designs = Designs(load_study(read_yaml_text(text, "small.yaml"), home=tmp_path), tmp_path)
    whole, fraction = designs.named({"rate": 1}), designs.named({"rate": 1.0})
    assert type(whole.values["rate"]) is float and whole.digest == fraction.digest


def test_data_are_prepared_as_an_exemption_of_all_models_says(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("archlab.study.search.designs.open_prepared", lambda name, _, *how: asked.append((name, *how)))
    exempt = "recipe: {like: quick, exemptions: [{models: [net, mobilenetv2], set: {resolution: 16, fit: stretch}}]}\n"
    designs = Designs(load_study(read_yaml_text(SMALL + exempt, "small.yaml"), home=tmp_path), tmp_path)
    assert set(designs.prepared) == {"digits", "textures"}
    assert asked == [("digits", 16, "stretch"), ("textures", 16, "stretch")]


@pytest.mark.slow
def test_proposals_are_repeatable_new_and_end_when_all_is_tried(tmp_path):
    designs = Designs(load_study(read_yaml_text(SMALL, "small.yaml"), home=tmp_path), tmp_path)
    history: list[optuna.trial.FrozenTrial] = []
    taken: set[str] = set()
    with pytest.raises(ExhaustedError):
        while True:
            design = propose(designs, basis_of(), history, taken, 0)
            assert design.digest == propose(designs, basis_of(), history, taken, 0).digest not in taken
            taken.add(design.digest)
            kinds = {"kernel": (3, 7, 2), "depth": (1, 4, 1)}
            trial = optuna.trial.create_trial(
                value=float(design.values["kernel"]),
                params=design.values,
                distributions={
                    name: optuna.distributions.IntDistribution(low, high, step=step)
                    for name, (low, high, step) in kinds.items()
                },
            )
            history.append(trial)
    within = {
        designs.named({"kernel": kernel, "depth": depth}).digest
        for kernel, depth in itertools.product((3, 5, 7), (1, 2, 3, 4))
    }
    assert taken == within and len(taken) == 12


@pytest.mark.slow
def test_of_several_proposals_the_most_promising_is_taken(tmp_path, monkeypatch):
    designs = Designs(load_study(read_yaml_text(SMALL, "small.yaml"), home=tmp_path), tmp_path)
    study = optuna.create_study(direction="maximize")
    for _ in range(5):
        study.tell(study.ask(), 1.0)
    monkeypatch.setattr(
        sampler,
        "expected_scores",
        lambda basis, trials, candidates: [10 * each.params["kernel"] - each.params["depth"] for each in candidates],
    )
    history = study.get_trials()
    chosen = propose(designs, basis_of(), history, set(), 0)
    assert chosen.values == {"kernel": 7, "depth": 1}
    assert propose(designs, basis_of(), history, {chosen.digest}, 0).values == {"kernel": 7, "depth": 2}
    few = [propose(designs, basis_of(), history[:4], set(), seed).values for seed in range(8)]
    assert len({tuple(values.items()) for values in few}) > 1  # the first ones are not chosen


def test_as_many_runs_are_foretold_as_the_best_share_of_designs_and_references_meets():
    assert runs_of_trials(50, 11, 5, 0.25) == pytest.approx(50 + 61 / 4 + 3 * (61 / 4 + 11) / 4)
    assert runs_of_trials(50, 11, 5, 1.0) == 250
    assert runs_of_trials(2, 11, 2, 0.25) == 4  # all of them are among the best quarter


def test_scores_are_those_of_xscore():
    basis = basis_of("badc")
    accuracies = {"a": 0.3, "b": 0.9, "c": 0.5, "d": 0.1}
    expected = xscore(pd.DataFrame([accuracies]), 0.5, FRAME).iloc[0]
    assert basis.score(accuracies).xscore == pytest.approx(expected["xscore"]) == basis.score_at(4, accuracies, None)
    assert basis.score({"a": 0.3}) is None
    assert basis.score_at(2, accuracies, None) == pytest.approx(0.6) and basis.score_at(2, {"a": 0.3}, None) is None
    assert basis.score_at(0, {}, 0.4) == pytest.approx(0.4) and basis.score_at(0, accuracies, None) is None


def test_datasets_that_tell_references_apart_no_better_than_chance_are_left_out_while_two_remain():
    means = pd.DataFrame({"a": [0.5, 0.56], "b": [0.5, 0.56], "c": [0.2, 0.8]}, index=["one", "two"])
    frame = make_frame(means.stack().rename_axis(["model", "dataset"]).rename("value").reset_index().assign(seed=0))
    kept, weak = without_weak(frame, means, {"a": 100, "b": 10_000, "c": 100})  # deviations .05, .005, .04
    assert weak == ("a",) and set(kept.datasets) == {"b", "c"}
    flagged, weak = without_weak(frame, means, {"a": 100, "b": 100, "c": 100})
    assert weak == () and set(flagged.datasets) == {"a", "b", "c"} and flagged.weak == ("a", "b")


def test_a_rank_correlation_needs_four_that_differ():
    assert rank_correlation([1, 2, 3], [1, 2, 3]) is None
    assert rank_correlation([1, 1, 1, 1], [1, 2, 3, 4]) is None
    assert rank_correlation([1, 2, 3, 4], [10, 20, 30, 40]) == pytest.approx(1)


def test_datasets_that_tell_most_designs_apart_in_a_second_come_first():
    means = pd.DataFrame({name: [0.3, 0.5, 0.7] for name in "abcd"}, index=["one", "two", "three"])
    images, seconds = dict.fromkeys("abcd", 100), {"a": 40, "b": 20, "c": 10, "d": 30}
    assert ordered(means, seconds, images) == ["c", "b", "d", "a"]
    assert ordered(means, seconds, {**images, "d": 1000}) == ["d", "c", "b", "a"]
    solved = means.assign(c=0.99 + means["c"] / 100)
    assert ordered(solved, seconds, images) == ["b", "d", "a", "c"]


def test_accuracies_are_as_many_steps_apart_as_deviations_of_a_binomial():
    def deviations(low, high, images):
        return quad(lambda accuracy: 1 / np.sqrt(accuracy * (1 - accuracy) / images), low, high)[0]

    assert steps_apart(0.4, 0.6, 200) == pytest.approx(deviations(0.4, 0.6, 200), rel=1e-3)
    assert steps_apart(0.4, 0.97, 200) == pytest.approx(deviations(0.97, 1.0, 200), rel=1e-3)
    assert steps_apart(0.4, 1.0, 200) == 0


@pytest.mark.parametrize("name", references())
def test_a_width_can_be_built_into_an_architecture_file(tmp_path, name):
    published = architecture(name)
    spec = InputSpec(10, 32)
    width = fit_width(published, spec, Budget(700_000))
    path = tmp_path / "written.yaml"
    path.write_text(architecture_yaml(at_width(published, width, "written"), "two\nlines"))
    written = architecture(path)
    assert count(written, spec) == count(published, spec, width)
    with torch.device("meta"):
        shapes = [
            [(key, tuple(value.shape)) for key, value in model.state_dict().items()]
            for model in (build_model(written, spec), build_model(published, spec, width))
        ]
    assert shapes[0] == shapes[1]


def test_seven_datasets_are_searched_on_four_that_stand_for_all():
    table = read_table("zhang2025")
    means = seed_means(cells(table))
    frame = make_frame(table, list(means.index))
    study = SimpleNamespace(search=SearchSettings(), weight_of_variance=0.5)
    reduced, found = reduced_frame(study, frame, means)
    assert len(reduced.datasets) == 4 and set(reduced.datasets) == set(subsets(means, frame, 4).chosen)
    assert found["left_out_r2"] < 1
    same, nothing = reduced_frame(study, reduced, means[list(reduced.datasets)])
    assert same == reduced and nothing is None
    few, nothing = reduced_frame(study, frame, means.iloc[:6])
    assert few == frame and nothing is None


@pytest.mark.parametrize("rows", [[], [{**dict.fromkeys(TRIAL), "number": 0, "state": "pruned"}]])
def test_a_table_of_trials_has_its_columns_and_numbers_whatever_became_of_them(rows):
    table = Found({"trials": rows}, None, []).trials
    assert list(table) == list(TRIAL) and len(table) == len(rows)
    assert {str(table[name].dtype) for name in ("latency_ms", "xscore", "mean", "variance")} == {"float64"}


def test_a_failed_trial_without_a_design_is_called_by_its_number():
    trial = {**dict.fromkeys(TRIAL), "number": 7, "failed": "kernel must be 3, 5 or 7, not 4"}
    found = Found({"trials": [trial, {**trial, "model": "net+kernel=5", "failed": None}]}, None, [])
    assert found.failures == ["trial 7: kernel must be 3, 5 or 7, not 4"]


def test_a_stored_run_that_keeps_no_such_metric_tells_nothing_of_its_design():
    cost = SimpleNamespace(params=1, macs=1, peak_memory=1)
    design = SimpleNamespace(name="net", digest="d", width=1.0, cost=cost)
    study = SimpleNamespace(metric=METRICS["macro_f1"])
    designs = SimpleNamespace(study=study, run=lambda design, dataset: SimpleNamespace(key="k"))
    document = {"key": "k", "metrics": {"validation": {"accuracy": 0.5}}, "seconds": 1.0}
    store = SimpleNamespace(get=lambda key: document, class_scores=lambda key: {})
    assert _stored(design, designs, basis_of(), store, None) is None
