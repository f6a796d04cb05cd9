"""A study with everything settled that running and scoring it need, as plain JSON; kept so that it is settled once.

Settling builds and counts architectures, so it imports torch; reading the result back does not.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from archlab.foundation import UserError, files_read, read_yaml, write_atomically

FORMAT = 1
STUDIES = Path(str(resources.files("studies")))


@dataclass(frozen=True)
class ResolvedModel:
    """A model of the study: see `archlab.study.model.Model`.

    `architecture` is canonical, `cost` that of `archlab.budget.Cost` at the study's largest class count and resolution,
    `recipes` gives for each dataset the index of its recipe in `ResolvedStudy.recipes`, `own_files` are the files of the
    users' own blocks that it names.
    """

    name: str
    role: Literal["reference", "variant"]
    kind: Literal["equal_budget", "raw"] | None
    options: dict[str, str]
    architecture: dict[str, Any]
    width: float
    cost: dict[str, int]
    within_budget: bool
    recipes: dict[str, int]
    own_files: list[str]


@dataclass(frozen=True)
class ResolvedStudy:
    """A study as it runs.

    Attributes:
        path: Its file, None for a mapping.
        choices: The names of each choice's options, none where it has only edits.
        base: The name of the model whose options are the defaults; None where only references are compared.
        frame: The names of the models that make the frame of the scores.
        datasets: The resolution of the runs, by dataset.
        recipes: Canonical forms; which one counts for a run is in the models. `recipe` is their name.
        classes, resolution: What costs and budget refer to.
    """

    name: str
    path: str | None
    question: str | None
    choices: dict[str, list[str]]
    base: str | None
    explore: str
    effects: list[str]
    frame: list[str]
    suite: str
    datasets: dict[str, int]
    recipe: str
    recipes: list[dict[str, Any]]
    seeds: list[int]
    smallest_map: int | None
    weight_of_variance: float
    budget: dict[str, Any]
    classes: int
    resolution: int
    models: list[ResolvedModel]

    def document(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> ResolvedStudy:
        models = [ResolvedModel(**model) for model in document["models"]]
        return cls(**{**document, "models": models})

    def check_budget(self) -> None:
        """Raises UserError where a model is above the budget and nobody made it fit."""
        above = [model for model in self.models if not model.within_budget]
        if above and self.budget["fit"] == "none":
            model = above[0]
            others = f" and {len(above) - 1} more" if len(above) > 1 else ""
            limit = self.budget["params"] if self.budget["params"] is not None else self.budget["macs"]
            raise UserError(
                f"{model.name}{others} above the budget of {limit:,}: {model.cost['params']:,} parameters, "
                f"{model.cost['macs']:,} MACs; `archlab build` lists all",
                where=self.path,
            )


def study_path(source: str | Path) -> Path:
    """The file of a shipped study's name or of a path. Raises UserError where there is none."""
    path = Path(source)
    if path.suffix in (".yaml", ".yml") or path.is_file():
        return path
    known = studies()
    if str(source) in known:
        return STUDIES / f"{source}.yaml"
    raise UserError(
        f"there is no study {str(source)!r}: neither one of archlab's nor a YAML file", name=source, known=known
    )


def studies() -> list[str]:
    """Names of the studies that come with archlab."""
    return sorted(path.stem for path in STUDIES.glob("*.yaml"))


def resolve(source: str | Path | dict, home: Path) -> ResolvedStudy:
    """The settled study of a name, a file or a mapping; from `<home>/cache/studies` where nothing has changed since.

    Raises UserError for anything wrong in the study.
    """
    if isinstance(source, dict):
        return _settle(source, home)
    path = study_path(source)
    read_yaml(path)  # tells what is wrong with the file itself
    kept = (
        home
        / "cache"
        / "studies"
        / f"{sha256(f'{path} {path.absolute()} {_package()}'.encode()).hexdigest()[:32]}.json"
    )
    if found := _read_kept(kept):
        return found
    with files_read() as files:
        resolved = _settle(path, home)
    digests = {str(file): _digest(file) for file in sorted(files)}
    with write_atomically(kept) as temporary:
        temporary.write_text(json.dumps({"format": FORMAT, "files": digests, "study": resolved.document()}))
    return resolved


def _settle(source: Path | dict, home: Path) -> ResolvedStudy:
    from archlab.study.settling import settled  # imports torch

    return settled(source, home)


def _read_kept(kept: Path) -> ResolvedStudy | None:
    try:
        record = json.loads(kept.read_text())
        if record["format"] == FORMAT and all(
            _digest(Path(file)) == digest for file, digest in record["files"].items()
        ):
            return ResolvedStudy.from_document(record["study"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not kept, or not whole
    return None


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


@cache
def _package() -> str:
    """The digest of archlab's own sources and data, blocks among them: any change settles studies anew."""
    whole = sha256()
    for package in ("archlab", "blocks"):
        folder = Path(str(resources.files("archlab"))).parent / package
        for path in sorted(path for pattern in ("*.py", "*.yaml") for path in folder.rglob(pattern)):
            whole.update(f"{path.relative_to(folder)} {_digest(path)}\n".encode())
    return whole.hexdigest()
