import pytest
from standin import make_run

from archlab.architecture import InputSpec
from archlab.runs import Run


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
