"""A pick from its beginning to its end."""

from __future__ import annotations

import dataclasses
import math
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from archlab.budget import Budget
from archlab.deploy.extras import require
from archlab.deploy.loading import load
from archlab.executors import Settings, connected, one_server
from archlab.executors.signals import handling
from archlab.foundation import UserError, real
from archlab.foundation.words import duration
from archlab.pick.alone import alone
from archlab.pick.candidates import Candidate, Fits, LeftOut, NobodyFitsError, always, candidates
from archlab.pick.card_words import answers
from archlab.pick.decisions import Decisions
from archlab.pick.document import document
from archlab.pick.folder import check_folder, pick_in, write_folder
from archlab.pick.photographs import describe
from archlab.pick.pretrained import IMAGENET, pretrained
from archlab.pick.prior import prior
from archlab.pick.race import fewest_steps, race
from archlab.pick.recipe import recipe_at
from archlab.pick.request import Request
from archlab.pick.resolution import Resolution, choose_resolution, sides_for
from archlab.pick.shipped import FORMAT
from archlab.pick.shown import Shown
from archlab.pick.state import State
from archlab.pick.trainer import Attempt, Trainer
from archlab.pick.winner import alike, to_ship, train_long, tune
from archlab.runs import Store

FOR_FILES = 0.1, 15.0, 90.0  # share of the time, and seconds at least and at most, that files and tests are left
SHORT = 180.0  # seconds, of which what is not training takes much: docs/picking.md has what a pick of less is worth
TO_MEASURE_SHARING = 1200.0  # seconds that there are, of which it takes a tenth at most
FOR_RESOLUTION, FOR_TIMING, FOR_RACE, FOR_TUNING = 0.1, 0.15, 0.2, 0.1  # shares of what is left when each begins


@dataclass(frozen=True)
class Picked:
    """What came of it.

    Attributes:
        document: That of `archlab pick --json`, whose `ended` is finished, interrupted or failed.
        output: The folder that was written.
        computed: How many runs were trained now.
    """

    document: dict[str, Any]
    output: Path
    computed: int

    def __repr__(self) -> str:
        """What it is and how good, for notebooks: the document fills screens."""
        return "\n".join([*answers(self.document), f"It is in {self.output}."])


def pick(request: Request, store: Store, settings: Settings | None = None, shown: Shown | None = None) -> Picked:
    """From images to a folder with a file to ship. The same call goes on where it was interrupted.

    After the first Ctrl-C or SIGTERM, and where something fails, the best network so far that is known to keep the limits is
    exported and tested all the same; but a folder that may hold a better one stays as it is.

    Raises:
        UserError: Something is wrong with what is asked for, or the time allows nothing.
        KeyboardInterrupt: After Ctrl-C before there was anything to export, or the second one.
        Exception: Faults, once the best network so far is exported.
    """
    settings, shown = settings or Settings(), shown or Shown()
    require(FORMAT)
    check_folder(request.output, request.source)
    into = "another pick is about to write this folder: wait for it, or name another --output"
    same = "another command is at this very pick, of these images, limits, time and seed: wait for it"
    with (
        handling((signal.SIGTERM,), signal.default_int_handler),  # as Ctrl-C
        alone(store, str(real(request.output)), UserError(into, where=str(request.output))),
    ):
        described = describe(request.source, store, shown.say)
        if request.within < SHORT:
            within = duration(request.within)
            shown.say(
                f"{within} is short: reading, measuring and files take much of it, and few candidates may be tried"
            )
        asked = request.decisive(described.prepared.digest, settings)
        decisions = Decisions(store, asked, request.within, request.began)
        trainer = Trainer(
            request.judged_by,
            store,
            settings,
            shown,
            request.seed,
            ended=lambda: decisions.note_trained(len(trainer.attempts)),
            measures=request.within >= TO_MEASURE_SHARING,
        )
        with alone(store, decisions.name, UserError(same, where=str(store.home))):
            return _to_the_end(State(request, described), trainer, decisions, shown)


def _to_the_end(state: State, trainer: Trainer, decisions: Decisions, shown: Shown) -> Picked:
    """Trains and leaves the folder; raises as `pick` does."""
    fault = None
    try:
        with connected(trainer.settings):
            _train(state, trainer, decisions, shown)
    except KeyboardInterrupt:
        decisions.note_trained(len(trainer.attempts))
        if not _leaves_more(state, trainer, decisions, shown):
            raise
        state.interrupted = "training"
        shown.say("interrupted: the best network so far is exported; the same command goes on with the race")
    except Exception as error:
        if not _leaves_more(state, trainer, decisions, shown):
            raise
        fault = None if isinstance(error, UserError) else error
        state.failed = f"{type(error).__name__}: {error}" if fault else str(error)
        shown.say(f"failed: {state.failed}; the best network so far is exported")
    else:
        decisions.finish()
    try:
        found = _leave(state, trainer, decisions, shown)
    except KeyboardInterrupt:
        if state.interrupted:
            shown.say("interrupted before the folder was written: the same command writes it")
            raise
        state.interrupted = "files"
        shown.say("interrupted: the folder is written anew, with nothing more tried; Ctrl-C again ends at once")
        found = _leave(state, trainer, decisions, shown)
    except Exception as error:
        raise error from fault
    if fault:
        raise fault
    return Picked(found, state.request.output, trainer.computed)


def _to_ship_from(state: State, trainer: Trainer) -> list[Attempt]:
    return [each for each in trainer.attempts.values() if state.may_ship(each)]


def _leaves_more(state: State, trainer: Trainer, decisions: Decisions, shown: Shown) -> bool:
    """Whether there is something to ship, and the folder that is there cannot hold more: what was trained before and is not
    found again yet, or what another command, with more time, has left that is worth more."""
    output, able = state.request.output, _to_ship_from(state, trainer)
    if not able:
        return False
    before = pick_in(output)
    if before and (len(trainer.attempts) < decisions.trained or _is_worth_more(before, able, state, trainer)):
        shown.say(f"{output} stays as it is: what it holds may be worth more than what is trained by now")
        return False
    return True


def _is_worth_more(before: dict[str, Any], able: Sequence[Attempt], state: State, trainer: Trainer) -> bool:
    """Whether a pick for the same images, limits and metric left what is worth more on validation images than all of these."""
    request = state.request
    asked = {"data": state.described.facts, "limits": request.limits, "metric": request.metric}
    if any(before.get(name) != value for name, value in asked.items()):
        return False
    value, best = before["training"]["value"], trainer.value(max(able, key=lambda each: each.worth))
    return bool(value > best if trainer.metric.higher_is_better else value < best)


def _leave(state: State, trainer: Trainer, decisions: Decisions, shown: Shown) -> dict[str, Any]:
    """Exports and tests the best network; the document of the folder that is left."""
    request, described = state.request, state.described
    state.chosen = to_ship(_to_ship_from(state, trainer), state.training, trainer)
    if state.resolution is None:
        state.resolution = Resolution(state.chosen.run.resolution, "the one that the best network so far was tried at")
    network = load(state.chosen.run.key, store=trainer.store.home)
    network.class_names = list(described.prepared.class_names)  # folders may have been renamed since it was trained
    network.run = dataclasses.replace(network.run, dataset=described.name)  # as may all of the images
    told = document(state, trainer, decisions)
    seconds = 0.0 if state.interrupted else max(decisions.clock.left, _reserved(request))
    return write_folder(network, told, request.output, int8=request.int8, seconds=seconds, note=shown.say)


@one_server()
def _train(state: State, trainer: Trainer, decisions: Decisions, shown: Shown) -> None:
    clock, request, sides = decisions.clock, state.request, sides_for(state.described.entry.resolution)

    def left() -> float:
        return max(clock.left - _reserved(request), 0.0)

    @cache
    def first_at(pixels: int) -> Candidate:
        untimed = dataclasses.replace(request.budget, latency=None)  # timing all at each side would take minutes
        return _field(state, trainer.store, pixels, untimed)[0][0]

    state.resolution = choose_resolution(first_at, sides, trainer, decisions, FOR_RESOLUTION * left())
    shown.say(f"images are seen at {state.resolution.pixels} pixels: {state.resolution.why}")
    timed_until = clock.left - FOR_TIMING * left()

    def fits(names: Sequence[str]) -> bool:
        assert state.resolution
        what = f"timing {', '.join(names)} at {state.resolution.pixels} pixels"
        return decisions.decide(what, lambda: clock.left > timed_until)

    pixels = state.resolution.pixels
    started = _pretrained(state, trainer.store, fits)  # these race before all others, so their time is taken first
    _choose_field(state, trainer.store, [side for side in sides if side < pixels], shown.say, fits)
    if state.resolution.pixels != pixels:
        started = _pretrained(state, trainer.store, fits)
    state.candidates = sorted([*started[0], *state.candidates], key=_order)
    state.left_out = [*state.left_out, *started[1]]
    shown.field(state.candidates, state.left_out)
    finalists = race(state.race, state.candidates, trainer, decisions, FOR_RACE * left(), shown.standing)
    raced = state.race.steps
    if raced[finalists[0].name] > fewest_steps(trainer.run(finalists[0], 1, 0)):  # so few tell nothing of settings
        tune(finalists[0], raced[finalists[0].name], trainer, decisions, FOR_TUNING * left(), state.training)
    train_long(finalists, trainer, decisions, left(), state.training, raced)
    if state.training.seeds:
        state.race.rung(alike(state.training.seeds), trainer)


def _choose_field(state: State, store: Store, smaller: Sequence[int], say: Callable[[str], None], fits: Fits) -> None:
    """Who races at the pixels that were chosen; where nobody keeps the latency there, at some of the `smaller` ones, fewest
    first, at which somebody does. Raises NobodyFitsError where nobody keeps the limits at any of them."""
    assert state.resolution
    limits, chosen = state.request.budget, state.resolution
    try:
        state.candidates, state.left_out = _field(state, store, chosen.pixels, limits, say, fits)
    except NobodyFitsError as error:
        if limits.latency is None or not smaller:
            raise
        most = (
            chosen.pixels / math.sqrt(error.excess) if math.isfinite(error.excess) else chosen.pixels
        )  # as times grow
        pixels = max((side for side in smaller if side <= most), default=smaller[0])
        say(f"at {chosen.pixels} pixels {error.message}; trying {pixels}")
        why = f"as many as keep the latency; {chosen.pixels}, which were chosen before, are too many"
        state.resolution = dataclasses.replace(chosen, pixels=pixels, why=why)
        _choose_field(state, store, [side for side in smaller if side < pixels], say, fits)


def _field(
    state: State,
    store: Store,
    pixels: int,
    limits: Budget,
    say: Callable[[str], None] = lambda words: None,
    fits: Fits = always,
) -> tuple[list[Candidate], list[LeftOut]]:
    """Who races at so many pixels, and who cannot. Raises UserError where nobody keeps the limits."""
    recipe = recipe_at(state.described, state.request, pixels)
    return candidates(store, dataset=state.described.name, limits=limits, recipe=recipe, say=say, fits=fits)


def _reserved(request: Request) -> float:
    """Seconds that files and tests are left; the same again where the same command finds all of it trained."""
    share, least, most = FOR_FILES
    return min(max(share * request.within, least), most)


def _pretrained(state: State, store: Store, fits: Fits) -> tuple[list[Candidate], list[LeftOut]]:
    """Those that start from weights at hand, and which of these cannot race."""
    assert state.resolution
    recipe, limits = recipe_at(state.described, state.request, state.resolution.pixels), state.request.budget
    priors = prior(store, state.described.name)
    return pretrained(store, prepared=state.described.prepared, limits=limits, recipe=recipe, priors=priors, fits=fits)


def _order(candidate: Candidate) -> tuple[bool, float]:
    """Those from ImageNet's weights before all, those from others' just before their own reference."""
    return candidate.started_from != IMAGENET, -candidate.prior.score if candidate.prior else math.inf
