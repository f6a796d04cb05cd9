"""A whole search with stand-ins for training: what is tried, kept, repeated, found again, and written."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter

import optuna
import pytest
from search_program import run
from small_search import STUDY, computed, study_of, trials_of

from archlab.architecture import InputSpec, architecture
from archlab.budget import count
from archlab.foundation import UserError
from archlab.runs import Store
from archlab.study.loading import load_study
from archlab.study.resolving import resolve
from archlab.study.search.backends import open_storage
from archlab.study.search.basis import basis
from archlab.study.search.designs import Designs


@pytest.mark.slow
def test_a_full_disk_burns_no_trial(place, searched):
    """Whoever goes on repeats what was at work, and ends where an undisturbed search does."""
    whole, broken = searched[0], place("broken")
    study = study_of(broken)
    (broken / "full").touch()
    for _ in range(3):
        with pytest.raises(UserError, match="No space left on device: what has ended is kept"):
            run(study, broken)
    (broken / "full").unlink()
    run(study, broken, resume=True)
    ended = [
        [(trial.user_attrs["design"], trial.values, trial.user_attrs.get("failed")) for trial in trials_of(home)]
        for home in (whole, broken)
    ]
    assert ended[0] == ended[1] and not any(failed for _, _, failed in ended[1])


@pytest.mark.slow
def test_a_search_tries_every_design_once_within_the_budget_and_its_winner_is_a_file(searched, after_search):
    (_, found), home = searched, after_search
    document = found.document
    trials = document["trials"]
    assert not found.failures and [trial["number"] for trial in trials] == list(range(12))
    assert Counter(computed(home)).most_common(1)[0][1] == 1
    assert len(computed(home)) == document["computed"]
    assert all(trial["params"] <= 20_000 for trial in trials) and len({trial["model"] for trial in trials}) == 12
    assert {trial["state"] for trial in trials} == {"complete", "pruned"}
    assert all(len(trial["accuracies"]) in (1, 2) for trial in trials if trial["state"] == "pruned")
    assert trials[0]["model"].startswith("net+kernel.layer2=3+kernel.layer3=3+depth.layer2=1+depth.layer3=1")
    assert trials[1]["values"]["attention"] == "se" and trials[1]["values"]["kernel.layer2"] == 5

    names = {row["model"] for row in document["scores"]}
    assert names == {"one", "two", "three", "four", *(each["model"] for each in document["finalists"])}
    assert document["frame"]["split"] == "test" and document["search"]["frame"]["split"] == "validation"
    best = document["best"]
    assert repr(found) == f"tiny-search: 12 trials, the best is {best['model']}, results in {found.folder}"
    gain = next(trial["xscore"] for trial in trials if trial["number"] == best["trial"])
    assert best["found"]["gain"] == pytest.approx(gain - document["search"]["best_reference"]["xscore"])
    assert document["search"]["rival"] in best["against"] and len(best["against"]) == 4
    assert best["against"][document["search"]["rival"]]["gain"] == best["test"]["gain"]
    if best["validation"]["gain"] > 0:
        assert best["survived"] == pytest.approx(best["test"]["gain"] / best["validation"]["gain"])
    assert best["test"]["gain_low"] < best["test"]["gain"] < best["test"]["gain_high"]
    cost = count(architecture(best["file"]), InputSpec(12, 32))
    assert (cost.params, cost.macs) == (best["params"], best["macs"])
    assert resolve({"base": best["file"], "suite": ["digits"], "budget": "none"}, home).models[0].width == 1.0

    again = run(study_of(home), home)
    assert again.document["computed"] == 0 and again.document["trials"] == trials
    more = run(study_of(home), home, trials=14)
    assert len(more.document["trials"]) == 14 and Counter(computed(home)).most_common(1)[0][1] == 1


@pytest.mark.slow
def test_optuna_reads_the_trials(place):
    home = place()
    run(study_of(home), home, trials=6)
    for trial in trials_of(home):
        assert {"model", "width", "params", "macs", "accuracies", "runs", "seconds"} <= set(trial.user_attrs)
        assert list(trial.intermediate_values) == list(range(1, len(trial.user_attrs["accuracies"]) + 1))
        assert trial.params["depth.layer2"] in (1, 2, 3, 4)


@pytest.mark.slow
def test_designs_that_are_behind_end_in_the_middle_of_their_first_run(place):
    home = place()
    document = run(study_of(home), home, epochs=4, pause=0.1).document
    middle, rungs = document["search"]["middle"], document["search"]["rungs"]
    assert middle["epoch"] == 2 and [rung["after"] for rung in rungs] == [0, 1, 2]
    assert rungs[0]["designs"] == 4 + 12 > rungs[1]["designs"] >= rungs[2]["designs"]
    early = [trial for trial in document["trials"] if trial["state"] == "pruned" and not trial["accuracies"]]
    assert early and all(trial["middle"]["epoch"] == 2 for trial in document["trials"])
    stored = {path.name for path in home.glob("runs/??/*")}
    assert len(set(computed(home)) - stored) == len(early)
    assert document["cost"]["training_seconds"]["trials"] >= 5 * len(early)


@pytest.mark.slow
def test_a_new_search_knows_what_the_store_holds_and_a_space_that_gains_an_option_keeps_its_trials(after_search):
    home = after_search
    before = len(computed(home))
    fresh = run(study_of(home), home, str(home / "other.log"), trials=2)
    known = [trial for trial in fresh.document["trials"] if trial["known"]]
    assert len(known) == 12 and len(fresh.document["trials"]) == 14
    assert all(trial["runs"] for trial in known)

    wider = STUDY.replace("none: []", "none: []\n    eca: [{set: {channel_attention: eca}, where: {name: body}}]")
    grown = run(study_of(home, wider), home, trials=1)
    assert sum(trial["known"] for trial in grown.document["trials"]) >= 12
    assert Counter(computed(home)).most_common(1)[0][1] == 1 and len(computed(home)) > before


@pytest.mark.slow
def test_a_small_space_ends_the_search(place):
    home = place()
    text = (
        STUDY[: STUDY.index("choices:")]
        + "choices: {depth: {one: [], two: [{set: {repeat: 2}, where: {name: body}}]}}\n"
    )
    text += STUDY[STUDY.index("budget:") :].replace(", start: [{kernel.layer2: 5, attention: se}]", "")
    found = run(study_of(home, text), home)
    assert len(found.document["trials"]) == 2 and found.document["search"]["exhausted"]
    assert any("ended early" in warning for warning in found.document["warnings"])


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_designs_that_share_their_runs_all_end(place):
    """One of them is trained as the recipe says anyway."""
    home = place()
    text = STUDY[: STUDY.index("choices:")]
    text += "choices: {smooth: {plain: [], same: [{recipe: {label_smoothing: 0.05}}]}}\n"
    text += STUDY[STUDY.index("budget:") :].replace(", start: [{kernel.layer2: 5, attention: se}]", "")
    one, other = run(study_of(home, text), home, workers=2, trials=2).document["trials"]
    assert {one["state"], other["state"]} <= {"complete", "pruned"} and one["runs"] == other["runs"] != {}
    assert Counter(computed(home)).most_common(1)[0][1] == 1


@pytest.mark.slow
def test_a_design_that_cannot_keep_the_budget_is_never_a_trial(place):
    home = place()
    text = STUDY.replace("20k", "6k").replace("range: [1, 4]", "range: [1, 40]")
    found = run(study_of(home, text), home, trials=10)
    assert len(found.document["trials"]) == 10 and all(trial["params"] <= 6000 for trial in found.document["trials"])


@pytest.mark.slow
def test_a_failed_run_costs_its_trial_alone(place):
    home = place()
    found = run(study_of(home), home, fail="attention=se")
    failed = [trial for trial in found.document["trials"] if trial["state"] == "failed"]
    assert failed and all("attention=se" in trial["model"] for trial in failed)
    assert len(found.document["trials"]) == 12 and len({trial["model"] for trial in found.document["trials"]}) == 12
    assert any("told to fail" in failure for failure in found.failures)
    assert "attention=se" not in found.document["best"]["name"]


@pytest.mark.slow
def test_the_first_failed_run_can_end_the_search(place):
    home = place()
    found = run(study_of(home), home, workers=2, fail="attention=se", fail_fast=True)
    trials = found.document["trials"]
    assert sum(trial["state"] == "failed" for trial in trials) == 1 and len(trials) < 12
    assert any("told to fail" in failure for failure in found.failures) and found.document["best"] is None
    assert (
        len(computed(home)) < 2 * 4 * 4
    )  # the references with one seed; a final table would train them with the other too
    assert len(run(study_of(home), home).document["trials"]) == 12


@pytest.mark.slow
def test_a_failed_reference_can_end_the_search_before_its_first_trial(place):
    home = place()
    with pytest.raises(
        UserError, match=r"a reference failed, and designs are held against them: two on .* told to fail"
    ):
        run(study_of(home), home, fail="two", fail_fast=True)
    assert not trials_of(home)


@pytest.mark.slow
def test_references_that_failed_before_the_first_trial_are_among_the_failed(place):
    home = place()
    text = STUDY.replace("trials: 12", "trials: 1, recipe: {like: quick, steps: 3}")
    found = run(study_of(home, text), home, fail="four")
    assert found.document["failed"] == [failure.document() for failure in found.failed]
    assert len(found.failed) == 4 + 2 * 4  # with the recipe of the trials, and with that of the final table


@pytest.mark.slow
def test_scores_of_a_search_are_in_one_frame_whenever_a_reference_came_to_it(place):
    home = place()
    before = run(study_of(home), home, fail="four").document
    found = run(study_of(home), home).document
    frame, best = found["search"]["frame"]["datasets"], found["best"]
    assert frame != before["search"]["frame"]["datasets"]
    complete = {trial["number"]: trial for trial in found["trials"] if set(frame) <= set(trial["accuracies"] or ())}
    assert best["trial"] in complete
    for trial in complete.values():
        shares = [(trial["accuracies"][name] - low) / (high - low) for name, (low, high) in frame.items()]
        assert trial["mean"] == pytest.approx(sum(shares) / len(shares))
    gain = complete[best["trial"]]["xscore"] - found["search"]["best_reference"]["xscore"]
    assert best["found"]["gain"] == pytest.approx(gain)


@pytest.mark.slow
def test_references_count_by_what_they_are_whatever_they_were_stored_as(place):
    home = place()
    first = STUDY.replace("name: one", "name: eins").replace("trials: 12", "trials: 1")
    run(study_of(home, first), home)
    twice = STUDY.replace("compare:\n", "compare:\n  - {name: again, layers: [{conv: {out: 16, stride: 4}}]}\n")
    store = Store(home)
    known = basis(Designs(load_study(study_of(home, twice), home=home), home), store)
    assert set(known.references) == {"again", "two", "three", "four"}


def beaten_by_none(trials, second):
    """Numbers of the trials of which none other is as good in both objectives and better in one."""

    def beats(one, other):
        both = one["xscore"] >= other["xscore"] and one[second] <= other[second]
        return both and (one["xscore"], one[second]) != (other["xscore"], other[second])

    return [each["number"] for each in trials if not any(beats(other, each) for other in trials)]


@pytest.mark.slow
def test_multiply_accumulates_as_a_second_objective(place):
    home = place()
    found = run(study_of(home, STUDY.replace("trials: 12", "trials: 12, objective: xscore_and_macs")), home)
    trials = found.document["trials"]
    assert all(trial["state"] == "complete" for trial in trials) and found.document["search"]["rungs"] == []
    assert found.document["pareto"] == beaten_by_none(trials, "macs")


@pytest.mark.slow
def test_latency_as_a_second_objective(place):
    home = place()
    change = ("trials: 12", "trials: 3, objective: xscore_and_latency")
    found = run(study_of(home, STUDY.replace(*change)), home)
    trials = found.document["trials"]
    assert len(trials) == 3 and all(0.01 < trial["latency_ms"] < 1000 for trial in trials)
    assert found.document["pareto"] == beaten_by_none(trials, "latency_ms")
    assert run(study_of(home, STUDY.replace(*change)), home).document["trials"] == found.document["trials"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("start: [{kernel.layer2: 5", "start: [{kernel.layer9: 5"), "nothing open is called 'kernel.layer9'"),
        (("start: [{kernel.layer2: 5", "start: [{kernel.layer2: 4"), "kernel.layer2"),
        (("trials: 12", "trails: 12"), "did you mean 'trials'"),
        (("trials: 12", "recipe: quik"), "did you mean 'quick'"),
        (("trials: 12", "keep: 2"), "keep must be a number from 0.01 to 1"),
        (("trials: 12", "keep: 0"), "keep must be a number from 0.01 to 1"),
        (("[digits, textures, elpv, pines]", "[digits]"), "tiny.yaml:2: a search needs at least two datasets"),
        (
            ("trials: 12", "datasets: 2"),
            "4 architectures to compare cannot validate a choice of 2 datasets: 5 are needed",
        ),
    ],
)
def test_what_is_wrong_is_said_before_anything_runs(place, change, message):
    home = place()
    with pytest.raises(UserError, match=message):
        run(study_of(home, STUDY.replace(*change)), home)
    assert not (home / "executions").exists()


def test_a_plan_counts_on_the_room_of_a_cluster(place, command, monkeypatch):
    monkeypatch.setattr("archlab.executors.with_room", lambda settings: dataclasses.replace(settings, workers=7))
    home = place()
    code, out, err = command("search", "--spec", study_of(home), "--store", home, "--dry-run", "--json")
    assert code == 0 and json.loads(out)["workers"] == 7, err


def test_a_plan_begins_no_search(place, command):
    home = place()
    journal = home / "trials.log"
    plan = ("search", "--spec", study_of(home), "--store", home, "--storage", journal, "--dry-run", "--json")
    code, out, err = command(*plan)
    assert code == 0 and json.loads(out)["tried"] == 0 and not journal.exists(), err
    optuna.create_study(study_name="another", storage=open_storage(journal, home))
    before = journal.read_bytes()
    code, out, err = command(*plan)
    assert code == 0 and json.loads(out)["tried"] == 0 and journal.read_bytes() == before, err


@pytest.mark.slow
def test_nothing_to_resume(place):
    home = place()
    with pytest.raises(UserError, match="no search of tiny to go on with"):
        run(study_of(home), home, resume=True)


@pytest.mark.slow
def test_a_search_by_a_metric_that_is_better_when_lower_finds_the_lowest(place):
    home = place()
    document = run(study_of(home, f"{STUDY}metric: log_loss\n"), home).document
    assert all(
        worst > best for part in (document, document["search"]) for worst, best in part["frame"]["datasets"].values()
    )
    complete = [trial for trial in document["trials"] if trial["state"] == "complete"]
    best = max(complete, key=lambda trial: trial["xscore"])
    losses = [sum(trial["accuracies"].values()) for trial in complete]
    assert sum(best["accuracies"].values()) <= sorted(losses)[len(losses) // 3]
    cells = [cell for cell in document["cells"] if cell["split"] == "test"]
    assert all(cell["value"] == pytest.approx(1 - cell["accuracy"]) for cell in cells)
