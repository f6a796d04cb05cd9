"""A real store, two hundred times damaged: what is told of it stays true, or the damage is named, and nothing else is."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch  # noqa: F401  before the process is forked

from tests.fuzzing import called, try_all, visible
from tests.repeated import repeated

sys.path.insert(0, str(Path(__file__).parents[1] / "study"))

DAMAGES = repeated(200)
COMMANDS = {
    "list": ["runs", "list", "--json"],
    "check": ["runs", "check", "--json"],
    "gc": ["runs", "gc", "--dry-run", "--old-code"],
    "report": ["report", "idea", "--csv"],
    "plan": ["ablate", "--spec", "SPEC", "--dry-run", "--json"],
    "ablate": ["ablate", "--spec", "SPEC", "--json"],
}
SPEC = """
name: idea
question: Does it help?
base: {name: net, layers: [{conv: {out: 8, stride: 2}}, {inverted_residual: {out: 16, expand: 2, stride: 2}}]}
choices: {depth: {one: [], two: [{set: {repeat: 2}, where: {block: inverted_residual}}]}}
budget: {params: 20k, fit: width}
compare:
  - {name: other, layers: [{conv: {out: 16, stride: 4}}]}
  - {name: third, layers: [{conv: {out: 8, kernel: 5, stride: 2}}, {conv: {out: 24, stride: 2}}]}
suite: [digits, textures]
seeds: 2
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A store with data, runs (whose training was a stand-in), results of a study, and indices."""
    import standin_training

    from archlab.runs import Store, index
    from archlab.study.ablating import ablate, runs_of
    from archlab.study.resolving import resolve

    folder = tmp_path_factory.mktemp("whole")
    (folder / "idea.yaml").write_text(SPEC)
    home = folder / "store"
    home.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "ENOUGH_TO_WRITE", 1)
        _train_here(patch)
        store = Store(home)
        for run in runs_of(resolve(folder / "idea.yaml", home), home):
            store.put(run, standin_training.trained(run))
        ablate(folder / "idea.yaml", store).save()
        index.list_runs(store)
    return folder


def _train_here(patch: pytest.MonkeyPatch) -> None:
    """Training is a stand-in, and nothing is measured or counted before it."""
    import standin_training

    from archlab.executors import Outcome

    def execute(runs, store, settings=None, *, task=None, on_event=None):
        outcome = Outcome()
        for run in runs:
            if store.get(run.key) is None:
                store.put(run, standin_training.trained(run))
            outcome.results[run.key] = store.get(run.key)
        return outcome

    patch.setattr("archlab.study.computing.execute", execute)
    patch.setattr("archlab.study.computing.check_counts", lambda *_, **__: None)
    patch.setattr("archlab.forecast.planning._measure", lambda *_: None)


def flip(path: Path, chance: random.Random) -> None:
    content = bytearray(path.read_bytes())
    if content:
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def cut(path: Path, chance: random.Random) -> None:
    os.truncate(path, chance.randrange(path.stat().st_size + 1))


def remove(path: Path, chance: random.Random) -> None:
    path.unlink()


def zero(path: Path, chance: random.Random) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def become_a_folder(path: Path, chance: random.Random) -> None:
    path.unlink()
    path.mkdir()


def become_another(path: Path, chance: random.Random) -> None:
    others = [each for each in path.parents[1].rglob("*") if each.is_file() and each.suffix == path.suffix]
    content = chance.choice(sorted(others) or [path]).read_bytes()
    path.write_bytes(content)


def add_foreign(path: Path, chance: random.Random) -> None:
    for folder in (path.parent, path.parents[1]):
        place = folder / chance.choice(
            (".DS_Store", ".nfs0000001", "Thumbs.db", "a\nb", "x" * 200, "f" * 64, "00", "\x1b[31m", "é")
        )
        if not place.exists():
            place.write_bytes(b"foreign") if chance.random() < 0.6 else place.mkdir()


def lose_folder(path: Path, chance: random.Random) -> None:
    shutil.rmtree(path.parent)


KINDS: tuple[Callable[[Path, random.Random], None], ...] = (
    flip,
    flip,
    flip,
    cut,
    remove,
    zero,
    become_a_folder,
    become_another,
    add_foreign,
    lose_folder,
)


def told(name: str, folder: Path) -> tuple[int, str, str]:
    """What a command says of the store in a folder."""
    words = [str(folder / "idea.yaml") if word == "SPEC" else word for word in COMMANDS[name]]
    return called([*words, "--store", str(folder / "store")])


def numbers(name: str, printed: str) -> object:
    """What a command says that must stay true."""
    if name == "list":
        return {row["key"]: row for row in json.loads(printed)["runs"]}
    if name == "ablate":
        found = json.loads(printed)
        return {key: found[key] for key in ("scores", "effects", "frame", "answer")}
    if name == "report":  # a latency that was damaged is measured anew
        rows = list(csv.DictReader(io.StringIO(printed)))
        return [{key: value for key, value in row.items() if " (ms" not in key} for row in rows]
    return printed


def attempt_of(whole: Path, folder: Path, seed: str, true: dict[str, tuple[int, str, str]]) -> Callable[[int], str]:
    """Damages a copy of the store, asks everything, and says whether the damage was `named` or does not `matter`."""
    files = sorted(path.relative_to(whole) for path in (whole / "store").rglob("*") if path.is_file())

    def attempt(number: int) -> str:
        chance = random.Random(f"{seed} {number}")
        copied = folder / "copied"
        shutil.rmtree(copied, ignore_errors=True)
        shutil.copytree(whole, copied)
        kinds = sorted({path.suffix + str(path.parts[1]) for path in files})
        kind = chance.choice(kinds)
        path = copied / chance.choice([each for each in files if each.suffix + str(each.parts[1]) == kind])
        damage = chance.choice(KINDS)
        damage(path, chance)
        what = f"{damage.__name__} {path.relative_to(copied)}"
        named = False
        for name in chance.sample(list(COMMANDS), 3):
            code, out, err = told(name, copied)
            assert code in (0, 1, 2) and "Traceback" not in err, f"{what}: {name}: {code}: {err[-600:]}"
            assert all(len(visible(line)) < 2000 for line in err.splitlines()), f"{what}: {name}: {err[:3000]}"
            if code == 2:
                assert err.splitlines()[-1].startswith("error: "), f"{what}: {name}: {err}"
            is_named = bool(err) and err != true[name][2]
            named |= is_named or (name == "check" and code == 1)
            _check_numbers(what, name, code, out, true[name][1], is_named)
        return "named" if named else "of no matter"

    return attempt


def _check_numbers(what: str, name: str, code: int, out: str, true: str, is_named: bool) -> None:
    if name == "list":
        found, right = numbers(name, out), numbers(name, true)
        assert all(right.get(key) == row for key, row in found.items()), f"{what}: {name}: wrong numbers"
    elif name in ("report", "ablate") and code != 2 and not is_named:
        assert numbers(name, out) == numbers(name, true), f"{what}: {name}: other numbers without a word"


@pytest.mark.slow
def test_a_damaged_store_tells_no_wrong_numbers(whole, tmp_path, monkeypatch):
    _train_here(monkeypatch)
    true = {name: told(name, whole) for name in COMMANDS}
    tried = try_all(attempt_of(whole, tmp_path, "kept", true), DAMAGES, tmp_path)
    tried.check(DAMAGES, "named", "of no matter")
    assert tried.outcomes["named"] > DAMAGES / 3
