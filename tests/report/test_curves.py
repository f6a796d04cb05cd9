"""Learning curves; of one epoch there are none."""

import dataclasses

import pytest

from archlab.report import analyse, text
from archlab.report.curves import curves
from archlab.report.palette import FILE
from archlab.report.sections import plots, sections
from tests.report.made import made_study
from tests.report.named import named_study, names


def curves_of(epochs, change=lambda curves: curves):
    material = named_study(names(20, 4), ["digits", "elpv", "pines"], epochs=epochs)
    return analyse([dataclasses.replace(material, curves=change(material.curves))])


@pytest.mark.slow
def test_of_one_epoch_its_steps_are_said_and_where_it_ended_is_shown():
    found = curves_of(1)
    said = "Training was one epoch of 60 steps, so there is no curve: shown is the validation accuracy after it."
    assert said in text(found, "markdown") and said in text(found, "html")
    plot = plots(found)["curves-digits"]
    assert "after its one epoch" in plot.title
    (axes,) = plot.draw(FILE).axes
    assert len(axes.lines) == 4 and sorted(line.get_ydata()[0] for line in axes.lines) == [0, 1, 2, 3]


def test_of_more_epochs_nothing_is_said():
    found = curves_of(3)
    (section,) = (each for each in sections(found) if each.anchor == "curves")
    assert section.sentences == [] and "by epoch" in section.plots[0].title
    assert [len(line.get_xdata()) for line in section.plots[0].draw(FILE).axes[0].lines] == [3] * 4


def test_models_beside_the_scores_are_not_counted():
    found = analyse([made_study(datasets=2, seeds=1)])
    (section,) = curves(found)
    assert [plot.alt for plot in section.plots] == [f"Of the best {len(found.models)} models."] * 2


def test_of_runs_that_trained_on_their_validation_images_there_are_none():
    found = curves_of(3, lambda curves: curves.assign(validation_accuracy=None))
    assert "curves" not in [each.anchor for each in sections(found)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda curves: curves.drop(columns="steps"), "Training was one epoch, so"),
        (lambda curves: curves.assign(steps=range(60, 60 + len(curves))), "one epoch of 60 to 83 steps, so"),
        (lambda curves: curves.assign(epoch=curves["epoch"] + (curves["dataset"] != "elpv")), "60 steps on elpv, so"),
    ],
    ids=["steps not known", "steps differ", "one dataset"],
)
def test_what_is_said_holds_for_all(change, said):
    assert said in text(curves_of(1, change), "markdown")
