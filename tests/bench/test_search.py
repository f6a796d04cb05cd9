"""Searches replayed on the recorded landscape."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from archlab.bench.landscape import read_landscape, record_landscape
from archlab.bench.replay import MECHANISMS
from archlab.bench.search import SearchBench, bench_search, truly_best
from archlab.foundation import UserError
from tests.repeated import only_whole

STUDY = """
name: two
base: {name: net, layers: [{conv: {out: 8, stride: 2}}]}
choices: {kernel: {3: [], 5: [{set: {kernel: 5}, where: {block: conv}}]}}
compare: [{name: one, layers: [{conv: {out: 16, stride: 4}}]}]
suite: [digits, textures]
recipe: {like: quick, epochs: 2, steps: none}
seeds: 2
explore: grid
"""


@pytest.fixture(scope="module")
def landscape():
    return read_landscape()


def test_the_recorded_landscape_has_every_design_on_every_dataset_with_two_seeds(landscape):
    designs = landscape.table[~landscape.table["model"].isin([each.name for each in landscape.study.compare])]
    names = set(designs["model"]) - set(landscape.study.bases)
    assert len(names) >= 64 and len(landscape.study.suite.datasets) >= 3
    runs = designs.groupby(["model", "dataset", "seed"])
    assert len(runs) == designs["model"].nunique() * len(landscape.study.suite.datasets) * 2
    assert (runs["epoch"].apply(list) == runs["epoch"].apply(lambda epochs: list(range(1, len(epochs) + 1)))).all()
    assert runs["seconds"].max().max() <= 10
    assert landscape.origin["runs"] == landscape.table.groupby(["model", "dataset", "seed"]).ngroups


def test_of_fewer_than_ten_designs_one_is_to_be_found():
    values = {"one": 0.5, "two": 0.9, "a": 0.6, "b": 0.8}
    rows = [(model, dataset, 0, value) for model, value in values.items() for dataset in ("digits", "textures")]
    table = pd.DataFrame(rows, columns=["model", "dataset", "seed", "value"])
    compared = [SimpleNamespace(name=name) for name in ("one", "two")]
    study = SimpleNamespace(compare=compared, bases={}, weight_of_variance=0.5)
    assert truly_best(SimpleNamespace(study=study, final=lambda: table)) == {"b"}


@pytest.mark.slow
def test_a_replayed_search_is_repeatable_and_ends_with_one_of_the_best(landscape):
    measured = bench_search(landscape, repeats=2)
    assert measured.designs >= 64 and measured.top == measured.designs // 10 == len(truly_best(landscape))
    assert measured.never == 0
    assert all(0 < epochs < measured.designs * measured.full for epochs in measured.epochs)
    assert bench_search(landscape, repeats=2).epochs == measured.epochs


def test_a_search_that_stopped_all_of_the_best_counts_as_endless():
    measured = SearchBench(designs=20, top=2, full=10, epochs=[30, None, 20, None])
    assert (measured.never, measured.search.low, measured.search.median, measured.search.high) == (2, 20, 30, None)
    assert measured.ratio == 0.5
    assert SearchBench(designs=20, top=2, full=10, epochs=[30, None, None]).document()["ratio"] is None


def test_designs_in_random_order_are_as_many_as_chance_says():
    exact = SearchBench(designs=20, top=2, full=10, epochs=[100]).random
    chance = np.random.default_rng(0)
    drawn = [10 * (1 + min(chance.permutation(20)[:2])) for _ in range(4000)]
    assert [exact.low, exact.median, exact.high] == list(np.quantile(drawn, [0.25, 0.5, 0.75])) == [30, 60, 100]


@pytest.mark.slow
def test_a_search_needs_at_most_half_of_the_epochs_of_random_search(command):
    code, printed, _ = command("bench", "search", "--json")
    assert code == 0
    document = json.loads(printed)
    assert document["spreads"]["search"]["n"] == 50
    assert document["ratio"] <= document["at_most"]


@pytest.mark.slow
@only_whole
def test_every_mechanism_is_worth_its_lines(landscape):
    whole = np.mean(bench_search(landscape, repeats=30).epochs)
    for mechanism in MECHANISMS:
        assert np.mean(bench_search(landscape, repeats=30, without=[mechanism]).epochs) > 1.1 * whole, mechanism


@pytest.mark.slow
def test_a_landscape_is_recorded_from_stored_runs(tmp_path):
    folder, home = tmp_path / "landscape", tmp_path / "store"
    folder.mkdir()
    (folder / "study.yaml").write_text(STUDY)
    history = [
        {"epoch": epoch, "steps": 10 * epoch, "loss": 1.0, "validation_accuracy": 0.1 * epoch, "seconds": 1.5 * epoch}
        for epoch in (1, 2)
    ]
    mode = {"hardware": "a machine", "torch": "2.9"}
    document = {"history": history, "seconds": 3.2, "finished": "2026-01-02T03:04", "mode": mode}
    assert record_landscape(folder, SimpleNamespace(home=home, get=lambda key: document)) == 3 * 2 * 2
    read = read_landscape(folder)
    assert read.histories["net+kernel=5", "textures", 1][1]["validation_accuracy"] == pytest.approx(0.2)
    assert read.origin["recorded"] == "2026-01-02" and read.origin["hardware"] == ["a machine"]
    assert set(read.final()["value"]) == {0.2} and len(pd.read_csv(folder / "epochs.csv")) == 3 * 2 * 2 * 2
    with pytest.raises(
        UserError, match=r"net on digits, seed 0 is not in the store: archlab ablate --spec .* trains it"
    ):
        record_landscape(folder, SimpleNamespace(home=home, get=lambda key: None))


def test_a_folder_without_a_landscape(tmp_path):
    with pytest.raises(UserError, match="no landscape"):
        read_landscape(tmp_path)
    with pytest.raises(UserError, match=r"there is no landscape 'fist'.* - did you mean 'first'"):
        read_landscape("fist")


def test_a_landscape_whose_origin_is_no_yaml(tmp_path):
    (tmp_path / "epochs.csv").write_text("model\n")
    (tmp_path / "origin.yaml").write_text("{")
    with pytest.raises(UserError, match="no landscape: while parsing"):
        read_landscape(tmp_path)
