"""The keys under `search:` in a study."""

from __future__ import annotations

import dataclasses
import inspect
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from traceback import extract_tb
from typing import TYPE_CHECKING, Annotated, Any, Literal

from archlab.foundation import UserError, where, with_lines_of
from archlab.foundation.own_code import is_own, own_code
from archlab.foundation.settings import Within, read_settings
from archlab.training.reading import load_recipe
from archlab.training.recipe import Recipe

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

LEFT_OUT = ("BruteForceSampler", "GridSampler", "PartialFixedSampler")  # they end a search, or need another sampler
SECOND = {"xscore_and_macs": "macs", "xscore_and_latency": "latency_ms"}


@dataclass(frozen=True)
class Sampler:
    """What proposes designs: one of Optuna's samplers, or the user's own.

    Attributes:
        name: Of Optuna's class, or the canonical form of own code.
        make: Called with `arguments`, and with a seed where it takes one.
    """

    name: str
    make: Callable[..., BaseSampler]
    arguments: dict[str, Any] = dataclasses.field(default_factory=dict)
    where: str | None = None

    def __call__(self, seed: int) -> BaseSampler:
        """The sampler with this seed. Raises UserError where it cannot be made so."""
        takes = inspect.signature(self.make).parameters
        usual = {"seed": seed, "warn_independent_sampling": False}  # or it warns at every choice with a condition
        given = {name: value for name, value in usual.items() if name in takes} | self.arguments
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Optuna says so of what it calls experimental
                return self.make(**given)
        except Exception as error:
            raise self._cannot("be made", error) from None

    def try_out(self, objectives: int) -> None:
        """Raises UserError where it cannot be made, or cannot propose for so many objectives."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        made = self(0)
        if not isinstance(made, optuna.samplers.BaseSampler):
            told = f"search: {self.name} must give a sampler of Optuna, not a {type(made).__name__}"
            raise UserError(told, where=self.where)
        study = optuna.create_study(directions=["maximize"] * objectives, sampler=made)
        space = {"x": optuna.distributions.FloatDistribution(0, 1), "y": optuna.distributions.IntDistribution(0, 9)}
        tried = optuna.trial.create_trial(params={"x": 0.5, "y": 5}, distributions=space, values=[0.0] * objectives)
        study.add_trial(tried)  # some need a package only once they know of one
        try:
            study.ask(space)
        except Exception as error:
            raise self._cannot("propose", error) from None

    def fault(self, error: Exception) -> UserError | None:
        """What a user's own sampler raised while it proposed; None where that was not raised in its file."""
        if not is_own(self.name):
            return None
        file = str(own_code(self.name).file)
        is_its = any(frame.filename == file for frame in extract_tb(error.__traceback__))
        return self._cannot("propose", error) if is_its else None

    def _cannot(self, what: str, error: Exception) -> UserError:
        words = " ".join(f"{type(error).__name__}: {error}".split())
        return UserError(f"search: the sampler {self.name} cannot {what}: {words}", where=self.where)


@dataclass(frozen=True)
class SearchSettings:
    """How a study is searched. The study's own recipe and seeds are those of the final table.

    Attributes:
        trials: Designs to try.
        seed: Of the sampler.
        objective: Beside the xScore, MACs or the latency on this machine's CPU can be an objective: then designs are not
            stopped early, and a Pareto front is found.
        keep: Share of the designs that goes on at a rung. Replayed searches took 33 epochs on average with a quarter, 53 with
            a half (landscape `first`, n = 100).
        datasets: How many of the suite's datasets the search looks at; none means four where there are seven or more and
            seven references to choose them by, else all.
        finalists: Designs that are trained again for the final table.
        recipe: Of the trials; None means the study's.
        start: Designs to try first: values by name, the rest as the base stands.
        sampler: None means the search's own.
        unseen: Datasets that no trial touches, beside those of the study: only what the final table shows is trained there.
    """

    trials: Annotated[int, Within(1)] = 50
    seed: Annotated[int, Within(0)] = 0
    objective: Literal["xscore", "xscore_and_macs", "xscore_and_latency"] = "xscore"
    keep: Annotated[float, Within(0.01, 1)] = 0.25
    datasets: Annotated[int, Within(2)] | None = None
    finalists: Annotated[int, Within(1)] = 3
    recipe: Recipe | None = None
    start: Sequence[dict[str, Any]] = ()
    sampler: Sampler | None = None
    unseen: Sequence[str] = ()

    @property
    def second_objective(self) -> str | None:
        """The attribute of trials that is to be small; None where the xScore is all that counts."""
        return SECOND.get(self.objective)


def parse_search(given: Any, at: str | None, folder: Path) -> SearchSettings:
    """The settings of a study's `search:`; the values of `start` and `unseen` are checked by the study. Raises UserError."""
    if not isinstance(given, dict):
        raise UserError(f"search takes keys by name, not {given!r}", where=at)
    apart = ("recipe", "start", "sampler", "unseen")
    plain = with_lines_of(given, {key: value for key, value in given.items() if key not in apart})
    settings = read_settings(SearchSettings, plain, "search", at=at)
    if "recipe" in given:
        recipe = load_recipe(given["recipe"], at=where(given, "recipe") or at, folder=folder)
        settings = dataclasses.replace(settings, recipe=recipe)
    if "sampler" in given:
        sampler = _sampler(given, at, folder)
        sampler.try_out(objectives=2 if settings.second_objective else 1)
        settings = dataclasses.replace(settings, sampler=sampler)
    start = given.get("start", [])
    if not isinstance(start, list) or not all(isinstance(values, dict) for values in start):
        raise UserError("search: start is a list of designs, `- {kernel: 5}`", where=where(given, "start") or at)
    return dataclasses.replace(settings, start=start)


def _sampler(search: dict[str, Any], at: str | None, folder: Path) -> Sampler:
    """`tpe` or `TPESampler`, `{TPESampler: {multivariate: true}}`, `my_sampler.py:make`."""
    given, at = search["sampler"], where(search, "sampler") or at
    arguments: dict[str, Any] = {}
    if isinstance(given, dict) and len(given) == 1:
        ((given, arguments),) = given.items()
    if not isinstance(given, str) or not isinstance(arguments or {}, dict):
        raise UserError("search: a sampler is a name, `{name: {argument: value}}` or FILE.py:NAME", where=at)
    if is_own(given):
        code = own_code(given, folder=folder, at=at)
        sampler = Sampler(code.canonical, code.value, arguments or {}, at)
    else:
        from optuna import samplers

        all_names = [name for name in samplers.__all__ if name.endswith("Sampler") and name not in LEFT_OUT]
        named = {name: getattr(samplers, name) for name in all_names}
        short = {name.removesuffix("Sampler").lower(): name for name in named}
        name = short.get(given, given)
        if name not in named or inspect.isabstract(named[name]):
            raise UserError(f"search: there is no sampler {given!r}", where=at, name=given, known=[*short, *named])
        sampler = Sampler(name, named[name], arguments or {}, at)
    return sampler


def search_name(study: str) -> str:
    """What the results of a study's search are called: `archlab report` takes it."""
    return f"{study}-search"
