"""How a study goes, shown on standard error while it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archlab.cli.plan_text import summary
from archlab.cli.streams import echo
from archlab.cli.watching import Watch
from archlab.forecast import Plan
from archlab.foundation.escaping import in_one_line
from archlab.foundation.words import counted
from archlab.runs import Event, EventLog
from archlab.study.progress import Progress

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial
    from rich.table import Table

MOST_MODELS = 20  # in the table below the running runs


class ShownProgress(Progress):
    """Shows how a study goes, on standard error: as it stands on a terminal, else a line a run.

    Args:
        quiet: Failures alone while runs go.
        events: A file that what happens is appended to, as JSON Lines.
        on_found: Prints what was found.
    """

    def __init__(
        self, *, quiet: bool = False, events: Path | None = None, on_found: Callable[[Any], None] | None = None
    ):
        self.quiet, self.log = quiet, EventLog(events) if events else None
        self.on_found = on_found
        self.has_measured = False

    def say(self, words: str) -> None:
        echo(words, err=True)

    def measuring(self, event: Event) -> None:
        if not self.has_measured and not self.quiet:
            self.say("measuring how fast this machine trains the models")
        self.has_measured = True
        if event.kind == "finished" and not self.quiet:
            self.say(f"measured {event.run}")

    @contextmanager
    def computing(self, what: str, plan: Plan) -> Iterator[Callable[[Event], None]]:
        self.say(f"{what}: {summary(plan)}")
        table, count = _Accuracies(), len(plan.stored) + len(plan.missing)
        with self.watching(count, plan.workers, predicted=plan.predicted, below=table.picture) as watch:

            def hear(event: Event) -> None:
                table(event)
                watch(event)
                self.note(event)

            yield hear

    def watching(self, total: int, workers: int, **more: Any) -> Watch:
        return Watch(total, workers, quiet=self.quiet, **more)

    def note(self, event: Event) -> None:
        if self.log:
            self.log(event)

    def event(self, event: Event) -> None:
        self.note(event)
        if event.kind == "finished" and not self.quiet:
            scores = (event.stored or {}).get("metrics", {}).get("validation", {})
            accuracy = f"validation accuracy {scores['accuracy']:.4f}, " if scores else ""
            self.say(f"  {event.run}: {accuracy}{event.detail['seconds']:.1f} s")

    def trial(self, trial: FrozenTrial, best: float | None) -> None:
        from archlab.study.search.trials import has_failed, number

        if not self.quiet or has_failed(trial):
            beside = "" if best is None else f" (best so far {best:.3f})"
            self.say(f"trial {number(trial)}: {_outcome(trial)}{beside}: {trial.user_attrs['model']}")

    def found(self, result: Any) -> None:
        if self.on_found:
            self.on_found(result)


class _Accuracies:
    """The table so far: validation accuracies of models on datasets, means over seeds."""

    def __init__(self) -> None:
        self.values: dict[str, dict[str, list[float]]] = {}

    def __call__(self, event: Event) -> None:
        if event.stored and (scores := event.stored["metrics"].get("validation")):
            by_dataset = self.values.setdefault(event.run.model, {})
            by_dataset.setdefault(event.run.dataset, []).append(scores["accuracy"])

    def picture(self) -> Table:
        from rich.table import Table

        datasets = list(dict.fromkeys(name for by_dataset in self.values.values() for name in by_dataset))
        table = Table("validation accuracy", *map(_shown, datasets), box=None, pad_edge=False)
        for model, by_dataset in list(self.values.items())[:MOST_MODELS]:
            means = [sum(found) / len(found) if (found := by_dataset.get(name)) else None for name in datasets]
            table.add_row(_shown(model), *("" if mean is None else f"{mean:.3f}" for mean in means))
        return table


def _shown(name: str) -> str:
    from rich.markup import escape

    return escape(in_one_line(name))


def _outcome(trial: FrozenTrial) -> str:
    attributes = trial.user_attrs
    if "failed" in attributes:
        return f"failed, {attributes['failed']}"
    if "above" in attributes:
        return f"not trained, {attributes['above']}"
    if "xscore" in attributes:
        return f"xScore {attributes['xscore']:.3f}"
    met = len(attributes.get("accuracies", {}))
    return f"waits after {counted(met, 'dataset')}" if met else "waits half-way through its first run"
