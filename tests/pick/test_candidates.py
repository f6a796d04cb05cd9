"""Who is tried: references and found designs within the limits, best prior first, and why others are not."""

from __future__ import annotations

import json
import shutil

import pytest
from made_searches import PHOTOS, catalogued
from made_up_times import called

from archlab.architecture import InputSpec, architecture, from_canonical, references
from archlab.budget import Budget, count
from archlab.data import Expected, Need, entry
from archlab.deploy import extras
from archlab.foundation import UserError, read_yaml
from archlab.foundation.checksums import noting_checksums
from archlab.pick.candidates import NOT_TIMED, always, candidates
from archlab.pick.prior import prior
from archlab.runs import Store

GATED = '''
from torch import nn
from blocks import Block, register
@register("gate")
class Gate(Block):
    """A convolution with a gate."""
    def __init__(self, *, in_channels, out_channels, stride=1):
        super().__init__()
        self.convolution = nn.Conv2d(in_channels, out_channels, 3, stride, 1)
    def forward(self, x):
        return self.convolution(x).sigmoid()
'''


def of_photos(store, pixels=32, fits=always, **limits):
    if not (store.home / "datasets" / "catalogue" / "photos.yaml").exists():
        catalogued(store.home, PHOTOS)
    recipe = {"like": "quick", "resolution": pixels}
    return candidates(store, dataset="photos", limits=Budget(**limits), recipe=recipe, fits=fits)


def reasons(left_out):
    return {each.name: each.reason for each in left_out}


@pytest.mark.slow
def test_without_searches_they_are_the_references_as_wide_as_the_limits_allow_by_their_prior(tmp_path):
    found, left_out = of_photos(Store(tmp_path), params=300_000)
    assert {each.name for each in found} == {*references()} and not left_out
    scores = [prior(Store(tmp_path), "photos")[each.name].score for each in found]
    assert scores == sorted(scores, reverse=True) and found[0].name == "starnet"
    for each in found:
        design = from_canonical(each.model.architecture, each.name)
        params = [count(design, InputSpec(12, 32), each.model.width + more).params for more in (0, 0.001)]
        assert params[0] == each.model.cost["params"] <= 300_000 < params[1]
        assert design.digest() == architecture(each.name).digest() and each.search is None


def test_their_runs_are_those_of_one_study_and_read_no_test_image(tmp_path):
    found, _ = of_photos(Store(tmp_path), pixels=96)
    (study,) = {id(each.study): each.study for each in found}.values()
    assert [model.name for model in study.models] == [each.name for each in found]
    assert study.needed == [Need("photos", 96, None)] and study.classes == 12 and study.resolution == 96
    for each in found:
        run, upstream = study.run(each.model, "photos", 3, lambda need: Expected(entry(need.name, tmp_path), 96))
        assert run.recipe["test"] is False and (run.resolution, run.seed, upstream) == (96, 3, [])


def test_what_needs_more_memory_at_any_width_is_left_out_with_what_it_needs(tmp_path):
    found, left_out = of_photos(Store(tmp_path), pixels=96, peak_memory=32 * 1024)
    assert all(each.model.cost["peak_memory"] <= 32 * 1024 for each in found) and found
    assert {each.name for each in found} | {each.name for each in left_out} == {*references()}
    for each in left_out:
        least = count(architecture(each.name), InputSpec(12, 96), 0.001)
        assert least.peak_memory > 32 * 1024 and each.excess == least.peak_memory / (32 * 1024)
        assert each.reason == f"needs at least {Budget(peak_memory=1).describe(least)}"


def test_what_takes_longer_is_left_out_by_name(tmp_path, times):
    asked = times(slow=called("mobilevit"), unknown=called("starnet"))
    found, left_out = of_photos(Store(tmp_path), latency=5.0)
    assert reasons(left_out) == {
        "mobilevit": "takes 9 ms, above 5 ms of latency",
        "starnet": "cannot be measured",
    }
    assert len(found) == 9 and {each.milliseconds for each in found} == {3.0} and len(asked) == 11
    assert not {"mobilevit", "starnet"} & {*found[0].study.frame}


@pytest.mark.slow
def test_those_that_there_is_no_time_to_time_are_left_out_the_worst_priors_first(tmp_path, times):
    by_prior = [each.name for each in of_photos(Store(tmp_path), params=300_000)[0]]
    asked = times(slow=called(by_prior[1]))
    found, left_out = of_photos(Store(tmp_path), fits=lambda names: by_prior[3] in names, params=300_000, latency=5.0)
    assert asked == by_prior[:6]
    assert [each.name for each in found] == [by_prior[0], *by_prior[2:6]]
    assert reasons(left_out) == {by_prior[1]: "takes 9 ms, above 5 ms of latency"} | dict.fromkeys(
        by_prior[6:], NOT_TIMED
    )
    of_photos(Store(tmp_path), params=300_000, latency=5.0)
    again, _ = of_photos(Store(tmp_path), fits=lambda names: False, params=300_000, latency=5.0)
    assert len(again) == 10 and asked == by_prior


@pytest.mark.slow
def test_the_first_that_keeps_the_latency_is_found_however_long_it_takes(tmp_path, times):
    by_prior = [each.name for each in of_photos(Store(tmp_path), params=300_000)[0]]
    times(slow=lambda run: run.model in by_prior[:7])
    found, _ = of_photos(Store(tmp_path), fits=lambda names: False, params=300_000, latency=5.0)
    assert [each.name for each in found] == by_prior[7:9]


def test_what_is_above_another_limit_is_not_timed(tmp_path, times):
    asked = times(slow=called("nothing"))
    found, left_out = of_photos(Store(tmp_path), params=20_000, latency=5.0)
    assert {*asked} == {each.name for each in found} and {each.name for each in left_out}.isdisjoint(asked)


def test_without_what_measures_latency_one_line_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"`budget: latency` needs onnx .* pip install 'archlab\[onnx\]'"):
        of_photos(Store(tmp_path), latency=5.0)


@pytest.mark.slow
def test_nobody_left_names_the_limit_and_the_least_that_any_needs(tmp_path, times):
    least = {name: count(architecture(name), InputSpec(12, 32), 0.001).params for name in references()}
    name, params = min(least.items(), key=lambda each: each[1])
    with pytest.raises(UserError, match=f"keeps the budget of 100 parameters: {name}, .* at least {params:,} param"):
        of_photos(Store(tmp_path), params=100)
    times()
    with pytest.raises(UserError, match=r"and 0.5 ms of latency: \w+, the nearest to it, takes 3 ms, above 0.5 ms"):
        of_photos(Store(tmp_path), latency=0.5)


@pytest.mark.slow
def test_the_finalists_of_a_search_are_candidates_fitted_anew(store):
    folder = store.home / "studies" / "small-search"
    searched = json.loads((folder / "search.json").read_text())
    names = {each["model"] for each in searched["finalists"]}
    found, left_out = of_photos(store, pixels=96, params=200_000)
    designs = {each.name: each for each in found if each.search}
    assert {*designs} == names and len(names) == 2 and not left_out and len(found) == 13
    assert {each.search for each in designs.values()} == {"small-search"}
    winner = designs[searched["best"]["model"]].model
    assert from_canonical(winner.architecture, "").digest() == architecture(folder / "winner.yaml").digest()
    scores = prior(store, "photos")
    assert [each.prior for each in found] == [scores[each.name] for each in found]
    assert [each.name for each in found] == sorted(
        scores.keys() & {*names, *references()}, key=lambda n: -scores[n].score
    )
    for each in designs.values():
        assert 60_000 < each.model.cost["params"] <= 200_000


@pytest.mark.slow
def test_of_designs_known_only_from_the_dataset_itself_there_is_no_prior_and_they_come_last(store):
    (store.home / "datasets" / "catalogue" / "photos.yaml").unlink()
    catalogued(store.home, PHOTOS + "like: digits\n")
    shutil.rmtree(store.home / "studies" / "idea")
    drop_textures(store)
    found, _ = of_photos(store)
    assert [each.prior is None for each in found] == [False] * 11 + [True] * 2


def drop_textures(store):
    """The search, as if its study had had one dataset."""
    path = store.home / "studies" / "small-search" / "results.csv"
    lines = [line for line in path.read_text().splitlines(keepends=True) if ",textures," not in line]
    with noting_checksums(path.parent, ["results.csv"]):
        path.write_text("".join(lines))


@pytest.mark.slow
def test_one_network_counts_once(store):
    studies = store.home / "studies"
    shutil.copytree(studies / "small-search", studies / "copied-search")
    assert len(of_photos(store)[0]) == 13
    winner = studies / "copied-search" / "winner.yaml"
    name = read_yaml(winner)["name"]
    search = studies / "copied-search" / "search.json"
    document = json.loads(search.read_text())
    document["best"]["model"] = document["finalists"][0]["model"] = "other"
    with noting_checksums(search.parent, ["search.json"]):
        search.write_text(json.dumps(document))
    winner.write_text(winner.read_text().replace(f"name: {name}", "name: other"))
    found, left_out = of_photos(store)
    assert len(found) == 13
    pairs = [("other", f"is the same network as {name}"), (name, "is the same network as other")]
    assert len(left_out) == 1 and (left_out[0].name, left_out[0].reason) in pairs
    winner.write_text(f"name: {name}\nlayers: [{{conv: {{out: 16, stride: 4}}}}]")
    found, left_out = of_photos(store)
    assert len(found) == 13 and reasons(left_out) == {name: "has the name of another design"}


@pytest.mark.slow
def test_a_search_that_is_not_what_was_written_stops_no_other(store):
    studies = store.home / "studies"
    for name in ("a-search", "b-search", "c-search"):
        shutil.copytree(studies / "small-search", studies / name)
    (studies / "a-search" / "search.json").write_text("{}")
    with noting_checksums(studies / "b-search", ["search.json"]):
        (studies / "b-search" / "search.json").write_text('{"best": null}')
    (studies / "c-search" / "winner.yaml").write_text("name: small\nlayers: [{unheard: {out: 8}}]")
    found, left_out = of_photos(store)
    assert len(found) == 13
    told = [(each.name, each.reason) for each in left_out]
    assert told[:2] == [
        ("a-search", "search.json is not what archlab wrote"),
        ("b-search", "no designs of a search can be read (KeyError: 'finalists')"),
    ]
    assert "unheard" in told[2][1] and told[2][0].startswith("small-trial")


@pytest.mark.slow
@pytest.mark.parametrize("text", [GATED, GATED.replace("import nn", "import nothing_of_this_name")])
def test_a_winners_own_blocks_are_loaded_or_it_is_left_out(store, own_code_forgotten, text):
    winner = store.home / "studies" / "small-search" / "winner.yaml"
    document = {
        "name": "gated",
        "layers": [{"conv": {"out": 16, "stride": 2}}, {"gate": {"out": 32, "stride": 2}}],
        "blocks": {"gates.py": text},
        "trained": {},
    }
    winner.write_text(json.dumps(document))
    found, left_out = of_photos(store, params=100_000)
    if text == GATED:
        (gated,) = [each for each in found if each.name == "gated"]
        assert [file.rpartition("/")[2] for file in gated.model.own_files] == ["gates.py"] and not left_out
        assert gated.search == "small-search"
        return
    ((name, reason),) = reasons(left_out).items()
    assert len(found) == 12 and "nothing_of_this_name" in reason and name.startswith("small-trial")
