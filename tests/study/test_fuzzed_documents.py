"""Thousands of damaged documents of every kind: each is read as a whole, or refused in one line that names the file."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from mutations import mutate, parts

from archlab.architecture import InputSpec, architecture
from archlab.budget import count
from archlab.data.entries import parse_entry
from archlab.data.suite import load_suite
from archlab.foundation import UserError, read_yaml
from archlab.foundation.escaping import visible
from archlab.study.loading import load_study
from archlab.training.reading import load_recipe
from tests.fuzzing import check_message, try_all
from tests.repeated import repeated

ROOT = Path(__file__).parents[2]
WHOLE = {"study": 600, "architecture": 900, "recipe": 700, "suite": 300, "dataset": 300}
NUMBERS = {kind: repeated(number) for kind, number in WHOLE.items()}
DOCUMENTS = {
    "study": ("studies/*.yaml", "studies/claims/*.yaml"),
    "architecture": ("archlab/architecture/references/*.yaml", "tests/architecture/networks/*.yaml"),
    "recipe": ("archlab/training/recipes/*.yaml",),
    "suite": ("archlab/data/suites/*.yaml",),
    "dataset": ("archlab/data/catalogue/*.yaml",),
}
SLOW = ("compact.yaml",)  # has thousands of combinations to try


def files(kind: str) -> list[Path]:
    return sorted(path for pattern in DOCUMENTS[kind] for path in ROOT.glob(pattern) if path.name not in SLOW)


def load_architecture(path: Path, home: Path) -> None:
    count(architecture(str(path)), InputSpec(10))


def load_settled_recipe(path: Path, home: Path) -> None:
    load_recipe(str(path)).settled("mobilenetv2", "digits").canonical()


LOADERS: dict[str, Callable[[Path, Path], object]] = {
    "study": lambda path, home: load_study(path, home=home),
    "architecture": load_architecture,
    "recipe": load_settled_recipe,
    "suite": load_suite,
    "dataset": lambda path, home: parse_entry(read_yaml(path)),
}


def attempt_of(kind: str, folder: Path, seed: str) -> Callable[[int], str]:
    """Loads the damaged document of a number, a shipped one before."""
    texts = {path.name: path.read_text() for path in files(kind)}
    places = [place for each in DOCUMENTS for path in files(each) for place in parts(_tree(path.read_text()))]
    values, keys = [holder[key] for holder, key in places], sorted({str(key) for _, key in places})
    home = folder / "home"
    home.mkdir()

    def attempt(number: int) -> str:
        chance = random.Random(f"{seed} {kind} {number}")
        name = chance.choice(sorted(texts))
        path = folder / name
        path.write_bytes(mutate(texts[name], values, keys, chance).encode("utf-8", "surrogatepass"))
        try:
            LOADERS[kind](path, home)
        except UserError as error:
            check_message(visible(str(error)), str(folder))
            assert "\n" not in str(error)
            return "refused"
        return "loaded"

    return attempt


def _tree(text: str):
    return yaml.load(text, Loader=yaml.CSafeLoader)


@pytest.mark.slow
@pytest.mark.parametrize("kind", NUMBERS)
def test_a_damaged_document_is_read_or_refused_in_one_line(tmp_path, kind):
    tried = try_all(attempt_of(kind, tmp_path, "kept"), NUMBERS[kind], tmp_path)
    tried.check(NUMBERS[kind], "loaded", "refused")
    assert min(tried.outcomes["loaded"], tried.outcomes["refused"]) > NUMBERS[kind] / 30
    assert not any(path.is_file() for path in (tmp_path / "home").rglob("*"))
