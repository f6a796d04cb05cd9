"""The end of a search: its best designs trained as the study says, on all datasets and seeds, beside the references.

The winner, and the reference that it is held against, are chosen by validation data; test data are read for the final table
alone.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from optuna.trial import FrozenTrial

from archlab.runs import Run
from archlab.study.ablation import Ablation
from archlab.study.combination import apply
from archlab.study.design import chosen_options, frame_names
from archlab.study.resolved import ResolvedStudy
from archlab.study.scored import SPLIT as TEST
from archlab.study.scored import scores_on
from archlab.study.search.basis import SPLIT as VALIDATION
from archlab.study.search.basis import Basis
from archlab.study.search.designs import Designs
from archlab.study.search.rungs import score_at
from archlab.study.search.trials import DONE, Trials, accuracies, number
from archlab.study.search_settings import search_name
from archlab.study.settling import settle

LEVEL, DRAWS = 0.95, 4000
ENOUGH_TO_CORRELATE = 4  # pairs


@dataclass(frozen=True)
class Finalist:
    """A design of the final table.

    Attributes:
        found: xScore on validation data in the search, None where it was stopped early; `gain` of it over the best reference
            there. Of the search's own frame: not to be compared with what follows.
        validation, test: xScore at full fidelity; `gain`, over the reference that is best on validation data, with a 95 %
            interval where there are repeated seeds.
        against: The gain on test data over each reference.
    """

    name: str
    trial: int
    found: dict[str, float] | None
    validation: dict[str, float | None]
    test: dict[str, float | None]
    against: dict[str, dict[str, float | None]]

    @property
    def survived(self) -> float | None:
        """The share of the gain on validation data that is there on test data, of the same models, datasets and seeds; None
        where there was no gain."""
        gain, tested = self.validation.get("gain"), self.test.get("gain")
        return None if gain is None or gain <= 0 or tested is None else tested / gain


def finalists(trials: Trials, basis: Basis, wanted: int) -> list[FrozenTrial]:
    """The best trials: complete ones by xScore; where they are too few, then those that came farthest, by their mean.

    Scores are those of the basis: a reference that failed when the search began may be there by now.
    """
    ended = [trial for trial in trials.history() if trial.state in DONE and accuracies(trial)]

    def rank(trial: FrozenTrial) -> tuple[int, float]:
        met = sum(name in accuracies(trial) for name in basis.order)
        return met, -math.inf if (score := score_at(basis, met, trial)) is None else score

    distinct = {trial.user_attrs["design"]: trial for trial in sorted(ended, key=rank)}
    return sorted(distinct.values(), key=rank, reverse=True)[:wanted]


def final_study(designs: Designs, chosen: list[FrozenTrial], path: str | None) -> ResolvedStudy:
    """The study of the final table: the references, and the chosen trials' designs under the names of `model_name`."""
    study = designs.study
    variants = []
    for trial in chosen:
        design = designs.sample(lambda variable, trial=trial: trial.params[variable.name])  # type: ignore[misc]
        options = chosen_options(study, apply(study, design.values))
        variants.append(dataclasses.replace(design, role="variant", options=options))
    settled = settle(designs, [*designs.references, *variants], path)
    references = settled.models[: len(designs.references)]
    found = [  # by place: the base as it stands may be called like a reference
        dataclasses.replace(model, name=model_name(study.name, trial))
        for model, trial in zip(settled.models[len(references) :], chosen, strict=True)
    ]
    frame = frame_names(dataclasses.replace(study, frame="references"), designs.references)  # as that of the trials
    return dataclasses.replace(
        settled,
        name=search_name(study.name),
        models=[*references, *found],
        base=None,
        choices={},
        effects=[],
        frame=frame,
        spanned_by="references",
    )


def unseen_runs(designs: Designs, runs_of: Callable[[ResolvedStudy, Path], list[Run]]) -> list[Run]:
    """Those of the references on the datasets that the search does not see, as the final table has them; none without such.

    `runs_of` gives a study's runs: computed ones raise UserError where a dataset is not prepared, planned ones do not.
    """
    unseen = designs.study.unseen
    return (
        [run for run in runs_of(final_study(designs, [], None), designs.home) if run.dataset in unseen]
        if unseen
        else []
    )


def model_name(study: str, trial: FrozenTrial) -> str:
    """Short, for tables: `compact-trial17`."""
    return f"{study}-trial{number(trial)}"


def judge(final: Ablation, basis: Basis, chosen: list[FrozenTrial], study: str) -> list[Finalist]:
    """The finalists, the winner first, then by validation data: a tie within the best one's interval goes to fewer MACs."""
    validation, test = FinalScores(final, VALIDATION), FinalScores(final, TEST)
    best = basis.best[1]
    found = []
    for trial in chosen:
        name, score = model_name(study, trial), basis.score(accuracies(trial))
        searched = None if score is None else {"xscore": score.xscore, "gain": score.xscore - best}
        on_validation, on_test = (
            each.of(name) | each.gain(name, validation.best_reference) for each in (validation, test)
        )
        against = {each: gain for each in test.references if (gain := test.gain(name, each))}
        found.append(Finalist(name, number(trial), searched, on_validation, on_test, against))
    complete = [each for each in found if each.validation.get("xscore") is not None]
    complete.sort(key=lambda each: -(each.validation["xscore"] or 0.0))
    macs = {model.name: model.cost["macs"] for model in final.study.models}
    if complete:
        low = complete[0].validation["low"]
        tied = [each for each in complete if low is not None and (each.validation["xscore"] or 0.0) >= low] or complete[
            :1
        ]
        winner = min(tied, key=lambda each: macs[each.name])
        complete.remove(winner)
        complete.insert(0, winner)
    return [*complete, *(each for each in found if each not in complete)]


def rival(final: Ablation) -> str | None:
    """The reference that the finalists are held against: the best of the final table on validation data."""
    return FinalScores(final, VALIDATION).best_reference


def fidelity(final: Ablation, basis: Basis, judged: list[Finalist]) -> float | None:
    """Spearman's, of the search's scores and those at full fidelity on validation data, over references and finalists."""
    full = FinalScores(final, VALIDATION)
    early = basis.reference_scores
    early |= {each.name: each.found["xscore"] for each in judged if each.found}
    both = [name for name in early if full.of(name)]
    return rank_correlation([early[name] for name in both], [full.of(name)["xscore"] for name in both])  # type: ignore[misc]


class FinalScores:
    """Of the models that are complete; none where no frame can be made.

    Attributes:
        references: Those that span the frame, by name.
    """

    def __init__(self, final: Ablation, split: str):
        from archlab.scoring import cells
        from archlab.scoring.intervals import draw_scores
        from archlab.scoring.noise import seed_noise

        self.references: list[str] = []
        self.draws: np.ndarray | None = None  # draws x models, where the noise is known
        study, table = final.study, final.table
        images = final.images if split == TEST else None
        scores = scores_on(split, study, table, images)
        if scores is None or scores.frame is None:
            return
        self.models = scores.models.dropna(subset=["xscore"])
        self.references = [name for name in study.frame if name in self.models.index]
        rows, models, datasets = cells(table, split, study.metric), list(self.models.index), list(scores.frame.datasets)
        noise = seed_noise(rows, models, datasets).with_images(images)
        if noise.known:
            self.draws = draw_scores(noise, scores.frame, study.weight_of_variance, DRAWS)

    @property
    def best_reference(self) -> str | None:
        """None where no reference is complete."""
        return max(self.references, key=lambda name: float(self.models["xscore"][name]), default=None)

    def of(self, name: str) -> dict[str, float | None]:
        """xscore, and its 95 % interval as low and high; nothing where the model is not complete."""
        if not self.references or name not in self.models.index:
            return {}
        row = self.models.loc[name].to_dict()
        return {key: _known(row[column]) for key, column in _COLUMNS.items()}

    def gain(self, name: str, rival: str | None) -> dict[str, float | None]:
        """The difference to another model's xScore, with its 95 % interval; nothing where one is not complete."""
        if rival is None or not self.of(name) or not self.of(rival):
            return {}
        gain = float(self.models["xscore"][name] - self.models["xscore"][rival])
        if self.draws is None:
            return {"gain": gain, "gain_low": None, "gain_high": None}
        one, other = (self.models.index.get_loc(each) for each in (name, rival))
        half = float(np.quantile(np.abs(self.draws[:, one] - self.draws[:, other] - gain), LEVEL))
        return {"gain": gain, "gain_low": gain - half, "gain_high": gain + half}


_COLUMNS = {"xscore": "xscore", "low": "xscore_low", "high": "xscore_high"}


def _known(value: float) -> float | None:
    return None if value != value else float(value)  # NaN


def rank_correlation(one: list[float], two: list[float]) -> float | None:
    """Spearman's; None for fewer than four pairs, which say nothing, or where one side is constant."""
    if len(one) < ENOUGH_TO_CORRELATE or len(set(one)) == 1 or len(set(two)) == 1:
        return None
    from scipy import stats

    return float(stats.spearmanr(one, two).statistic)
