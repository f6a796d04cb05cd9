"""The card: what a pick found, for a reader, as Markdown and as a page that needs nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from importlib import resources
from typing import Any

from archlab.foundation.escaping import for_markdown, visible
from archlab.pick import card_words as words
from archlab.pick.card_sections import sections
from archlab.report.markdown import section_lines
from archlab.report.page import rendered
from archlab.report.section import Section

FEW_CLASSES = 12  # of a confusion that Markdown has as a table
FILTERED_FROM = 21  # rows of a table that can be filtered
USE = ["pip install --upgrade onnxruntime pillow", "python predict.py photo.jpg folder/"]
OF_PROGRAM = (
    "The model takes raw pixels, uint8 (N, H, W, 3), of any size, and resizes them itself. predict.py also reads folders, "
    "transparency and 16 bits, and large JPEGs at reduced size, as training did."
)
PROGRAM = """\
import json
import numpy, onnxruntime
from PIL import Image, ImageOps

session = onnxruntime.InferenceSession("model.onnx")
classes = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
images = numpy.asarray(ImageOps.exif_transpose(Image.open("photo.jpg")).convert("RGB"))[None]
(probabilities,) = session.run(None, {"images": images})
print(classes[probabilities[0].argmax()], probabilities[0].max())"""


def card_markdown(document: dict[str, Any]) -> str:
    """Of a complete document, as `archlab.pick.folder.write_folder` makes it; everything but the pictures."""
    return "\n".join(_lines(_visible(document))).rstrip() + "\n"


def card_html(document: dict[str, Any]) -> str:
    """The same as one HTML document: styles, script and pictures inside, nothing loaded from anywhere."""
    from markupsafe import Markup

    document = _visible(document)
    style = (resources.files("archlab.pick") / "template" / "card.css").read_text(encoding="utf-8")
    return rendered(
        "card.html",
        sections(document),
        package="archlab.pick",
        all_in="pick.json",
        own_style=Markup(style),  # noqa: S704  # archlab's own
        name=document["data"]["name"],
        title=words.title(document),
        answers=words.answers(document),
        facts=words.facts(document),
        caveats=words.caveats(document),
        filtered_from=FILTERED_FROM,
        use=USE,
        of_program=OF_PROGRAM,
        program=PROGRAM,
        asked=words.asked(document),
        command=document["command"],
        repeated=words.repeated(document),
        repeat=document["repeat"],
    )


def _lines(document: dict[str, Any]) -> Iterator[str]:
    yield f"# {for_markdown(words.title(document))}\n"
    for answer in words.answers(document):
        yield f"{for_markdown(answer)}\n"
    for label, value in words.facts(document):
        yield f"- {for_markdown(label)}: **{for_markdown(value)}**"
    yield ""
    yield from _code(USE)
    for caveat in words.caveats(document):
        yield f"- **Mind:** {for_markdown(caveat)}"
    yield ""
    for section in sections(document):
        yield from section_lines(_in_markdown(section, document))
    yield "## In a program of your own\n"
    yield f"{for_markdown(OF_PROGRAM)}\n"
    yield from _code([PROGRAM])
    yield "## How to repeat it\n"
    yield f"{for_markdown(words.asked(document))}\n"
    yield from _code([document["command"]])
    yield f"{words.repeated(document)}\n"
    yield from _code(document["repeat"])


def _in_markdown(section: Section, document: dict[str, Any]) -> Section:
    """With the table that stands for a picture, where it is not too large."""
    if not section.plots or len(document["data"]["classes"]) > FEW_CLASSES:
        return section
    return replace(section, tables=[*section.tables, *section.folded])


def _code(commands: list[str]) -> Iterator[str]:
    longest = max((len(ticks) for command in commands for ticks in re.findall("`+", command)), default=0)
    fence = "`" * max(3, longest + 1)
    yield f"{fence}\n" + "\n".join(commands) + f"\n{fence}\n"


def _visible(value: Any) -> Any:
    """The document without characters that act on what shows them."""
    if isinstance(value, dict):
        return {_visible(name): _visible(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_visible(each) for each in value]
    return visible(value) if isinstance(value, str) else value
