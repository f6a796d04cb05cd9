"""Trying a study's combinations before anything runs, so that an edit that can match nothing is found at once.

Where there are at most `MOST` combinations, all are tried. Otherwise: every option of a choice alone and every pair of options
of two choices (their conditions met, the rest as the base stands), and `SAMPLED` random combinations from a fixed seed.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator

from archlab.architecture import Architecture
from archlab.foundation import UserError
from archlab.foundation.words import listed
from archlab.study.choices import requirements
from archlab.study.combination import Combination, all_combinations, apply, sample
from archlab.study.study import Study
from archlab.study.variables import Value, Variable

MOST = 1000
SAMPLED = 300


def check_combinations(study: Study) -> None:
    """Raises UserError, naming the combination, where an edit of a reachable one cannot be applied."""
    if not study.bases:
        return
    apply(study, {})
    tried = itertools.islice(all_combinations(study, _probes), MOST + 1)
    if sum(1 for _ in tried) <= MOST:
        return
    for values in _pairs(study):
        apply(study, values)
    generator = random.Random(0)  # noqa: S311
    for _ in range(SAMPLED):
        sample(study, lambda variable: _random(variable, generator))


def check_first_options(
    study: Study, base: str, architecture: Architecture, made: Callable[[Combination], tuple]
) -> None:
    """Raises UserError where the first options of choices, which the base is said to have, make another model of it; what opens
    values has a name of its own. `made`: equal for combinations that are one model.
    """
    first = apply(study, {"base": base} if len(study.bases) > 1 else {})
    if first.name != base or made(first) == made(Combination({}, architecture)):
        return
    named = [each for each in study.choices if each.active(first.values) and next(iter(each.options.values()), [])]
    names = listed(f"{each.name}={next(iter(each.options))}" for each in named)
    raise UserError(
        f"{base} is another model with {names}: the first option of a choice is the base as it stands, mostly `[]`",
        where=named[0].where or study.where,
    )


def _probes(variable: Variable) -> list[Value]:
    """The values to try: all, or the ends of a continuous range."""
    return [variable.low, variable.high] if variable.continuous else variable.values()


def _random(variable: Variable, generator: random.Random) -> Value:
    if variable.continuous:
        return generator.uniform(variable.low, variable.high)
    return generator.choice(variable.values())


def _pairs(study: Study) -> Iterator[dict[str, Value]]:
    """Every option of a choice, alone and with every option of another, their conditions met."""
    choices = {choice.name: choice for choice in study.choices}
    options = {name: choice.variable.values() for name, choice in choices.items() if choice.variable}
    if len(study.bases) > 1:
        options["base"] = study.base.values()
    for names in (*itertools.combinations(options, 1), *itertools.combinations(options, 2)):
        conditions = [requirements(choices[name], choices).items() for name in names if name in choices]
        needed: dict[str, list[str]] = {}
        for other, allowed in itertools.chain.from_iterable(conditions):
            needed[other] = [option for option in needed.get(other, allowed) if option in allowed]
        if not all(needed.values()):
            continue
        for chosen in itertools.product(*(options[name] for name in names)):
            values = dict(zip(names, chosen, strict=True))
            if all(value in needed.get(name, (value,)) for name, value in values.items()):
                yield {**{name: allowed[0] for name, allowed in needed.items()}, **values}
