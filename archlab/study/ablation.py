"""What an ablation found: its results table, the scores and effects that follow from it, one document, and files."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archlab.data import ClassCounts, test_classes
from archlab.executors import Outcome
from archlab.forecast import Judgement
from archlab.foundation import write_atomically, write_file
from archlab.foundation.checksums import noting_checksums
from archlab.foundation.words import counted
from archlab.runs import Failure, Run, Store
from archlab.scoring.spreadsheets import for_csv
from archlab.study.gains import on_datasets, option_gains
from archlab.study.measuring import with_metric
from archlab.study.resolved import ResolvedStudy
from archlab.study.rounds import Round
from archlab.study.scored import SPLIT, comparable, effects_of, results_table, scores_on, with_own_scores
from archlab.study.seconds import seconds_of_a_seed
from archlab.study.test_images import known_image_noise

if TYPE_CHECKING:
    import pandas as pd

    from archlab.scoring import Effects, Gains, ImageNoise, Rounds, Scores

IMAGE_NOISE = "image_noise.npz"
EFFECT = ["choice", "option", "against", "kind", "dataset", "measure"]
EFFECT += ["difference", "low", "high", "p_adjusted", "decided"]
ABOUT = ["model", "role", "params", "macs", "width"]
ENDS = ["xscore_low", "xscore_high", "difference"]


@dataclass(frozen=True)
class Ablation:
    """A study's results.

    Attributes:
        runs: All that the table should have, called after their models; two models may share a run.
        table: Tidy: model, dataset, seed, split ("validation", "test"), metric, value.
        scored: Of references and variants, those without a budget (`@raw`) left out; None where nothing finished.
        contrasts: None where there is no base, or nothing to hold against it.
        gains: Those of the options on the datasets not seen beside those seen; None without either.
        computed: How many runs were computed now; the others had been stored before.
        judgement: How good the predicted times were; None where nothing was predicted.
        images: The noise of the test images, which intervals cover; None where it is not known.
        without_images: Where and why not, in words.
        test_images: By dataset, of each class, as it is prepared.
        seconds: By model, see `archlab.study.seconds.seconds_of_a_seed`.
        history: The rounds, where it went on until it was decided; `ended` says what ended it: `decided`, `given_up` (no
            seeds can decide the rest), `seeds` (the most are reached), `failed`, `time`, `unknown` (the rest has no xScore).
        tuning: What was tuned before, as `archlab.study.tuning.Tuned` has it; None where nothing was.
    """

    study: ResolvedStudy
    runs: list[Run]
    table: pd.DataFrame
    scored: Scores | None
    contrasts: Effects | None
    failed: list[Failure]
    computed: int
    store: Store
    judgement: Judgement | None = None
    images: ImageNoise | None = None
    without_images: str = ""
    gains: Gains | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    test_images: dict[str, ClassCounts] = field(default_factory=dict)
    history: tuple[Round, ...] = ()
    ended: str | None = None
    tuning: dict[str, Any] | None = None

    def __repr__(self) -> str:
        """What it is and the answer, for notebooks: all that it holds fills screens."""
        runs = f"{counted(len(self.runs), 'run')}, {len(self.failed)} failed"
        return "\n".join(filter(None, [f"{self.study.name}: {runs}, results in {self.folder}", self.answer]))

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return self.store.home / "studies" / self.study.name

    @property
    def answer(self) -> str | None:
        """The study's question, answered in words; None where nothing could be compared."""
        return self.document["answer"]

    @property
    def answer_here(self) -> str | None:
        """With the time on this machine that what would decide the rest takes: a measurement, and so not in the document."""
        from archlab.scoring import answer

        return answer(self.contrasts, self.seconds) if self.contrasts else None

    @property
    def best(self) -> dict[str, Any] | None:
        """The model that is best on validation data, for `archlab.load`: model, and runs (their keys, by dataset and seed).
        Models that are not fitted to the budget, `@raw`, are none.

        None where no frame can be made (there is no validation split, say), or none of its runs is stored.
        """
        of_all = self.study.spanned_by == "all"
        scores = scores_on("validation", self.study, comparable(self.study, self.table), of_all=of_all)
        known = None if scores is None else scores.models.dropna(subset=["xscore"])
        if known is None or known.empty:
            return None
        model = str(known["xscore"].idxmax())
        runs: dict[str, dict[str, str]] = {}
        for run in self.runs:
            if run.model == model and run.key in self.store:
                runs.setdefault(run.dataset, {})[str(run.seed)] = run.key
        return {"model": model, "runs": runs, "store": str(self.store.home)} if runs else None

    @property
    def effects(self) -> pd.DataFrame:
        """A row an effect: choice, option, against, kind, dataset (None: over all), measure, difference, low, high, p_adjusted,
        decided, and more, as `archlab.scoring.Effects` has them; numbers that are not known are NaN."""
        import pandas as pd

        rows = self.contrasts.rows if self.contrasts else pd.DataFrame()
        if rows.empty:
            return pd.DataFrame(columns=EFFECT)
        return rows[rows["of"] == "effect"].drop(columns="of").reset_index(drop=True)

    @property
    def dataset_columns(self) -> dict[str, str]:
        """Of `scores`, by dataset: its name, or `on NAME` where another column is called so."""
        taken = {*ABOUT, "mean", "variance", "xscore", *ENDS, "at_chance"}
        return {name: f"on {name}" if name in taken else name for name in self.study.datasets}

    @cached_property
    def scores(self) -> pd.DataFrame:
        """A row a model, best first: model, role, params, macs, width, the mean test accuracy on each dataset (or what else
        the study's metric is; see `dataset_columns`), mean, variance, the study's own scores, xscore, xscore_low, xscore_high,
        difference (of the xScore, to the base), at_chance (datasets)."""
        import pandas as pd

        rows = self.table[(self.table["metric"] == self.study.metric.name) & (self.table["split"] == SPLIT)]
        means = rows.groupby(["model", "dataset"])["value"].mean()
        named, own = self.dataset_columns, self.scored.own if self.scored else ()
        numbers = [*named.values(), "mean", "variance", *own, "xscore", *ENDS]
        found = [
            {
                **score,
                "at_chance": ", ".join(score["at_chance"]),
                **{column: means.get((score["model"], name)) for name, column in named.items()},
            }
            for score in self.document["scores"]
        ]
        table = pd.DataFrame(found, columns=[*ABOUT, *numbers, "at_chance"])
        return table.astype(dict.fromkeys(numbers, float))  # NaN, not None, where none is known

    @cached_property
    def document(self) -> dict[str, Any]:
        """Plain JSON values: study, question, matters, metric, answer, lambda, frame, warnings, intervals_cover, scores (best
        first), test_images, cells, effects, comparisons, interactions, unseen (as `archlab.scoring.Gains`; null without),
        failed, computed; of one in rounds, `rounds` and `ended`; of one that was tuned, `tuning`."""
        from archlab.scoring import answer

        study, contrasts = self.study, self.contrasts
        scored = self.scored.document() if self.scored else {"frame": None, "models": []}
        base = next((row["xscore"] for row in scored["models"] if row["model"] == study.base), None)
        return {
            "study": study.name,
            "question": study.question,
            "matters": study.matters or None,
            "metric": study.metric.name,
            "answer": answer(contrasts) if contrasts else None,
            "lambda": study.weight_of_variance,
            "frame": scored["frame"],
            "warnings": self._warnings(),
            "intervals_cover": ["seeds", "test images"] if self._covers_images else ["seeds"],
            "scores": [self._score(row, base) for row in scored["models"]],
            "test_images": {name: counts.document() for name, counts in self.test_images.items()},
            "cells": self._cells(),
            **(contrasts.document() if contrasts else {"effects": [], "comparisons": [], "interactions": []}),
            "unseen": self.gains.document() if self.gains else None,
            "failed": [failure.document() for failure in self.failed],
            "computed": self.computed,
            **(
                {"rounds": [dataclasses.asdict(each) for each in self.history], "ended": self.ended}
                if self.ended
                else {}
            ),
            **({"tuning": self.tuning} if self.tuning else {}),
        }

    def save(self) -> None:
        """Writes into `folder`: ablation.json, study.json (the settled study, and in full which file it is of), scores.csv,
        results.csv (tidy), and image_noise.npz where the noise of the test images is known.

        And prediction.txt, how good the predicted time was; where nothing was predicted, a former one stays.
        """
        file = self.study.path and str(Path(self.study.path).absolute())
        texts = {
            "ablation.json": json.dumps(self.document, indent=1),
            "study.json": json.dumps({**self.study.document(), "file": file}, indent=1),
            "scores.csv": for_csv(self.scores),
            "results.csv": for_csv(self.table),
            "seconds.json": json.dumps(self.seconds, indent=1),
        }
        if self.judgement:
            texts["prediction.txt"] = str(self.judgement)
        with noting_checksums(self.folder, [*texts, IMAGE_NOISE]):
            for name, text in texts.items():
                write_file(self.folder / name, text)
            if self.images is None:
                (self.folder / IMAGE_NOISE).unlink(missing_ok=True)
            else:
                with write_atomically(self.folder / IMAGE_NOISE) as temporary:
                    self.images.save(temporary)

    @property
    def _covers_images(self) -> bool:
        return self.contrasts.covers_images if self.contrasts else self.images is not None and len(self.study.seeds) > 1

    def _warnings(self) -> list[str]:
        found = list(self.scored.warnings) if self.scored else []
        if self.without_images and len(self.study.seeds) > 1:
            found.append(self.without_images)
        return found

    def _score(self, row: dict[str, Any], base: float | None) -> dict[str, Any]:
        model = next(model for model in self.study.models if model.name == row["model"])
        return {
            **row,
            "role": model.role,
            "params": model.cost["params"],
            "macs": model.cost["macs"],
            "peak_memory": model.cost.get("peak_memory"),
            "width": model.width,
            "difference": None if row["xscore"] is None or base is None else row["xscore"] - base,
        }

    def _cells(self) -> list[dict[str, Any]]:
        """One a model, dataset, seed and split: its accuracy, and its value in the study's metric."""
        keys = {(run.model, run.dataset, run.seed): run.key for run in self.runs}
        names = ["model", "dataset", "seed", "split"]
        wide = self.table.pivot(index=names, columns="metric", values="value") if len(self.table) else self.table
        order = self.table[names].drop_duplicates().itertuples(index=False, name=None)
        wide = wide.astype(object).where(wide.notna(), None)
        metric = self.study.metric.name
        values = {at: (row["accuracy"], row.get(metric)) for at, row in wide.to_dict("index").items()}
        return [
            {**dict(zip(names, at, strict=True)), "accuracy": accuracy, "value": value, "key": keys[at[:3]]}
            for at in order
            for accuracy, value in [values[at]]
        ]


def assess(
    study: ResolvedStudy,
    runs: list[Run],
    outcome: Outcome,
    store: Store,
    judgement: Judgement | None = None,
    rounds: Rounds | None = None,
) -> Ablation:
    """The scores and effects of what was computed, in `rounds` where it was looked at before.

    Raises UserError where the study's metric is not known of it.
    """
    measured = {key: with_metric(document, study.metric, store) for key, document in outcome.results.items()}
    table = results_table(runs, measured)
    images, without = known_image_noise(study, [run for run in runs if run.key in outcome.results], store, SPLIT)
    seen = on_datasets(table, study.datasets)
    found = {name: test_classes(name, store.home) for name in study.pixels}
    test_images = {name: counts for name, counts in found.items() if counts}
    classes = {name: counts.images for name, counts in test_images.items()}
    scored = scores_on(SPLIT, study, comparable(study, seen), images, classes, of_all=study.spanned_by == "all")
    contrasts = effects_of(study, seen, scored, images, rounds)
    if scored is not None and study.own_scores:
        scored = with_own_scores(study, seen, scored)
    gains = option_gains(study, table, SPLIT, contrasts, images)
    computed = outcome.failed, outcome.computed, store, judgement
    seconds = seconds_of_a_seed(runs, outcome.results)
    return Ablation(study, runs, table, scored, contrasts, *computed, images, without, gains, seconds, test_images)
