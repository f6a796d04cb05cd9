"""A budget of latency: models are timed before anything is trained, and what is above it is not."""

from __future__ import annotations

import json

import pytest
from made_up_times import SLOW, Said, called, has_attention
from small_search import STUDY, study_of
from small_study import STAND_IN

from archlab.deploy import extras
from archlab.foundation import UserError
from archlab.runs import Store
from archlab.study.ablating import ablate
from archlab.study.latency import networks_to_time
from archlab.study.resolving import resolve

pytestmark = pytest.mark.usefixtures("stand_in")
SMALL = {
    "name": "idea",
    "base": {
        "name": "net",
        "layers": [{"conv": {"out": 8, "stride": 4}}, {"inverted_residual": {"out": 16, "expand": 2, "stride": 2}}],
    },
    "compare": [
        {"name": name, "layers": [{"conv": {"out": out, "stride": 4}}]} for name, out in (("one", 8), ("two", 12))
    ],
    "choices": {"attention": {"none": [], "se": [{"set": {"channel_attention": "se"}, "where": {"layer": 2}}]}},
    "suite": ["digits", "textures"],
    "seeds": 1,
    "budget": "5k",
}
LIMITED = {**SMALL, "budget": {"params": "5k", "latency": "5ms"}}
SEARCH = STUDY.replace("params: 20k", "params: 20k, latency: 5ms")


@pytest.mark.slow
def test_a_variant_above_it_is_refused_by_name_before_anything_is_trained_and_timed_once(store, times):
    asked, said = times(), Said()
    for _ in range(2):
        with pytest.raises(
            UserError, match=r"above the budget of 5 ms of latency on this machine: net.attention=se takes 9 ms;"
        ):
            ablate(LIMITED, store, STAND_IN, said)
    assert not list(store.keys()) and sorted(asked) == ["net", f"net+{SLOW}", "one", "two"]
    assert "idea: 3 of 4 networks keep 5 ms of latency, measured on a machine" in said.lines
    assert sum("timing 4 networks" in line for line in said.lines) == 1


@pytest.mark.slow
def test_within_it_results_are_those_without_it_and_nothing_is_timed_again_for_its_file(store, times):
    asked = times(slow=called("nothing"))
    found = ablate(LIMITED, store, STAND_IN)
    assert found.computed == 8 and len(asked) == len(set(asked)) == 4
    kept = json.loads((found.folder / "latencies.json").read_text())
    assert {model: each[0]["median_ms"] for model, each in kept.items()} == dict.fromkeys(asked, 3.0)
    without = ablate(SMALL, store, STAND_IN)
    assert without.computed == 0, "keys are the same"
    assert without.document == {**found.document, "computed": 0}


@pytest.mark.slow
def test_a_reference_above_it_is_warned_of_and_trained(store, times):
    times(slow=called("two"))
    said = Said()
    found = ablate(LIMITED, store, STAND_IN, said)
    assert found.computed == 8 and "two" in found.document["frame"]["models"]
    (warning,) = [line for line in said.lines if line.startswith("warning: references above 5 ms of latency")]
    assert warning.endswith("two takes 9 ms")


@pytest.mark.slow
def test_a_variant_that_shows_an_edit_without_the_budget_may_be_above_it(store, times):
    times(slow=called("@raw"))
    assert ablate({**LIMITED, "effects": ["equal_budget", "raw"]}, store, STAND_IN).computed
    times()
    with pytest.raises(UserError, match=r"net.attention=se takes 9 ms"):
        ablate({**LIMITED, "budget": {"params": "none", "latency": "5ms", "fit": "none"}}, store)


def test_what_cannot_be_measured_is_not_known_to_keep_it(store, times):
    times(unknown=has_attention)
    with pytest.raises(UserError, match=r"net.attention=se cannot be measured; leave these options out"):
        ablate(LIMITED, store, STAND_IN)


def test_of_a_model_with_other_forms_all_must_keep_it(store, times):
    form = {"models": ["net"], "datasets": ["digits"], "edits": [{"set": {"kernel": 5}, "where": {"layer": 2}}]}
    asked = times(slow=called("on digits"))
    with pytest.raises(UserError, match=r"net.attention=se on digits takes 9 ms"):
        ablate({**LIMITED, "forms": [form]}, store, STAND_IN)
    assert {"net on digits", f"net+{SLOW} on digits"} < set(asked)


@pytest.mark.slow
@pytest.mark.parametrize("call", ["build", "ablate", "search"])
def test_without_the_extra_one_line_says_which_before_anything_runs(call, command, place, monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    home = place()
    code, out, err = command(call, "--spec", study_of(home, SEARCH), "--store", home)
    assert (code, out) == (
        2,
        "",
    ) and "`budget: latency` needs onnx and onnxscript and onnxruntime: pip install 'archlab[onnx]'" in err
    assert err.count("\n") == 1 and not list(Store(home).keys())


@pytest.mark.slow
def test_build_shows_it_and_ends_with_1_for_a_variant_alone(command, tmp_path, times):
    times()
    path = tmp_path / "idea.yaml"
    path.write_text(json.dumps(LIMITED))
    code, out, _ = command("build", "--spec", path, "--store", tmp_path / "store", "--json")
    document = json.loads(out)
    assert code == 1 and document["budget"]["latency_ms"] == 5.0
    assert document["budget"]["latency_measured_on"] == "a machine"
    assert {each["name"]: (each["latency_ms"], each["within_budget"]) for each in document["models"]} == {
        "net": (3.0, True),
        "two": (3.0, True),
        "one": (3.0, True),
        f"net+{SLOW}": (9.0, False),
    }
    code, out, err = command("build", "--spec", path, "--store", tmp_path / "store")
    rows = {line.split()[0]: line.split() for line in out.splitlines() if line}
    assert code == 1 and rows[f"net+{SLOW}"][-4:] == ["9.00", "ms", "180.0%", "NO"]
    assert "Budget: 5,000 parameters and 5 ms of latency" in out and "measured on a machine" in out
    assert f"note: net+{SLOW}: takes 9 ms, above 5 ms of latency" in err

    times(slow=called("two"))
    code, _, err = command("build", "--spec", path, "--store", tmp_path / "other")
    assert code == 0 and "note: two: takes 9 ms, above 5 ms of latency, and would be trained all the same" in err


@pytest.mark.slow
def test_a_plan_says_how_many_networks_it_will_time(command, place, times):
    asked, home = times(slow=called("nothing")), place()
    path = home / "idea.yaml"
    path.write_text(json.dumps(LIMITED))
    _, out, _ = command("ablate", "--spec", path, "--store", home, "--dry-run")
    assert "4 networks are timed in ONNX Runtime before anything is trained" in out and not asked
    _, out, _ = command("ablate", "--spec", path, "--store", home, "--dry-run", "--json")
    assert json.loads(out)["networks_to_time"] == 4
    ablate(path, Store(home), STAND_IN)
    assert networks_to_time(resolve(path, home), Store(home)) == 0
    _, out, _ = command("ablate", "--spec", path, "--store", home, "--dry-run")
    assert "timed" not in out
    _, out, _ = command("search", "--spec", study_of(home, SEARCH), "--store", home, "--dry-run", "--json")
    assert json.loads(out)["networks_to_time"] == 4 + 12


@pytest.mark.slow
def test_real_times_decide(timed, store):
    """A network of many layers takes longer than one of few: a limit between the two refuses the one and not the other."""
    deeper = [{"set": {"repeat": 40}, "where": {"layer": 2}}]
    base = {"name": "net", "layers": [{"conv": {"out": 8, "stride": 2}}, {"conv": {"out": 8}}]}
    study = {
        "name": "real",
        "base": base,
        "choices": {"depth": {"few": [], "many": deeper}},
        "suite": ["digits", "textures"],
    }
    study["budget"] = {"params": "none", "fit": "none"}
    found = Said()
    with pytest.raises(UserError, match=r"net.depth=many takes [0-9.]+ ms;"):
        ablate({**study, "budget": {**study["budget"], "latency": "0.001ms"}}, store, STAND_IN, found)
    assert any("0 of 2 networks keep 0.001 ms of latency" in line and "ONNX Runtime" in line for line in found.lines)
    (few, many) = (each["median_ms"] for each in _kept_times(store))
    assert 0 < few < many
    limit = f"{(few + many) / 2:.5f}ms"
    with pytest.raises(UserError, match=r"variants are above .*: net.depth=many takes") as raised:
        ablate({**study, "budget": {**study["budget"], "latency": limit}}, store, STAND_IN)
    assert "net takes" not in str(raised.value)
    enough = f"{2 * many:.5f}ms"
    assert ablate({**study, "budget": {**study["budget"], "latency": enough}}, store, STAND_IN).computed


def _kept_times(store):
    files = (store.home / "cache" / "latencies").glob("*.json")
    return sorted((json.loads(file.read_text())["value"][0] for file in files), key=lambda each: each["median_ms"])
