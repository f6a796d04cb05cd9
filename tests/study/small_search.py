"""A small search of tests, and what its store holds afterwards."""

from __future__ import annotations

import optuna

from archlab.study.search.backends import open_storage
from archlab.study.search.trials import Trials

STUDY = """
name: tiny
base:
  name: net
  layers:
    - conv: {out: 8, stride: 2, name: stem}
    - inverted_residual: {out: 16, expand: 2, stride: 2, name: body}
    - inverted_residual: {out: 32, expand: 2, stride: 2, name: body}
choices:
  kernel: [{set: {kernel: {range: [3, 7], step: 2}}, where: {name: body}, each: layer}]
  depth: [{set: {repeat: {range: [1, 4]}}, where: {name: body}, each: layer}]
  attention:
    none: []
    se: [{set: {channel_attention: {se: {ratio: {choose: [0.1, 0.25]}}}}, where: {name: body}}]
budget: {params: 20k, fit: width}
compare:
  - {name: one, layers: [{conv: {out: 16, stride: 4}}]}
  - {name: two, layers: [{conv: {out: 8, kernel: 5, stride: 2}}, {conv: {out: 24, stride: 2, repeat: 2}}]}
  - {name: three, layers: [{conv: {out: 8, stride: 2}}, {conv: {out: 24, stride: 2, repeat: 5}}]}
  - {name: four, layers: [{conv: {out: 8, kernel: 7, stride: 2}}, {conv: {out: 24, stride: 2, repeat: 3}}]}
suite: [digits, textures, elpv, pines]
recipe: {like: quick, steps: 4}
seeds: 2
search: {trials: 12, finalists: 2, start: [{kernel.layer2: 5, attention: se}]}
"""
LONGER = STUDY.replace("trials: 12", "trials: 20, keep: 0.5")  # designs go on while others have not begun


def study_of(home, text=STUDY):
    path = home.parent / "tiny.yaml"
    path.write_text(text)
    return path


def computed(home):
    return (home / "executions").read_text().split()


def trials_of(home, storage=None):
    """The history of the only search of a store."""
    opened = open_storage(storage, home / "studies" / "tiny-search")
    (name,) = optuna.get_all_study_names(opened)
    return Trials(optuna.load_study(study_name=name, storage=opened)).history()
