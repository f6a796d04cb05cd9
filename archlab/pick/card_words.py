"""What a card says in sentences and in figures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from archlab.deploy.mending import IN_FLOAT
from archlab.foundation.metric import Metric
from archlab.foundation.words import counted, duration, first_of, in_kib

NAMED = 8  # classes
FEW_IMAGES = 10  # of a class, whose recall says little
WIDE = 0.02  # half of an interval of accuracy that says little
APART = 0.05  # accuracy on validation and on test images: less is what choosing by the former, or chance, can do
MEMORY = ("peak_memory", "flash")
LIMITS = ("params", "macs", *MEMORY)
LARGEST = "the largest class"
NO_TIME = "no time to try it"  # why a candidate went out
CAREFUL = "Careful: "  # in what archlab.pick.findings says of leaks
OF_GROUPS = (  # and of groups, and what is said there of what names tell
    "the test is no test of new groups",
    "every interval counts each by itself",
    "--series keeps them together",
    "the test may know them from training",
)


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def between(low: float, high: float) -> str:
    return f"{100 * low:.1f} to {100 * high:.1f}"


def worth(metric: Metric, value: float | None) -> str:
    """A value of a metric."""
    if value is None:
        return "–"
    return percent(value) if metric.is_share else f"{value:.3f} {metric.unit}"


def metric_of(document: dict[str, Any]) -> Metric:
    return Metric.from_document(document["metric"])


def images(count: int, split: str = "") -> str:
    """`1 test image`, `240 test images`."""
    return counted(count, f"{split} image".strip())


def title(document: dict[str, Any]) -> str:
    return f"{document['training']['model']} for {document['data']['name']}"


def answers(document: dict[str, Any]) -> list[str]:
    """What it is; how good, and what that is to be held against."""
    if not document["test"]["images"]:
        return [_in_short(document), _untested(document)]
    found = [_in_short(document), _how_good(document)]
    return [*found, _on_validation(document)] if is_apart(document) else found


def _how_good(document: dict[str, Any]) -> str:
    test, metric = document["test"], metric_of(document)
    accuracy, guess, guessed = test["metrics"]["accuracy"], test["guess"], _guessed(test)
    name = f", {guess['class']}," if guessed == LARGEST else ""
    said = (
        f"It is right on {percent(accuracy['value'])} ({between(accuracy['low'], accuracy['high'])}, 95 % over images) of "
        f"{images(test['images'], 'test')}, by which nothing was chosen. Guessing {guessed}{name} each time would give "
        f"{percent(guess['accuracy'])}."
    )
    if metric.name == "accuracy":
        return said
    other = test["metrics"][metric.name]
    if other["value"] is None:
        return f"{said} Its {metric.words} is not defined on these images."
    if other["low"] is None:
        ends = "its interval is not known: some classes have too few test images"
    else:
        ends = between(other["low"], other["high"]) if metric.is_share else f"{other['low']:.3f} to {other['high']:.3f}"
    return f"{said} Its {metric.words}, by which it was chosen on other images, is {worth(metric, other['value'])} ({ends})."


def is_apart(document: dict[str, Any]) -> bool:
    """Whether it is right on validation and on test images so differently that these are not alike: by more than APART, and
    with intervals of 95 % that do not meet."""
    test, validation = document["test"]["metrics"]["accuracy"], document["validation"]["accuracy"]
    lower, higher = sorted([test, validation], key=lambda each: float(each["value"]))
    return bool(higher["value"] - lower["value"] > APART and higher["low"] > lower["high"])


def _on_validation(document: dict[str, Any]) -> str:
    """Where it is apart, what it is right on there, and what that means."""
    data, validation = document["data"], document["validation"]
    accuracy, tested = validation["accuracy"], document["test"]["metrics"]["accuracy"]
    than, kept, drawn = "easier", "validation", "test"
    if tested["value"] < accuracy["value"]:
        than, kept, drawn = "harder", "test", "validation"
    said = (
        f"On {images(validation['images'], 'validation')}, by which it was chosen, it is right on "
        f"{percent(accuracy['value'])} ({between(accuracy['low'], accuracy['high'])}): the test images are {than} than these, "
        "and new ones may be like either."
    )
    own = data["own_splits"]
    if kept not in own or drawn in own or data["groups"]:
        return said  # what is drawn with others of its series among those to learn from is the easier part
    return (
        f"{said} The source keeps its {kept} images apart, and the {drawn} images were drawn from the others. If these come in "
        "series (of one film, of one patient), --series or a table that names these (--group-column) keeps them together."
    )


def _guessed(test: dict[str, Any]) -> str:
    """What is said each time where one class is guessed, as well as that can be."""
    counts = [each["images"] for each in test["recall"]]
    if counts.count(max(counts)) == 1:
        return LARGEST
    return "one class" if min(counts) == max(counts) else "one of the largest classes"


def _in_short(document: dict[str, Any]) -> str:
    data, classes = document["data"], document["data"]["classes"]
    named = classes if len(classes) <= NAMED + 1 else [*classes[:NAMED], f"and {len(classes) - NAMED} more"]
    size = f"{document['resolution']['pixels']} pixels, of {short(document['cost']['params_deployed'])} parameters"
    return (
        f"A classifier of images at {size}, trained on {images(data['images']['train'])} of {len(classes)} classes: "
        f"{', '.join(named)}."
    )


def _untested(document: dict[str, Any]) -> str:
    value = worth(metric_of(document), document["training"]["value"])
    return (
        "There was nothing to test on: how right it is on new images is not known. On the validation images, which it was "
        f"chosen by, its {metric_of(document).words} is {value}."
    )


def facts(document: dict[str, Any]) -> list[tuple[str, str]]:
    """Label and value."""
    test, cost = document["test"], document["cost"]
    found = []
    if test["images"]:
        accuracy = test["metrics"]["accuracy"]
        ends = between(accuracy["low"], accuracy["high"])
        found.append((f"accuracy on {images(test['images'], 'test')}", percent(accuracy["value"])))
        found.append(("95 % interval of it", f"{ends} %"))
        found.append((f"guessing {_guessed(test)}", percent(test["guess"]["accuracy"])))
    found.append(("parameters", short(cost["params_deployed"])))
    found += [(each["file"], f"{short(each['bytes'])}B") for each in document["files"]]
    if cost["peak_memory"] is not None:
        found.append(("memory for feature maps, 8 bits", in_kib(cost["peak_memory"])))
    found += [(f"one image, one CPU thread, {each['precision']}", _milliseconds(each)) for each in document["files"]]
    return found


def _milliseconds(file: dict[str, Any]) -> str:
    return f"{file['latency_ms']:.3g} ms"


def short(number: float) -> str:
    """`2.49 M`, `812 K`."""
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "K")):
        if number >= 0.9995 * unit:  # 999,500 are 1e+03 K otherwise
            return f"{number / unit:.3g} {name}"
    return f"{number:g}"


def caveats(document: dict[str, Any]) -> list[str]:
    """What a reader must know before relying on it; the gravest first."""
    parts = (_of_data, _of_test, _of_time, _of_int8, _of_limits, _general)
    return [caveat for part in parts for caveat in part(document)]


def _of_data(document: dict[str, Any]) -> Iterator[str]:
    """Leaks between the parts, and what is alike within them, which make it look better, or better known, than it is."""
    for told in (*document["data"]["lines"], *document["data"]["remarks"]):
        if CAREFUL in told:
            yield told.partition(CAREFUL)[2]
        elif any(words in told for words in OF_GROUPS):
            yield told


def _of_test(document: dict[str, Any]) -> Iterator[str]:
    test = document["test"]
    if document["early"]:
        yield document["early"]
    if not test["images"]:
        yield "Nothing was tested: keep images apart that it has not seen, and count how often it is right on them."
        return
    accuracy, guess = test["metrics"]["accuracy"], test["guess"]
    if accuracy["low"] <= guess["accuracy"]:
        said = guess["class"] if _guessed(test) == LARGEST else _guessed(test)
        it = "It" if metric_of(document).name == "accuracy" else "By accuracy, which it was not chosen by, it"
        yield f"{it} may be no better than always saying {said}: the interval of its accuracy reaches down to that."
    width = accuracy["high"] - accuracy["low"]
    if width > 2 * WIDE:
        yield (
            f"{images(test['images'], 'test')} leave the accuracy an interval of {100 * width:.1f} points; four times as many "
            "would halve it."
        )
    few = [each for each in test["recall"] if each["images"] < FEW_IMAGES]
    if few:
        named = first_of([f"{each['class']} ({each['images']})" for each in few], 3)
        yield f"So few test images say little of single classes: {named}."


def _of_time(document: dict[str, Any]) -> Iterator[str]:
    candidates = document["candidates"]
    if untried := sum(each["out"] == NO_TIME for each in candidates):
        yield f"There was no time to try {untried} of {counted(len(candidates), 'candidate')}: with more (--within) they race."


def _of_int8(document: dict[str, Any]) -> Iterator[str]:
    told = document["int8"]
    if told["asked"] and not told["holds"]:
        what = "could not be made" if told["why"] else "does not hold"
        yield f"int8 was asked for and {what}. {int8_in_words(document)}"


def int8_in_words(document: dict[str, Any]) -> str:
    """How the int8 file came to be, or why there is none."""
    told = document["int8"]
    if told["why"]:
        return f"There is no int8 file: {told['why']}."
    split = "validation" if told["judged_on"] == "validation" else "training"
    moved = f"moves the probabilities of {split} images by {100 * told['moved']:.2f} points on average"
    if told["holds"]:
        return f"The int8 file holds: it {moved}, and up to 1 counts as holding ({told['way']})."
    if told["asked"]:
        return f"The best way that was found {moved}, and 1 is the most that counts as holding; the file is here all the same."
    return f"There is no int8 file: the best way that was found {moved}, and 1 is the most that counts as holding."


def _of_limits(document: dict[str, Any]) -> Iterator[str]:
    limit, cost = document["limits"].get("latency_ms"), document["cost"]
    slow = [each for each in document["files"] if limit is not None and each["latency_ms"] > limit]
    if slow:
        listed = ", ".join(f"{each['file']} {_milliseconds(each)}" for each in slow)
        yield f"{limit:g} ms for an image were asked for, and it takes more: {listed}."
    for name in LIMITS:
        most = document["limits"].get(name)
        if most is not None and cost[name] is not None and cost[name] > most:
            yield f"{name.replace('_', ' ')}: {most:,} were asked for, and it has {cost[name]:,}."
    if any(document["limits"].get(name) is not None for name in MEMORY):
        yield from _of_memory(document)


def _of_memory(document: dict[str, Any]) -> Iterator[str]:
    """What of the files is not in the 8 bits a value that limits of memory are of."""
    limits, way = "The limits of memory are of 8 bits a value", document["int8"]["way"]
    if all(each["precision"] == "float" for each in document["files"]):
        yield f"{limits}, and there is no int8 file: in float all of it takes four times as much."
    elif way.endswith(IN_FLOAT):
        yield f"{limits}, and the int8 file has layers in float ({way}), which take four times as much."


def _general(document: dict[str, Any]) -> Iterator[str]:
    classes = len(document["data"]["classes"])
    yield (
        f"It says one of its {classes} classes of every image, also of one that shows none of them; and images unlike these, "
        "of another camera or place, can be harder."
    )


def asked(document: dict[str, Any]) -> str:
    """What was asked for, and what it took."""
    took, within = duration(document["seconds"]), duration(document["within"])
    began = document["started"][:16].replace("T", " ")
    return (
        f"Asked for was a network of {limits_in_words(document)}, within {within}. Choosing the network took {took} on "
        f"{document['hardware']}, by archlab {document['archlab']}, from {began} on:"
    )


def repeated(document: dict[str, Any]) -> str:
    """What the commands of `repeat` give."""
    how = (
        "to the last digit"
        if document["repeats_exactly"]
        else "but for the noise of a GPU, which --deterministic avoids"
    )
    return f"With the same images, store, versions, machine and working directory these commands give the same network, {how}:"


def limits_in_words(document: dict[str, Any]) -> str:
    from archlab.budget import Budget

    given = {name: document["limits"].get(name) for name in LIMITS}
    budget = Budget(**given, latency=document["limits"].get("latency_ms"))
    words = str(budget)
    return "any size" if words == "none" else f"at most {words}"
