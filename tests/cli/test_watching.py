import dataclasses
import io
import json
import resource
from contextlib import nullcontext
from pathlib import Path

import pytest
from rich.console import Console
from standin import compute, make_run

from archlab.cli.progress import ShownProgress, _Accuracies
from archlab.cli.running import try_out
from archlab.cli.watching import Watch, duration
from archlab.executors import Settings
from archlab.foundation import UserError
from archlab.runs import Event, EventLog, Store


def console(terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=120)


def study():
    return [make_run(seed) for seed in range(3)] + [make_run(recipe={"fault": "raise"})]


@pytest.mark.parametrize("quiet", [False, True])
def test_away_from_a_terminal_there_is_a_line_a_run(tmp_path, quiet):
    with Watch(4, 1, quiet=quiet, console=console(terminal=False)) as watch:
        compute(study(), Store(tmp_path), retries=1, on_event=watch)
    lines = watch.console.file.getvalue().splitlines()
    failed = [line for line in lines if "failed: ValueError: a loss of two lines" in line]
    assert len(failed) == 1
    assert len(lines) == (1 if quiet else 5)  # three finished, one retried, one failed
    if not quiet:
        assert sum(line.startswith("[4/4]") for line in lines) == 1
        assert any("toy on digits, seed 0: " in line for line in lines)


def test_on_a_terminal_the_picture_counts(tmp_path):
    watch = Watch(4, 1, console=console(terminal=True), below=lambda: "the table so far")
    pictures = []

    def show(event):
        watch(event)
        picture = console(terminal=False)
        picture.print(watch._picture())
        pictures.append(picture.file.getvalue())

    with watch:
        compute(study(), Store(tmp_path), retries=0, on_event=show)
    assert "0 of 4 runs done, 1 running, 0 failed" in pictures[0]
    assert "3 of 4 runs done, 0 running, 1 failed" in pictures[-1] and "0 s left" in pictures[-1]
    assert any("epoch 2" in picture and "toy on digits, seed 0" in picture for picture in pictures)
    assert "the table so far" in pictures[0]


def test_the_table_so_far_has_names_as_they_are():
    table, stored = _Accuracies(), {"metrics": {"validation": {"accuracy": 0.5}}}
    table(Event("stored", dataclasses.replace(make_run(), model="toy[/red]", dataset="[bold]"), stored=stored))
    shown = console(terminal=False)
    shown.print(table.picture())
    heading, row = shown.file.getvalue().splitlines()
    assert heading.split()[-1] == "[bold]" and row.split() == ["toy[/red]", "0.500"]


def test_time_left_follows_the_predictions():
    runs = [make_run(seed) for seed in range(4)]
    predicted = {run.key: seconds for run, seconds in zip(runs, (10, 10, 20, 40), strict=True)}
    watch = Watch(4, 2, predicted=predicted, quiet=True, console=console(terminal=False))
    assert watch.seconds_left() is None
    watch(Event("finished", runs[0], {"seconds": 20.0}))  # everything takes twice as long
    assert watch.seconds_left() == pytest.approx(2 * 70 / 2)
    for run in runs[1:3]:
        watch(Event("finished", run, {"seconds": 2 * predicted[run.key]}))
    assert watch.seconds_left() == pytest.approx(80)  # one run is left: the second worker is of no use

    watch = Watch(4, 2, quiet=True, console=console(terminal=False))
    watch(Event("stored", runs[0]))
    watch(Event("finished", runs[1], {"seconds": 6.0}))
    assert watch.seconds_left() == pytest.approx(6)

    watch = Watch(2, 1, predicted={runs[1].key: 60.0}, quiet=True, console=console(terminal=False))
    watch(Event("finished", runs[0], {"seconds": 6.0}))
    assert watch.seconds_left() is None, "nothing that was predicted has ended"


def test_events_are_json_lines(tmp_path):
    log = EventLog(tmp_path / "studies" / "toy" / "events.jsonl")
    run = make_run()
    compute([run], Store(tmp_path), on_event=log)
    lines = [json.loads(line) for line in log.path.read_text().splitlines()]
    assert [line["event"] for line in lines] == ["started", "epoch", "epoch", "finished"]
    assert all((line["key"], line["dataset"], line["seed"]) == (run.key, "digits", 0) for line in lines)
    assert lines[1]["epoch"] == 1 and lines[3]["seconds"] > 0


def test_an_event_log_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"file/events\.jsonl: events cannot be written: (Not a directory|File exists)"):
        EventLog(tmp_path / "file" / "events.jsonl")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_an_event_log_whose_disk_is_full_stops_nothing(caplog):
    log = EventLog("/dev/full")
    for _ in range(3):
        log(Event("started", make_run()))
    assert [record.getMessage() for record in caplog.records] == [
        "warning: /dev/full lacks events: No space left on device"
    ]


def test_an_event_log_has_whole_lines_after_a_full_disk(tmp_path):
    log, limits = EventLog(tmp_path / "events.jsonl"), resource.getrlimit(resource.RLIMIT_FSIZE)
    log(Event("started", make_run(0)))
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.path.stat().st_size + 20, limits[1]))
    try:
        log(Event("started", make_run(1)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    log(Event("started", make_run(2)))
    assert [json.loads(line)["seed"] for line in log.path.read_text().splitlines()] == [0, 2] and not log.complete


def test_a_quiet_search_tells_of_the_trials_that_failed_alone(capsys):
    from optuna.trial import TrialState, create_trial

    progress = ShownProgress(quiet=True, events=None, on_found=None)
    told = (TrialState.PRUNED, {"xscore": 0.5}), (TrialState.FAIL, {"failed": "ValueError: no"})
    for number, (state, attributes) in enumerate(told):
        trial = create_trial(state=state, user_attrs={"model": f"m{number}", **attributes})
        trial.number = number
        progress.trial(trial, 0.5)
    assert capsys.readouterr().err == "trial 1: failed, ValueError: no (best so far 0.500): m1\n"


def test_a_smoke_test_counts_the_runs_that_it_tries(tmp_path, monkeypatch):
    """A pretraining may be one model on one dataset in two recipes."""
    monkeypatch.setattr("archlab.forecast.smoke", lambda *_, **__: [])
    progress, totals = ShownProgress(quiet=True, events=None, on_found=None), []
    monkeypatch.setattr(progress, "watching", lambda total, workers: nullcontext(totals.append(total)))
    runs = [make_run(0), make_run(1), make_run(recipe={"epochs": 3})]
    assert try_out("tiny", runs, Store(tmp_path), Settings(workers=1), progress, as_json=False) == 0
    assert totals == [2]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(7.6, "8 s"), (59.7, "1 min 00 s"), (200, "3 min 20 s"), (7500, "2 h 05 min"), (273600, "3 d 4 h")],
)
def test_durations(seconds, words):
    assert duration(seconds) == words


def test_control_characters_in_names_and_causes_are_told_visibly():
    watch, run = Watch(1, 1, console=console(terminal=False)), dataclasses.replace(make_run(), model="\x1b[2Jtoy")
    watch(Event("failed", run, {"cause": "\x9bno"}))
    assert watch.console.file.getvalue() == "[1/1] \\x1b[2Jtoy on digits, seed 0 failed: \\x9bno\n"
    table, shown = _Accuracies(), console(terminal=False)
    table(Event("stored", run, stored={"metrics": {"validation": {"accuracy": 0.5}}}))
    shown.print(table.picture())
    assert shown.file.getvalue().splitlines()[1].split() == ["\\x1b[2Jtoy", "0.500"]
