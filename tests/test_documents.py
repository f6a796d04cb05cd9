"""What the README and the documents link to is there, and so are the commands and options that they name."""

import re
import shlex
from pathlib import Path

import click
import pytest

from archlab.cli.main import cli

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def anchors(document: Path) -> set[str]:
    """Of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(document: Path) -> list[str]:
    """In text and in blocks, where words that say what a command does stand three blanks behind it."""
    text = document.read_text()
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    lines = [line for language, block in blocks if language in ("", "sh") for line in block.splitlines()]
    shown = [re.split(r" {3,}", line)[0] for line in lines if re.match(r"archlab [a-z]", line)]
    return [*shown, *re.findall(r"`(archlab [a-z][^`\n]*)`", text)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_links_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if target.startswith("http"):
            continue
        path, _, anchor = target.partition("#")
        there = document.parent / path if path else document
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_commands_and_options_are_there(document):
    for line in commands(document):
        _, *words = shlex.split(line)
        command: click.Command | None = cli
        while isinstance(command, click.Group) and words:
            command = command.get_command(click.Context(command), words.pop(0))
        assert command, line
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, line


def test_the_readme_is_short_and_begins_with_a_pick():
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) < 360
    assert "archlab pick photos/ --within 1h" in lines[:10]
