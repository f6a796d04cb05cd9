"""What `import archlab` offers to programs and notebooks."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from archlab.architecture import SMALLEST_MAP, Architecture, InputSpec, Network, architecture, references
from archlab.architecture import build_model as _build_model
from archlab.architecture.plan import smallest_with_published_strides
from archlab.budget import Budget, measure
from archlab.budget import fit_width as _fit_width
from archlab.budget.budget import DEFAULT_PARAMS
from archlab.budget.conformance import check_block
from archlab.deploy.loading import load
from archlab.executors import Settings
from archlab.foundation import home
from archlab.foundation.plain import plain
from archlab.foundation.settings import read_settings
from archlab.pick.asked import pick
from archlab.runs import Store
from archlab.scoring import xscore
from archlab.study.ablating import ablate as _ablate
from archlab.study.ablation import Ablation
from archlab.study.progress import Progress
from archlab.study.source import override

if TYPE_CHECKING:
    from archlab.study.search.search import Found

__all__ = [
    "Progress",
    "Settings",
    "ablate",
    "architecture",
    "build_model",
    "check_block",
    "fit_width",
    "load",
    "measure",
    "pick",
    "references",
    "search",
    "xscore",
]


def build_model(
    architecture: Architecture | str | Path | dict,
    num_classes: int,
    *,
    width: float = 1.0,
    in_channels: int = 3,
    resolution: int | None = None,
    smallest_map: int | None = SMALLEST_MAP,
) -> Network:
    """The network of an architecture, a torch module from (N, in_channels, H, W) to (N, num_classes), initialised.

    Args:
        architecture: What `archlab.architecture` gives, or takes.
        width: Multiplies every channel count, each then rounded to a multiple of 8 or of what its groups or heads need; at
            width 1 the published counts stand.
        resolution: Pixels on a side of the images to come: smaller than published ones make early strides 1. None leaves
            the strides as published, and a warning says for which images they are.
        smallest_map: Least pixels on a side of the last map that strides are made smaller for; None keeps them.

    Raises:
        UserError: A block refuses its arguments; the message names the layer.
    """
    design, spec = _read(architecture), InputSpec(*map(plain, (num_classes, resolution, smallest_map, in_channels)))
    if resolution is None and (least := smallest_with_published_strides(design, spec)) > 1:
        warnings.warn(
            f"{design.name} has the strides of {design.resolution} pixels; on images of less than {least} they "
            "would be others: say `resolution=`, or load a trained network with `archlab.load`",
            stacklevel=2,
        )
    return _build_model(design, spec, width)


def fit_width(
    architecture: Architecture | str | Path | dict,
    *,
    num_classes: int,
    params: int | str | None = DEFAULT_PARAMS,
    macs: int | str | None = None,
    of: Literal["trained", "deployed"] = "trained",
    in_channels: int = 3,
    resolution: int | None = None,
    smallest_map: int | None = SMALLEST_MAP,
) -> float:
    """The largest width, in steps of 0.001, at which the network has at most `params` parameters and `macs` MACs.

    1 where neither is given, or where the width changes nothing.

    Args:
        architecture: What `archlab.architecture` gives, or takes.
        params, macs: A number, or `"2.5M"`.
        of: Whether the network as trained or the fused one is held against the budget.
        resolution, smallest_map: As for `build_model`; they decide the MACs.

    Raises:
        UserError: Not even the narrowest network keeps the budget; the message says what that one needs. Or a limit is no
            number above 0.
    """
    budget = read_settings(Budget, {"params": plain(params), "macs": plain(macs), "of": of}, "a budget")
    spec = InputSpec(*map(plain, (num_classes, resolution, smallest_map, in_channels)))
    return _fit_width(_read(architecture), spec, budget)


def _read(given: Architecture | str | Path | dict) -> Architecture:
    return given if isinstance(given, Architecture) else architecture(given)


def ablate(
    study: str | Path | dict = "quick",
    *,
    suite: str | Path | None = None,
    datasets: str | Sequence[str] | None = None,
    recipe: str | Path | dict | None = None,
    seeds: int | Sequence[int] | dict | None = None,
    matters: str | dict | None = None,
    frame: Literal["references", "all"] | None = None,
    until: Literal["decided"] | None = None,
    within: str | float | None = None,
    store: str | Path | None = None,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> Ablation:
    """What `archlab ablate` does: trains what the store lacks of a study, scores it, and writes what was found.

    Args:
        study: The name of a shipped study, a YAML file, or a mapping of the same keys.
        suite, datasets, recipe, seeds, matters, frame: What counts in the place of what the study says. `datasets` are a
            suite of their own, `seeds` a number, a list, or `{"from": 2, "to": 30}`, and `matters` is `"1 point"`, `"0.05 of
            xScore"` or `{"points": 1, "xscore": 0.05}`; `frame` says which models span that of the scores. The results lie
            beside those of the study as written: the study's name says what differs.
        until: `"decided"`: seeds come in rounds, and only where a contrast is open. The same call goes on with what is stored.
        within: `"2h"`, `"90s"` or seconds: no round begins that would not end by then.
        store: The folder of runs and data; None: ARCHLAB_HOME, else `./.archlab`.
        settings: How runs are computed; None: in worker processes here, as many as suit this machine.
        progress: Hears how it goes, as `archlab.ShownProgress()` does, which shows it; None: nobody does.

    Returns:
        An `Ablation`: `.table`, `.scores` and `.effects` are DataFrames, `.answer` is in words, `.document` what the command
        prints with `--json`, `.failed` the runs that failed, `.folder` where the files are.

    Raises:
        UserError: Before anything runs: the study is wrong, a model above the budget, or a dataset not prepared.
    """
    source = override(study, suite=suite, datasets=datasets, recipe=recipe, seeds=seeds, matters=matters, frame=frame)
    return _ablate(source, Store(home(store)), settings, progress, until=until, within=within)


def search(
    study: str | Path | dict = "compact",
    *,
    suite: str | Path | None = None,
    datasets: str | Sequence[str] | None = None,
    recipe: str | Path | dict | None = None,
    seeds: int | Sequence[int] | None = None,
    trials: int | None = None,
    storage: str | Path | None = None,
    resume: bool = False,
    store: str | Path | None = None,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> Found:
    """What `archlab search` does: samples a study's choices, trains what is promising, and puts the best beside the references.

    The same call goes on with a search that was interrupted, and joins one that other processes are at.

    Args:
        study, suite, datasets, recipe, seeds, store, settings, progress: As for `ablate`.
        trials: Designs to try; None: as the study says, else 50.
        storage: An Optuna URL or a journal file; None: a journal file in the store.
        resume: Whether it is an error when there is nothing to go on with.

    Returns:
        A `Found`: `.scores`, `.table` and `.trials` are DataFrames, `.best` and
        `.document` what the command prints with `--json`.

    Raises:
        UserError: Anything wrong in the study; too few references.
    """
    from archlab.study.search.search import search as run_search

    source = override(study, suite=suite, datasets=datasets, recipe=recipe, seeds=seeds)
    return run_search(source, Store(home(store)), settings, progress, trials=trials, storage=storage, resume=resume)
