"""A small search of tests, and entries of the catalogue."""

from __future__ import annotations

SEARCHED = """
name: small
base:
  name: net
  layers:
    - conv: {out: 8, stride: 2}
    - inverted_residual: {out: 16, expand: 2, stride: 2, repeat: 2, name: body}
choices:
  kernel: [{set: {kernel: {range: [3, 7], step: 2}}, where: {name: body}}]
  attention:
    none: []
    se: [{set: {channel_attention: se}, where: {name: body}}]
budget: 60k
compare: [starnet, mobileone, shufflenetv2]
suite: [digits, textures]
recipe: {like: quick, steps: 4}
seeds: 1
search: {trials: 4, finalists: 2}
"""
PHOTOS = """
name: photos
title: Photos
domain: own
classes: 12
resolution: 96
licence: own
source: {folder: {path: photos}}
"""


def catalogued(home, text):
    """Adds an entry to the catalogue; gives its name."""
    name = text.split("name: ")[1].split("\n")[0]
    path = home / "datasets" / "catalogue" / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return name
