"""What a program gives, as a YAML document would."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from archlab.foundation import read_yaml_text
from archlab.foundation.plain import plain


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (np.int64(3), 3),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (np.array([1, 2]), [1, 2]),
        (pd.Series(["a", "b"]), ["a", "b"]),
        (range(3), [0, 1, 2]),
        ({"seeds": (np.int64(1), 2), "base": Path("net.yaml")}, {"seeds": [1, 2], "base": "net.yaml"}),
        (None, None),
        ("word", "word"),
    ],
)
def test_what_yaml_would_give(given, expected):
    found = plain(given)
    assert found == expected and type(found) is type(expected)


def test_what_was_read_keeps_its_lines():
    read = read_yaml_text("name: a\nseeds: [1, 2]\n", "study.yaml")
    assert plain(read) is read
    assert plain({"search": read})["search"].where("seeds") == "study.yaml:2"
