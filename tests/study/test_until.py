"""Rounds of seeds with a stand-in for training, whose truth is known: who gets more, when it ends, what is said."""

import dataclasses
import json
import math
import shutil
from types import SimpleNamespace

import pytest
import standin_executor
import standin_training

import archlab
from archlab.executors import Interrupted, Settings
from archlab.foundation import UserError
from archlab.report import analyse, read_material, text
from archlab.runs import Store
from archlab.study.ablating import ablate, runs_of
from archlab.study.expecting import expect
from archlab.study.progress import Progress
from archlab.study.resolving import resolve
from archlab.study.rounds import counts
from archlab.study.until import in_rounds

OPTIONS = ("good", "bad", "like", "tiny")
STUDY = {
    "name": "rounds",
    "question": "Which is best?",
    "base": {"name": "net", "layers": [{"conv": {"out": 8, "stride": 4}}, {"conv": {"out": 8, "name": "late"}}]},
    "choices": {
        "change": {
            "none": [],
            **{name: [{"set": {"out": 8 * (2 + at)}, "where": {"name": "late"}}] for at, name in enumerate(OPTIONS)},
        }
    },
    "budget": "none",
    "suite": ["digits", "textures"],
    "matters": "2 points",
    "seeds": {"from": 2, "to": 12},
}
TRUTH = {"change=good": 6.0, "change=bad": -6.0, "change=like": 0.1, "change=tiny": 0.6}


def stand_in_for_training(monkeypatch, fails=None):
    options = {"fail": fails, "truth": TRUTH, "deviation": 1.0}
    monkeypatch.setenv("STAND_IN", json.dumps({"function": "standin_training:draw", "options": options}))


def measure_nothing(monkeypatch):
    """What takes torch and time, and is tested elsewhere: speeds, counts and latencies of the models."""
    monkeypatch.setattr("archlab.forecast.planning._measure", lambda *arguments: None)
    monkeypatch.setattr("archlab.study.computing.check_counts", lambda *arguments: None)
    monkeypatch.setattr("archlab.study.ablating.save_latencies", lambda *arguments: None)


@pytest.fixture(autouse=True)
def stand_in(monkeypatch):
    """Training is a stand-in, and nothing is measured; calling this makes the run of that name fail."""

    def fails(name):
        stand_in_for_training(monkeypatch, name)

    measure_nothing(monkeypatch)
    fails(None)
    return fails


@pytest.fixture(scope="module")
def decided(prepared, tmp_path_factory):
    """The study until it is decided, what was said meanwhile, and its store, to be copied."""
    home, heard = tmp_path_factory.mktemp("decided") / "home", Heard()
    home.mkdir()
    (home / "datasets").symlink_to(prepared / "datasets")
    with pytest.MonkeyPatch.context() as monkeypatch:
        stand_in_for_training(monkeypatch)
        measure_nothing(monkeypatch)
        return until_decided(Store(home), heard), heard, home


@pytest.fixture
def store_of_decided(decided, home):
    shutil.copytree(decided[2], home, symlinks=True)
    return Store(home)


STAND_IN = Settings(executor=standin_executor.PATH, workers=2, retries=0)


def until_decided(store, progress=None, *, within=None, **changes):
    return ablate({**STUDY, **changes}, store, STAND_IN, progress, until="decided", within=within)


def rows_about(found):
    rows = found.contrasts.rows
    return rows[rows["about"]].set_index(["option", "against"])


def without(document, *keys):
    return {key: value for key, value in document.items() if key not in keys}


class Heard(Progress):
    def __init__(self, stop_after=math.inf):
        self.said, self.rounds, self.stop_after = [], 0, stop_after

    def say(self, words):
        self.said.append(words)
        self.rounds += words.startswith("round ")
        if self.rounds >= self.stop_after:
            raise Interrupted(None)


@pytest.mark.slow
def test_rounds_end_when_all_is_decided_and_clear_contrasts_get_no_more_seeds(decided):
    found, heard, _ = decided
    document = json.loads(json.dumps(found.document, allow_nan=False))
    assert document["ended"] in ("decided", "seeds", "given_up") and document["matters"] == {"points": 2.0}
    verdicts = rows_about(found)["verdict"]
    assert verdicts["good", "none"] == "better" and verdicts["bad", "none"] == "worse"
    seeds = found.table.groupby("model")["seed"].nunique()
    assert seeds["net+change=bad"] < seeds["net+change=tiny"] and seeds["net+change=bad"] <= 6
    rounds = document["rounds"]
    assert [each["seeds"] for each in rounds] == counts(2, 12)[: len(rounds)]
    assert sum(each["runs"] for each in rounds) == found.computed == len(found.runs)
    assert all(each["decided"] + each["open"] + each["given_up"] == 10 for each in rounds)
    assert rounds[-1]["open"] == 0 or document["ended"] == "seeds"
    lines = [words for words in heard.said if words.startswith("round ")]
    assert len(lines) == len(rounds) and "change=bad worse than none (-" in lines[-1]


@pytest.mark.slow
def test_run_again_it_trains_nothing_and_says_the_same_and_so_does_a_report(decided, store_of_decided):
    first, store = decided[0], store_of_decided
    again = until_decided(store)
    assert again.computed == 0 and again.document == {**first.document, "computed": 0}
    material = read_material("rounds", store.home)
    analysis = analyse([material])
    assert analysis.answers["rounds"] == first.answer
    assert analysis.effects["rounds"].rows.equals(first.contrasts.rows)
    rounds = len(first.document["rounds"])
    assert f"\n{first.computed} runs in {rounds} rounds of seeds (" in text(analysis, "markdown")
    older = json.loads((again.folder / "ablation.json").read_text())
    for each in older["rounds"]:
        del each["seeds_by_dataset"]
    (again.folder / "ablation.json").write_text(json.dumps(older))
    (again.folder / "checksums.json").unlink()
    looks = read_material("rounds", store.home).rounds.looks
    assert looks == [{"digits": each["seeds"], "textures": each["seeds"]} for each in older["rounds"]]


@pytest.mark.slow
def test_interrupted_it_goes_on_with_the_same_call(store, decided):
    whole = decided[0].document
    with pytest.raises(Interrupted):
        until_decided(store, Heard(stop_after=2))
    stored = len(list(store.keys()))
    assert 20 <= stored < len(whole["cells"]) // 2
    continued = until_decided(store)
    assert without(continued.document, "computed") == without(whole, "computed")
    assert continued.computed == len(whole["cells"]) // 2 - stored


@pytest.mark.slow
def test_more_stored_seeds_than_a_round_has_change_nothing(store, decided):
    """Runs of other studies of the same models are used, and not looked at before their round."""
    ablate({**STUDY, "name": "other", "seeds": 12}, store, STAND_IN)
    found = until_decided(store)
    assert found.computed == 0
    assert without(decided[0].document, "computed") == without(found.document, "computed")


@pytest.mark.slow
def test_a_model_with_a_failed_run_keeps_fewer_seeds_and_the_rest_goes_on(store, stand_in):
    stand_in("net+change=tiny on digits, seed 2")
    found = until_decided(store)
    seeds = found.table.groupby("model")["seed"].nunique()
    assert [failure.run.seed for failure in found.failed] == [2]
    assert seeds["net+change=tiny"] == 3 < seeds["net+change=like"]
    assert len(rows_about(found)) == 10 and rows_about(found)["verdict"]["good", "none"] == "better"


@pytest.mark.slow
def test_without_time_for_a_round_it_stops_and_goes_on_later(store, monkeypatch):
    wall = property(lambda plan: 200.0 if len(plan.missing) == 20 else 210.0)
    monkeypatch.setattr("archlab.forecast.planning.Plan.wall", wall)
    heard = Heard()
    found = until_decided(store, heard, within=205)
    assert found.document["ended"] == "time" and len(found.document["rounds"]) == 1
    assert "the time is over, 3 min 25 s" in heard.said[-2]
    assert len(until_decided(store, within="1h").document["rounds"]) > 1
    with pytest.raises(UserError, match="the first round takes about 3 min 20 s: more than there is within 1 min 30 s"):
        until_decided(store, within="90s", name="other", recipe={"like": "quick", "steps": 7})


@pytest.mark.slow
def test_a_round_is_planned_for_the_workers_that_will_compute_it(store, monkeypatch):
    """Those that a cluster has room for, whatever cores are here."""
    four = dataclasses.replace(STAND_IN, workers=4)
    monkeypatch.setattr("archlab.study.until.with_workers", lambda settings, runs, store: four)
    wall = property(lambda plan: 800.0 / plan.workers if len(plan.missing) == 20 else 1000.0)
    monkeypatch.setattr("archlab.forecast.planning.Plan.wall", wall)
    found = until_decided(store, within=300)
    assert found.document["ended"] == "time" and len(found.document["rounds"]) == 1


@pytest.mark.slow
def test_references_of_the_frame_get_seeds_as_long_as_an_xscore_is_open(store):
    net = STUDY["base"]["layers"]
    others = [
        {"name": name, "layers": [net[0], {"conv": {"out": out, "kernel": 3}}]}
        for name, out in (("weak", 48), ("strong", 56))
    ]
    found = until_decided(store, matters="0.3 of xScore", compare=others, seeds={"from": 2, "to": 6})
    seeds = found.table.groupby("model")["seed"].nunique()
    assert set(rows_about(found)["measure"]) == {"xscore"}
    assert seeds["weak"] == seeds["strong"] == found.document["rounds"][-1]["seeds"]


@pytest.mark.slow
def test_a_program_says_until_and_within(store):
    found = archlab.ablate(STUDY, until="decided", within="2h", matters="3 points", store=store.home, settings=STAND_IN)
    assert found.document["study"] == "rounds+matters=3_points" and found.document["ended"]
    with pytest.raises(UserError, match="goes on until it is `decided` - did you mean 'decided'"):
        archlab.ablate(STUDY, until="decidet", store=store.home)
    with pytest.raises(UserError, match="say `until` too"):
        archlab.ablate(STUDY, within="2h", store=store.home)
    with pytest.raises(UserError, match="there is nothing to decide"):
        archlab.ablate({**STUDY, "choices": {}}, until="decided", store=store.home)


@pytest.mark.slow
def test_without_until_a_study_has_the_seeds_that_rounds_start_from(store):
    found = ablate(STUDY, store, STAND_IN)
    assert found.computed == 5 * 2 * 2 and "rounds" not in found.document
    assert set(rows_about(found)["measure"]) == {"points"}
    assert resolve({**STUDY, "seeds": 3}, store.home).most_seeds is None


def test_what_is_expected_counts_no_stored_seed_for_the_next_and_trains_nothing(store, monkeypatch):
    """Beforehand, with seeds up to the fourth stored, one run damaged, and a second for each run that is not."""
    study = in_rounds(resolve(STUDY, store.home))
    for run in runs_of(dataclasses.replace(study, seeds=[0, 1, 2, 3]), store.home):
        options = {"truth": TRUTH, "deviation": 1.0, "fail": None}
        store.put(run, standin_training.draw(run, home=None, folder=None, report=None, **options))
    (store.directory(run.key) / "result.json").write_text("{")

    def planned(runs, store, *, measure):
        return SimpleNamespace(work=sum(run.key not in store for run in runs))

    monkeypatch.setattr("archlab.study.expecting.plan", planned)
    found = expect(study, SimpleNamespace(wall=0.0, workers=2), store, within=26.0)
    assert found.seeds == 7  # five models on two datasets by two workers: 5 s for each seed after the second
    assert {family.source for family in found.families} == {"from stored runs of the study"}
    assert store.get(run.key) is None


@pytest.mark.slow
def test_the_command_tells_rounds_the_table_and_the_answer_of_a_study_without_a_question(store, command, tmp_path):
    path = tmp_path / "rounds.yaml"
    path.write_text(json.dumps({key: value for key, value in STUDY.items() if key != "question"}))  # JSON is YAML
    given = ("ablate", "--spec", path, "--executor", standin_executor.PATH, "--store", store.home, "--until", "decided")
    code, out, err = command(*given, "--within", "2h")
    assert code == 0, err
    assert "round 1, 2 seeds: " in err and "; ended: " in err
    assert "change=good is better than none (+" in out and "net+change=bad" in out
    again = command(*given, "--json")
    assert json.loads(again[1])["computed"] == 0 and json.loads(again[1])["ended"] in ("decided", "seeds", "given_up")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--until", "deciced"), "'deciced' is not 'decided'"),
        (("--within", "2h"), "say `until` too"),
        (("--until", "decided", "--within", "2"), "within: a time is `90s`, `30m`, `2h` or `1h30m`, not '2'"),
        (("--matters", "2 pts"), "matters is a difference above 0, `1 point` or `0.05 of xScore`"),
    ],
)
def test_wrong_options_are_one_line(command, options, message):
    code, out, err = command("ablate", "--dry-run", *options)
    assert (code, out, err.count("\n")) == (2, "", 1) and message in err


@pytest.mark.slow
def test_a_study_whose_only_option_fails_on_a_dataset_is_not_decided(store, stand_in):
    one = {"change": {name: STUDY["choices"]["change"][name] for name in ("none", "good")}}
    stand_in("net+change=good on textures")
    found = until_decided(store, choices=one, seeds={"from": 2, "to": 4})
    assert found.ended == "failed" and len(found.failed) == 2
    assert "cannot be answered over all datasets: runs are missing" in found.answer


@pytest.mark.slow
def test_what_matters_in_xscore_is_not_decided_without_one(store, stand_in):
    """One of the two references that make the frame lacks a dataset."""
    other = {"name": "other", "layers": [{"conv": {"out": 4, "stride": 4}}]}
    stand_in("other on textures")
    found = until_decided(store, matters="0.1 of xScore", compare=[STUDY["base"], other], seeds={"from": 2, "to": 4})
    assert found.ended == "failed" and found.scored.frame is None
