"""A study says where its test images are among those that its runs are pretrained on, and goes on."""

from __future__ import annotations

import numpy as np
import pytest
from made_up_times import Said
from PIL import Image
from small_study import STAND_IN

from archlab.data import add_dataset, prepare
from archlab.runs import Store
from archlab.study.ablating import ablate
from archlab.study.resolving import resolve
from archlab.study.shared_images import shared_test_images

SHORT = {"like": "quick", "steps": 2}


@pytest.fixture
def datasets(tmp_path, home):
    """Three datasets of two classes: of the 20 test images of `seen`, half are training images of `source`."""
    random = np.random.RandomState(0)
    for name in ("source", "seen", "clean"):
        for part, count in (("train", 20), ("test", 10)):
            for label in ("cat", "dog"):
                folder = tmp_path / name / part / label
                folder.mkdir(parents=True)
                for number in range(count):
                    pixels = random.randint(0, 256, (32, 32, 3), dtype=np.uint8)
                    Image.fromarray(pixels).save(folder / f"{number}.png")
    for label in ("cat", "dog"):
        for number in range(5):
            (tmp_path / "source" / "train" / label / f"{number}.png").write_bytes(
                (tmp_path / "seen" / "test" / label / f"{number}.png").read_bytes()
            )
    for name in ("source", "seen", "clean"):
        add_dataset(name, home, "folder", {"path": str(tmp_path / name)}, {"resolution": 32})
        prepare(name, home)
    return home


def study(**pretrained):
    recipe = SHORT | {"init": {"pretrain": {"dataset": "source", "recipe": SHORT | pretrained}}}
    return {"compare": ["starnet", "shufflenetv2"], "suite": ["clean", "seen"], "recipe": recipe}


@pytest.mark.slow
def test_identical_images_are_counted_where_they_are_trained_on(datasets):
    names = prepare("source", datasets).names("validation")
    validated = sum(int(name.rpartition("/")[2].removesuffix(".png")) < 5 for name in names)
    for whole, count in ((False, 10 - validated), (True, 10)):
        said = shared_test_images(resolve(study(with_validation=whole), datasets), datasets)
        assert said.startswith(
            f"warning: pretrained on what is tested: {count} test images of seen are images of source; "
        )
        assert "`archlab datasets check seen --against source`" in said and "clean" not in said


def test_nothing_is_said_of_other_images_and_of_studies_without_pretraining(datasets):
    assert shared_test_images(resolve(study() | {"suite": ["clean"]}, datasets), datasets) is None
    assert shared_test_images(resolve(study() | {"recipe": SHORT}, datasets), datasets) is None


@pytest.mark.slow
def test_an_ablation_says_so_and_goes_on(datasets, stand_in):
    heard = Said()
    ablation = ablate(study(), Store(datasets), STAND_IN, heard)
    assert sum(line.startswith("warning: pretrained on what is tested") for line in heard.lines) == 1
    assert ablation.computed == 6 and not ablation.failed  # with those that come first
