"""The example of a score in docs/extending works as it stands."""

import json
import re
from pathlib import Path

from click.testing import CliRunner

from archlab.cli.score import score

PAGE = Path(__file__).parents[1] / "docs" / "extending_score.md"


def test_the_example_of_a_score(tmp_path, monkeypatch):
    example = re.search(r"```python\n# (?P<name>\w+\.py)\n.*?```", PAGE.read_text(), re.DOTALL)
    (tmp_path / example["name"]).write_text(example[0].removeprefix("```python\n").removesuffix("```"))
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(score, ["zhang2025", "--score", f"{example['name']}:worst_case", "--json"])
    models = {row["model"]: row["worst_case"] for row in json.loads(done.stdout)["models"]}
    assert len(models) == 11
    assert models["tinynet"] == 0  # it is the lowest of all on one dataset
    assert models["efficientnet"] > 0.8
