"""How long commands take that train nothing, from start to end."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from archlab.foundation import UserError
from archlab.runs import Store
from tests.comparisons.synthetic import write_synthetic_results
from tests.comparisons.timed import TimedBench, timed

HELP, BUILD, ABLATE = "archlab --help", "archlab build --spec references", "archlab ablate, all runs stored"
PROGRAM = """
import sys
from archlab.cli.main import main
try:
    main()
finally:
    print("torch" in sys.modules, file=sys.stderr)
"""


def bench_start(home: Path, *, repeats: int, progress: Callable[[str], None]) -> TimedBench:
    """Beside the bare interpreter and the import of torch. `ablate` finds made-up results of the whole quick study."""
    bench = TimedBench("start", {"study": "quick"}, most={HELP: 0.3, BUILD: 6.0, ABLATE: 3.0})
    with tempfile.TemporaryDirectory(dir=home, prefix="bench-start-") as folder:
        progress("preparing the quick study")
        _fill(Store(folder), home)
        commands = {
            "python, doing nothing": [sys.executable, "-c", "pass"],
            "python, importing torch": [sys.executable, "-c", "import torch"],
            HELP: [sys.executable, "-c", PROGRAM, "--help"],
            BUILD: [sys.executable, "-c", PROGRAM, "build", "--spec", "references", "--store", folder],
            ABLATE: [sys.executable, "-c", PROGRAM, "ablate", "--store", folder],
        }
        progress("warm-up")
        for name, command in commands.items():
            said = _run(command).strip().splitlines()
            if PROGRAM in command:
                bench.settings[f"torch imported by {name}"] = said[-1] == "True"
        rounds = []
        for number in range(repeats):
            progress(f"round {number + 1} of {repeats}")
            rounds.append({name: timed(partial(_run, command)) for name, command in commands.items()})
    bench.add_seconds(rounds)
    return bench


def _fill(store: Store, home: Path) -> None:
    """The quick study's runs, on the data of `home`."""
    from archlab.study.ablating import runs_of
    from archlab.study.resolving import resolve

    (home / "datasets").mkdir(exist_ok=True)
    (store.home / "datasets").symlink_to((home / "datasets").absolute())
    study = resolve("quick", store.home)
    write_synthetic_results(store, runs_of(study, store.home))


def _run(command: list[str]) -> str:
    """Standard error. Raises UserError where the command fails."""
    ended = subprocess.run(command, capture_output=True, text=True)
    if ended.returncode:
        words = ended.stderr.strip().splitlines() or ["no words"]
        raise UserError(f"{' '.join(command[3:])} failed: {words[-1]}")
    return ended.stderr
