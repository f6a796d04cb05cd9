"""A study held against the published table: printed, on the page, as JSON; names matched as people write them."""

import dataclasses
import json
import math

import numpy as np
import pandas as pd
import pytest

from archlab.architecture import InputSpec
from archlab.budget import count
from archlab.foundation import UserError
from archlab.foundation.metric import METRICS, Metric
from archlab.report import analyse, read_material, text
from archlab.report.against import _explained, against
from archlab.report.held_against import hold_against
from archlab.report.material import Material
from archlab.scoring import Reproduction
from archlab.study.loading import load_study
from tests.report.made import made_study

OWN_NAMES = {"imagenette160": "imagenette", "ham10000": "ham10000@published", "stanford_dogs": "Stanford-Dogs"}


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    return read_material("zhang2025", tmp_path_factory.mktemp("home"))


def repeated(published, *, seeds=3, noise=0.4, **others):
    """The published table in fractions, seeds beside each other, under a user's names of its datasets."""
    random = np.random.default_rng(0)
    table = published.table.replace({"dataset": OWN_NAMES})
    rows = [
        table.assign(seed=seed, value=(table["value"] + random.normal(0, noise, len(table))) / 100)
        for seed in range(seeds)
    ]
    images = {"imagenette": 3925, "ham10000@published": 1503}
    return Material("mine", pd.concat(rows, ignore_index=True), test_images=images, **others)


@pytest.mark.slow
def test_all_cells_come_out_again(published):
    analysis = analyse([repeated(published)], published)
    found = analysis.against.found
    assert len(found.cells) == 77 and found.explained["seed noise"] > 70
    assert analysis.against.datasets["ham10000@published"] == "ham10000"
    printed, document = text(analysis, "markdown"), json.loads(text(analysis, "json"))
    assert "77 cells, of 11 models on 7 datasets, are in both" in printed
    assert "imagenette against imagenette160" in printed and "imagenette 3,925" in printed
    page = text(analysis, "html")
    assert "Held against zhang2025" in page and page.count("seed noise") > 70
    cell = document["against"]["cells"][0]
    assert set(cell) == {
        *("model", "dataset", "published", "reproduced", "difference", "seed_noise", "test_noise", "explained_by")
    }
    assert (cell["model"], cell["dataset"], cell["published"]) == ("convmixer", "imagenette", 89.25)
    assert document["against"]["ranking"][0]["spearman"] > 0.95
    scores = {row["model"]: row for row in document["against"]["scores"]}
    assert scores["efficientnet"]["published"] == pytest.approx(0.9619, abs=5e-5)
    assert document["regret"]["by_dataset"] and document["scores"][0]["model"] == "efficientnet"


@pytest.mark.slow
def test_without_against_nothing_is_said_of_it(published):
    analysis = analyse([published])
    assert json.loads(text(analysis, "json"))["against"] is None and "Held against" not in text(analysis, "markdown")


@pytest.mark.slow
def test_two_variants_of_a_dataset_the_same_name_wins(published):
    both = repeated(published)
    lesion = both.table[both.table["dataset"] == "ham10000@published"].assign(dataset="ham10000")
    matched = analyse([dataclasses.replace(both, table=pd.concat([both.table, lesion]))], published).against.datasets
    assert matched["ham10000"] == "ham10000" and "ham10000@published" not in matched


def test_the_published_budgets_are_archlab_s_own_counts(published, tmp_path):
    study = load_study("zhang2025", home=tmp_path)
    models = {model.name: model for model in study.compare}
    finest = next(form for form in study.forms if form.models == ("convmixer",)).of(models["convmixer"])
    least, most = (count(each, InputSpec(10, 224, None)).macs / 1e6 for each in (models["convnext"], finest))
    said = published.provenance["budgets"]
    assert said.endswith(f"{least:.0f} to {most:.0f} million multiply-accumulates")


def test_a_study_against_another(published):
    one, other = made_study(datasets=4, seeds=3), made_study(datasets=3, seeds=2, name="other", first_seed=10)
    found = analyse([one], other).against.found
    assert set(found.cells["dataset"]) == set(other.table["dataset"])
    assert found.explained["neither"] < len(found.cells) / 6
    assert not any(model.endswith("@raw") for model in found.cells["model"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataset": "unheard"}, "mine and zhang2025 share no dataset: unheard and imagenette160, cifar10"),
        ({"model": "unheard"}, "mine and zhang2025 share no model: unheard and convmixer"),
    ],
)
def test_nothing_in_common(published, change, message):
    mine = repeated(published)
    with pytest.raises(UserError, match=message):
        analyse(
            [
                dataclasses.replace(
                    mine, table=mine.table.assign(**change).drop_duplicates(["model", "dataset", "seed"])
                )
            ],
            published,
        )


def test_a_dataset_is_held_against_what_it_is_like_the_nearest_first(published, tmp_path):
    entries = tmp_path / "datasets" / "catalogue"
    entries.mkdir(parents=True)
    for name, like in (("lesions", "ham10000"), ("spots", "lesions"), ("things", "cifar10")):
        (entries / f"{name}.yaml").write_text(f"name: {name}\nlike: {like}\n")

    def matched(names, other):
        """How a table of datasets with these names is matched to another, by own name."""
        published.table.replace({"dataset": names}).to_csv(tmp_path / "mine.csv", index=False)
        mine = read_material(str(tmp_path / "mine.csv"), tmp_path)
        return mine, hold_against(mine, other).datasets

    mine, found = matched({"ham10000": "spots", "cifar10": "things"}, published)
    assert found["spots"] == "ham10000" and found["things"] == "cifar10" and len(found) == 7
    _, found = matched({"ham10000": "spots", "cifar100": "lesions"}, published)
    assert found["lesions"] == "ham10000" and "spots" not in found
    _, found = matched({"ham10000": "lesions", "cifar100": "ham10000"}, mine)
    assert found["lesions"] == "spots" and "ham10000" not in found


def test_another_metric(published):
    mine = repeated(published)
    other = dataclasses.replace(mine, table=mine.table.assign(metric="macro_f1"), metric=Metric.of("macro_f1"))
    with pytest.raises(UserError, match="mine and zhang2025 share no metric: macro_f1 and accuracy"):
        analyse([other], published)
    both = dataclasses.replace(
        mine, table=pd.concat([mine.table.assign(metric="accuracy"), other.table]), metric=Metric.of("macro_f1")
    )
    assert analyse([both], published).against.metric.name == "accuracy"


def test_what_is_told_in_nats_has_a_digit_more():
    one = made_study(datasets=3, seeds=2)
    one = dataclasses.replace(one, table=one.table.assign(metric="log_loss"), metric=METRICS["log_loss"])
    other = dataclasses.replace(one, name="other", table=one.table.assign(value=one.table["value"] + 0.0312))
    (section,) = against(analyse([one], other))
    assert "lies -0.031 nats from" in section.sentences[0] and section.plots[0].draw.args[1] == "+.2f"
    assert section.tables[-1].written()[0][4] == "−0.031"
    assert section.sentences[2].endswith("Test-set noise is known of accuracies alone.")


def test_a_picture_of_the_first_models_says_so():
    analysis = analyse([made_study(datasets=2, seeds=1)], made_study(datasets=2, seeds=1, name="other"))
    cells = pd.concat([analysis.against.found.cells.iloc[:1].assign(model=f"m{at}") for at in range(61)])
    found = dataclasses.replace(analysis.against.found, cells=cells.reset_index(drop=True))
    titles = []
    for held in (analysis.against, dataclasses.replace(analysis.against, found=found)):
        (section,) = against(dataclasses.replace(analysis, against=held))
        titles.append(section.plots[0].title)
    assert titles == [f"Points above (+) or below (−) other{only}" for only in ("", "; the first 60 of 61 models")]


def test_chance_is_counted_among_the_cells_that_can_be_judged():
    cells = pd.DataFrame({"explained_by": ["seed noise"] * 40 + ["neither"] * 10 + [None] * 100, "seed_noise": 1.0})
    cells["test_noise"] = [1.0] * 30 + [math.nan] * 10 + [1.0] * 10 + [math.nan] * 100
    nothing = pd.DataFrame()
    said = _explained(Reproduction(cells, nothing, nothing, nothing))
    assert "10 by neither; 100 cannot be judged" in said and said.endswith("about 2 of 40 would lie beyond by chance.")
