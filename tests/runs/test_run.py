import subprocess
import sys

import pytest
from standin import make_run

from archlab.architecture import InputSpec
from archlab.runs import Run, code_digest
from archlab.runs import code as code_module


def test_names_do_not_change_the_key_and_everything_else_does():
    run = make_run()
    assert make_run(dataset="other name", model="other name").key == run.key
    others = {
        "architecture": {"layers": [], "head": {}, "resolution": 32},
        "width": 1.001,
        "num_classes": 11,
        "dataset_digest": "e" * 64,
        "resolution": 33,
        "smallest_map": None,
        "recipe": {"epochs": 3},
        "seed": 1,
        "code": "other",
    }
    assert set(others) == set(run.document()) - {"dataset", "model"}
    keys = {make_run(**{"seed": 0, name: value}).key for name, value in others.items()}
    assert len(keys) == len(others) and run.key not in keys


def test_key_is_the_same_after_json_and_in_any_order():
    run = make_run(width=2)
    assert Run.from_document(run.document()).key == run.key == make_run(width=2.0).key
    reordered = dict(reversed(run.document().items()))
    assert Run.from_document(reordered).key == run.key


def test_its_network_is_assembled_for_its_classes_and_images():
    assert make_run(num_classes=7, resolution=33, smallest_map=None).input == InputSpec(7, 33, None)


def test_nan_has_no_key():
    with pytest.raises(ValueError):
        _ = make_run(recipe={"rate": float("nan")}).key


def test_code_digest_needs_no_torch():
    text = "import sys, archlab.runs as r; print(len(r.code_digest()), 'torch' in sys.modules, 'pandas' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True).stdout
    assert out.split() == ["32", "False", "False"]


def test_code_digest_follows_sources_and_own_blocks(tmp_path, monkeypatch):
    before = code_digest()
    own = tmp_path / "mine.py"
    own.write_text("x = 1\n")
    with_own = code_digest([own])
    assert with_own.startswith(before + "+")
    own.write_text("x = 2\n")
    changed = code_digest([own])
    assert changed != with_own
    assert code_digest([own.rename(tmp_path / "elsewhere.py")]) == changed

    blocks = tmp_path / "blocks"
    blocks.mkdir()
    (blocks / "conv.py").write_text("kernel = 3\n")
    monkeypatch.setattr(code_module, "_folder_of", lambda package: blocks)
    code_module._shipped.cache_clear()
    first = code_digest()
    (blocks / "conv.py").write_text("kernel = 5\n")
    code_module._shipped.cache_clear()
    second = code_digest()
    code_module._shipped.cache_clear()
    assert first != second != before
