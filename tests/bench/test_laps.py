"""Contenders take turns, each in its own process, and their time is told right."""

from __future__ import annotations

from pathlib import Path

import pytest

from archlab.bench.laps import Contender, Contest
from archlab.bench.measured import Bench, Spread
from archlab.foundation import UserError

HERE = "tests.bench.contenders"


@pytest.fixture(autouse=True)
def in_the_root(monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[2])


@pytest.mark.slow
def test_contenders_alternate_and_members_of_one_name_run_together(tmp_path):
    log = tmp_path / "log"
    contenders = {
        name: [Contender(f"{HERE}:burns", {"log": str(log), "name": name}) for _ in range(members)]
        for name, members in (("a", 1), ("b", 2))
    }
    with Contest(contenders) as contest:
        warm_up = log.read_text()
        rounds = [contest.round() for _ in range(2)]
    assert sorted(warm_up) == ["a", "b", "b"] and log.read_text()[3:] == "abbabb"
    for portions in rounds:
        assert portions["a"].images == 5 and portions["b"].images == 10
        assert 0.09 < portions["a"].cpu < 0.2 and 0.18 < portions["b"].cpu < 0.4
        assert portions["b"].wall < portions["b"].cpu * 5
    bench = Bench("test", {})
    bench.add(rounds, "cpu", "b")
    assert bench.ratios["a"].median == pytest.approx(1, abs=0.5) and bench.ratios["a"].n == 2
    assert bench.rates["a"]["cpu"].median == pytest.approx(50, rel=0.4)


def test_the_time_of_children_counts():
    with Contest({"only": [Contender(f"{HERE}:burns_in_a_child", {})]}) as contest:
        assert contest.round()["only"].cpu > 0.28


@pytest.mark.parametrize(
    ("settings", "told"), [({}, 101), ({"threads": 2}, 102), ({"allocator": False}, 1), ({"threads": None}, 100)]
)
def test_threads_and_allocator(settings, told, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "7")
    with Contest({"only": [Contender(f"{HERE}:tells_environment", {}, **settings)]}) as contest:
        assert contest.round()["only"].images == told


def test_a_contender_that_dies_says_why():
    with pytest.raises(UserError, match="nothing to measure"), Contest({"only": [Contender(f"{HERE}:dies", {})]}):
        pass


def test_one_that_dies_in_its_warm_up_leaves_no_other_behind():
    waiting, dying = (Contender(f"{HERE}:{name}", {}) for name in ("tells_environment", "dies"))
    with pytest.raises(UserError, match="nothing to measure"), Contest({"waits": [waiting], "dies": [dying]}):
        pass
    assert waiting.process.poll() is not None


def test_a_contender_that_is_killed_while_it_waits_is_told():
    with Contest({"only": [killed := Contender(f"{HERE}:tells_environment", {})]}) as contest:
        killed.process.kill()
        killed.process.wait()
        with pytest.raises(UserError, match="tells_environment failed: killed by signal 9"):
            contest.round()


def test_a_contender_imports_nothing_of_the_working_directory(tmp_path, monkeypatch):
    (tmp_path / "pkgutil.py").write_text("open('owned', 'w')\n")
    monkeypatch.chdir(tmp_path)
    with Contest({"only": [Contender(f"{HERE}:tells_environment", {})]}) as contest:
        assert contest.round()["only"].images
    assert not (tmp_path / "owned").exists()


def test_spread():
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(1.0, 2.0, 3.0, 3)
