"""Whether a block, shipped or a user's own, keeps the promises that every block makes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch

import blocks
from archlab.architecture.layers import SET_KEYS
from archlab.budget.promises import PROMISES, Case, export, memory
from archlab.foundation import UserError
from blocks import LayerArguments, Tally
from blocks.arguments import ArgumentError, complete


def check_block(name: str, **arguments: Any) -> None:
    """Puts a registered block through everything that an architecture, a budget and a training may ask of it.

    Args:
        name: As registered; import the file of your own block first.
        arguments: As an architecture gives them. Without any, each of the block's `examples` is tried.

    Raises:
        UserError: There is no such block, or it does not take these arguments.
        AssertionError: It breaks promises; the message says which, a line each.
    """
    if name not in blocks.BLOCKS:
        raise UserError(f"there is no block {name!r}", name=name, known=blocks.BLOCKS)
    block = blocks.BLOCKS[name]
    if not (isinstance(block, type) and issubclass(block, blocks.Block)):
        raise AssertionError(f"{name} is not a subclass of blocks.Block")
    for given in [arguments] if arguments else block.examples:
        try:
            completed = complete(block, given, name)
        except ArgumentError as error:
            raise UserError(str(error), name=error.name, known=error.known) from None
        with torch.random.fork_rng(devices=[]):
            broken = list(broken_promises(block, completed))
        if broken:
            given_text = f" with {given}" if given else ""
            raise AssertionError("\n  ".join([f"{name}{given_text} breaks {len(broken)} of its promises:", *broken]))


def broken_promises(block: type[blocks.Block], arguments: dict[str, Any]) -> Iterator[str]:
    """The first fault of every promise that is broken, a line each."""
    for name in sorted(SET_KEYS.keys() & arguments.keys()):
        yield f"arguments: {name!r} belongs to the layer, so that no architecture can give it to the block"
    try:
        cases = cases_of(block, arguments)
    except Exception as error:
        yield f"channels and strides: {in_short(error)}"  # without which nothing can be tried
        return
    refused = {case: refusal(case) for case in cases}
    accepted = [case for case, reason in refused.items() if reason is None]
    if not accepted:
        yield f"channels and strides: it refuses all; {next(iter(refused.values()))}"
    if fault := next(filter(None, map(constructor_fault, accepted)), None):
        yield f"constructor: {fault}"  # which every promise would meet
        return
    for title, promise in PROMISES.items():
        cases = accepted
        if promise in (export, memory):  # which are slow
            cases = list(dict.fromkeys((*accepted[:1], *accepted[-1:])))
        fault = next((fault for case in cases for fault in faults(promise, case)), None)
        if fault:
            yield f"{title}: {fault}"
    for case, reason in refused.items():
        if reason is not None and is_counted(case):
            yield f"refusing: tally counts what the constructor refuses: {reason}"
            return


def cases_of(block: type[blocks.Block], arguments: dict[str, Any]) -> list[Case]:
    channels = math.lcm(8, block.channel_multiple("out_channels", LayerArguments(**arguments)))
    kept, changed = 2 * channels, 3 * channels
    shapes = [
        (kept, 1),
        (kept, 2),
        (changed, 1),
        (changed, 3),
        (changed, block.published_stride(LayerArguments(stride=1, **arguments))),
    ]
    case = Case(block, LayerArguments(in_channels=kept, **arguments))
    return [case.but(out_channels=out, stride=stride, published_stride=stride) for out, stride in dict.fromkeys(shapes)]


def refusal(case: Case) -> str | None:
    """Why the block cannot be built that way, which is its right; None where it can."""
    try:
        case.build()
    except ValueError as error:
        return f"{case}: {error}"
    except Exception:
        return None  # a fault, which the promises will meet
    return None


def constructor_fault(case: Case) -> str | None:
    """What the constructor raises that is no refusal; None where the block is built."""
    try:
        case.build()
    except Exception as error:
        return f"{in_short(error)} ({case})"
    return None


def is_counted(case: Case) -> bool:
    try:
        case.tally(Tally(), case.size)
    except Exception:
        return False
    return True


def faults(promise: Callable[[Case], Iterator[str]], case: Case) -> Iterator[str]:
    """What `promise` finds, an unexpected exception among it, with the case."""
    try:
        for fault in promise(case):
            yield f"{fault} ({case})"
    except Exception as error:
        yield f"{in_short(error)} ({case})"


def in_short(error: Exception) -> str:
    """Its kind, and the first line of what it says."""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
