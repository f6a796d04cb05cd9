"""Colours of the plots: fixed ones for files, and stand-ins that the page replaces by its light or dark theme's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Palette:
    """Okabe and Ito's colours tell references and variants apart for colour-blind readers too."""

    ink: str = "#1b1f24"
    muted: str = "#57606a"
    line: str = "#d0d7de"
    paper: str = "#ffffff"
    reference: str = "#0072b2"
    variant: str = "#b34700"
    accent: str = "#00795c"


FILE = Palette()
THEMED = Palette(
    ink="#000001",
    muted="#000002",
    line="#000003",
    paper="#000004",
    reference="#000005",
    variant="#000006",
    accent="#000007",
)


def themed(style: str) -> str:
    """The stand-ins of THEMED replaced by the page's variables: `--ink`, `--muted`, ..."""
    for name, colour in vars(THEMED).items():
        style = style.replace(colour, f"var(--{name})")
    return style
