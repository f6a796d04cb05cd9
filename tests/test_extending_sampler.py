"""The example of a sampler of one's own, as the documentation prints it."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from archlab.bench.landscape import read_landscape
from archlab.bench.search import bench_search
from archlab.foundation import read_yaml_text
from archlab.study.search_settings import parse_search

DOCUMENT = Path(__file__).parents[1] / "docs" / "extending.md"


@pytest.mark.slow
def test_a_search_takes_the_sampler_of_a_file(tmp_path):
    _, _, section = DOCUMENT.read_text(encoding="utf-8").partition("## A sampler of the search\n")
    blocks = dict(re.findall(r"```(\w+)\n(.*?)```", section.partition("\n## ")[0], re.DOTALL))
    name = blocks["python"].splitlines()[0].removeprefix("# ")
    (tmp_path / name).write_text(blocks["python"])
    settings = parse_search(read_yaml_text(blocks["yaml"], "study.yaml")["search"], None, tmp_path)
    assert settings.sampler is not None and settings.sampler.name.endswith(":Mutation")
    landscape = read_landscape()
    own = dataclasses.replace(landscape, study=dataclasses.replace(landscape.study, search=settings))
    measured = bench_search(own, repeats=1)
    assert measured.never == 0 and bench_search(own, repeats=1).epochs == measured.epochs
    assert measured.epochs != bench_search(landscape, repeats=1).epochs
