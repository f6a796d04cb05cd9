"""What `archlab pick` is worth beside what people do without it: `python -m tests.comparisons.picks OUT.jsonl FOLDER ...`.

On each folder (`tests.comparisons.pick_folders` makes some), three times, in the same time each on the same machine: `pick`,
and each of the eleven references, trained at 32 pixels by `quick`, batches and all, with as many steps as fit and as many seeds
as there are workers; the best seed on validation images is tested. So the eleven tell what MobileNetV2 is worth in that time, a
reference drawn at random likewise, and, in eleven times the time, the one of the eleven that is best on validation images. What
is in OUT.jsonl already is not done again, unless another machine has left a repetition unfinished;
`python -m tests.comparisons.picks_table OUT.jsonl` sums it up. With `--only references` what takes eleven twelfths of the time
can be done before `pick` is as it will be; with `--only pick --within` a longer time, picks of that are held against the best
of the eleven too, and with `--only mobilenetv2` against MobileNetV2 in that time.
"""

from __future__ import annotations

import itertools
import json
import os
import time
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

from archlab.architecture import references
from archlab.budget import Budget
from archlab.deploy.agreement import images_of
from archlab.deploy.loading import load
from archlab.executors import Settings
from archlab.foundation.machine import cpu_name, gpu_names
from archlab.foundation.metric import METRICS
from archlab.foundation.words import seconds_in
from archlab.pick.candidates import Candidate, candidates
from archlab.pick.lengths import Lengths
from archlab.pick.photographs import Source, describe
from archlab.pick.picking import pick
from archlab.pick.request import Request
from archlab.pick.shown import Shown
from archlab.pick.tested import share
from archlab.pick.trainer import Attempt, Trainer
from archlab.runs import Store

PICK = "pick"
WAYS = (PICK, *references())
RECIPE, PIXELS = "quick", 32
LEAST, MOST = 200, 10**6  # steps


class Told(Shown):
    def say(self, words: str) -> None:
        click.echo(words, err=True)


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--within", default="3m")
@click.option("--params", type=int, default=2_500_000)
@click.option("--repeats", default=3)
@click.option("--workers", type=int)
@click.option("--only", type=click.Choice(["references", *WAYS]))
def main(
    out: Path,
    folders: tuple[Path, ...],
    within: str,
    params: int,
    repeats: int,
    workers: int | None,
    only: str | None,
) -> None:
    """Appends a line for `pick` and one for each reference, folder and repetition."""
    ways = (only,) if only in WAYS else WAYS[1:] if only else WAYS
    for repeat, folder, way in itertools.product(range(repeats), folders, ways):
        asked = {"folder": folder.name, "repeat": repeat, "within": within, "params": params}
        rows = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
        if is_done(way, [row for row in rows if asked.items() <= row.items()], hardware()):
            continue
        home = out.with_suffix("") / folder.name
        store = Store(home / PICK / within / str(repeat) if way == PICK else home / "references")
        began = time.monotonic()
        how = _picked if way == PICK else partial(_trained, way)
        found = how(folder, store, seconds_in(within), Budget(params), repeat, Settings(workers=workers))
        with out.open("a") as file:
            took = {"seconds": time.monotonic() - began, "hardware": hardware()}
            file.write(json.dumps({"way": way, **asked, **took, **found}) + "\n")


def hardware() -> str:
    return f"{', '.join([cpu_name(), *gpu_names()])}, {os.cpu_count()} cores"


def is_done(way: str, rows: list[dict[str, Any]], here: str) -> bool:
    """Whether these rows of a folder's repetition have this way: on this machine, or all ways on another one."""
    by_machine: dict[str, set[str]] = {here: set()}
    for row in rows:
        by_machine.setdefault(row["hardware"], set()).add(row["way"])
    return way in by_machine[here] or set(WAYS) in by_machine.values()


def _picked(folder: Path, store: Store, within: float, limits: Budget, seed: int, settings: Settings) -> dict[str, Any]:
    output = store.home / "picked"
    asked = Request(Source(folder=folder), limits, within, output, seed=seed, command="")
    found = pick(asked, store, settings, Told()).document
    return {
        "model": found["training"]["model"],
        "validation": found["training"]["value"],
        **found["test"]["metrics"]["accuracy"],
    }


def _trained(
    reference: str, folder: Path, store: Store, within: float, limits: Budget, seed: int, settings: Settings
) -> dict[str, Any]:
    """A reference for the whole time; the best seed on validation images, tested."""
    described = describe(Source(folder=folder), store, Told().say)
    recipe = {"like": RECIPE, "resolution": described.entry.resolution, "pixels": PIXELS}
    found, _ = candidates(store, dataset=described.name, limits=limits, recipe=recipe)
    (candidate,) = (each for each in found if each.name == reference)
    trainer = Trainer(METRICS["accuracy"], store, settings, Told(), seed)
    best = max(_for_so_long(candidate, within, trainer), key=lambda each: each.worth)
    return {"model": reference, "steps": best.steps, "validation": best.worth, **_tested(best, store)}


def _for_so_long(candidate: Candidate, seconds: float, trainer: Trainer) -> list[Attempt]:
    seeds = range(trainer.settings.at_once)
    trainer.train("how fast it is", [(candidate, trainer.run(candidate, LEAST, seed)) for seed in seeds])
    lengths, any_run = Lengths(trainer), trainer.run(candidate, LEAST, 0)
    steps = lengths.learn([any_run]).steps(any_run, seconds, LEAST, MOST) or LEAST
    return trainer.train(candidate.name, [(candidate, trainer.run(candidate, steps, seed)) for seed in seeds])


def _tested(best: Attempt, store: Store) -> dict[str, Any]:
    network = load(best.run.key, store=store.home)
    images = images_of(network, "test", None)
    assert images.labels is not None
    import torch

    said = network.probabilities(torch.from_numpy(np.ascontiguousarray(images.pixels))).argmax(1).numpy()
    return share(int((said == images.labels).sum()), len(said))


if __name__ == "__main__":
    main()
