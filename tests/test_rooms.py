"""Rooms import only downwards, and what starts fast imports nothing heavy."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Container, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ORDER = (
    "blocks",
    "foundation",
    "architecture",
    "budget",
    "data",
    "training",
    "runs",
    "executors",
    "forecast",
    "deploy",
    "scoring",
    "study",
    "report",
    "bench",
    "pick",
    "api",
    "cli",
)
STANDARD = set(sys.stdlib_module_names)
ALONE = {"blocks": {"torch"}, "foundation": {"yaml"}}  # what these rooms may import beside the standard library
HEAVY = ("torch", "torchvision", "pandas", "scipy", "sklearn", "matplotlib", "optuna", "pyarrow", "numpy", "rich")


def sources(room: str) -> list[Path]:
    place = ROOT / "blocks" if room == "blocks" else ROOT / "archlab" / room
    return sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of everything that a file imports, at the top or inside a function; `from a import b` as a.b."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            yield from (
                (node.lineno, ".".join((*base, *filter(None, (node.module, alias.name))))) for alias in node.names
            )
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, (ast.Name, ast.Attribute))
            and (getattr(node.func, "id", None) or getattr(node.func, "attr", None)) == "import_module"
            and isinstance(node.args[0], ast.Constant)
        ):
            yield node.lineno, node.args[0].value


def room_of(name: str) -> str | None:
    """The room of a module's full name; None outside of them."""
    parts = name.split(".")
    if parts[0] == "blocks":
        return "blocks"
    return parts[1] if parts[0] == "archlab" and len(parts) > 1 and parts[1] in ORDER else None


def test_every_room_is_in_the_order():
    folders = {path.name for path in (ROOT / "archlab").iterdir() if (path / "__init__.py").is_file()}
    assert {"blocks", *folders, "api"} == set(ORDER)


@pytest.mark.parametrize("room", ORDER)
def test_rooms_import_only_downwards(room):
    above = ORDER[ORDER.index(room) + 1 :]
    upwards = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sources(room)
        for line, name in imported(path)
        if room_of(name) in above or name.split(".")[0] in ("tests", "studies")
    ]
    assert not upwards


@pytest.mark.slow
def test_no_file_imports_one_that_leads_back_to_it():
    """Not even inside a function: whoever reads a file can read what it stands on first."""
    files = {module_of(path): path for room in ORDER for path in sources(room)}
    graph = {
        module: {found for _, name in imported(path) if (found := longest_known(name, files)) and found != module}
        for module, path in files.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def longest_known(name: str, known: Container[str]) -> str | None:
    """The module that an import of `name` runs last: itself, or the one that it is a name of."""
    while name and name not in known:
        name = name.rpartition(".")[0]
    return name or None


@pytest.mark.parametrize("room", ALONE)
def test_the_lowest_rooms_stand_alone(room):
    others = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sources(room)
        for line, name in imported(path)
        if name.split(".")[0] not in STANDARD | ALONE[room] and room_of(name) != room
    ]
    assert not others


@pytest.mark.parametrize(
    ("room", "unknown"),
    [
        ("scoring", ("blocks", "architecture", "budget", "data", "training", "runs", "executors", "forecast")),
        ("report", ("blocks", "architecture", "budget", "training", "executors", "forecast")),
    ],
)
def test_scores_and_reports_know_results_alone(room, unknown):
    """They are functions of the table of results and can take any table, from any tool."""
    others = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sources(room)
        for line, name in imported(path)
        if name.split(".")[0] == "torch" or room_of(name) in unknown
    ]
    assert not others


@pytest.mark.parametrize(
    "code",
    [
        "import archlab; archlab.__version__",
        "import archlab.foundation",
        "import archlab.cli.main",
        "import sys; sys.argv = ['archlab', '--help']; from archlab.cli.main import main\ntry: main()\nexcept SystemExit: pass",
    ],
)
def test_what_starts_fast_imports_nothing_heavy(code):
    report = f"\nimport sys\nprint('loaded:', *[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code + report], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded:"


def test_every_command_of_the_help_exists():
    from archlab.cli.main import COMMANDS, cli

    for name in COMMANDS:
        assert cli.get_command(None, name).name == name
