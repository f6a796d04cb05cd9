"""Architectures written as a base and edits of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from archlab.architecture.edits import apply_edits
from archlab.architecture.own_blocks import load_own_blocks
from archlab.architecture.parse import architecture
from archlab.architecture.spec import Architecture
from archlab.foundation import UserError, check_keys, where

KEYS = ("name", "paper", "base", "edits", "blocks")


def derived_architecture(
    document: dict, *, at: str | None, folder: Path | None, inside: tuple[Path, ...]
) -> Architecture:
    """The architecture of `{name: ..., base: NAME or FILE, edits: [...]}`; arguments as for `architecture`."""
    check_keys(document, KEYS, "an architecture with a base")
    load_own_blocks(document, folder)
    here = where(document) or at
    base = architecture(document["base"], at=where(document, "base") or here, folder=folder, inside=inside)
    edits = document.get("edits", [])
    if not isinstance(edits, list):
        raise UserError(f"edits is a list, not {edits!r}", where=where(document, "edits") or here)
    edited = apply_edits(base, edits, at=here)
    name = str(document.get("name", base.name))
    return dataclasses.replace(edited, name=name, paper=document.get("paper", base.paper), where=here)
