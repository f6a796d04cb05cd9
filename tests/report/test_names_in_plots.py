"""Plots hold with any names: at least 60 % of the width is drawing, and no text runs over another or out of the picture."""

import numpy as np
import pytest
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg

from archlab.report.lettering import inches, lettered, quiet
from archlab.report.palette import FILE
from archlab.report.plots import _style, slug, written
from archlab.report.sections import plots
from tests.report.named import names, with_every_plot

CASES = {
    "three of 10": (names(10, 3), ["digits", "elpv", "pines"], ["cat", "dog"]),
    "eight of 60": (names(60, 8), names(10, 7, base="data"), names(10, 20, base="poodle")),
    "twenty of 120": (names(120, 20), names(60, 5, base="stanford_dogs"), names(60, 20, breaks=False, base="poodle")),
    "eight of 120, unbroken": (names(120, 8, breaks=False), names(120, 3, breaks=False), names(120, 12, breaks=False)),
    "other scripts": (
        ["漢字" * 30, "д" * 60, "𝔘" * 40, "a b " * 30, "e\u0301" * 60],
        ["ขอ" * 20, "x", "y"],
        ["", " ", "\n"],
    ),
}


SLOW = ("eight of 60", "twenty of 120")


@pytest.fixture(
    scope="module", params=[pytest.param(each, marks=pytest.mark.slow if each in SLOW else ()) for each in CASES]
)
def drawn(request):
    """All plots of a report, drawn as for a file."""
    found = {}
    for name, plot in plots(with_every_plot(*CASES[request.param])).items():
        with rc_context(_style(FILE)), quiet():
            found[name] = plot.draw(FILE)
            FigureCanvasAgg(found[name]).draw()
    assert len(found) >= 15
    return found


def texts_of(figure):
    """All that show something."""
    texts = [*figure.texts]
    for axes in figure.axes:
        texts += axes.texts
        for axis, ends in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            ticks = [tick for tick in axis.get_major_ticks() if min(ends) <= tick.get_loc() <= max(ends)]
            texts += [axis.label, *(tick.label1 for tick in ticks)]
    return [each for each in texts if each.get_visible() and each.get_text().strip()]


def test_the_drawing_keeps_its_room(drawn):
    for name, figure in drawn.items():
        assert sum(axes.bbox.width for axes in figure.axes) >= 0.6 * figure.bbox.width, name


def test_no_text_runs_over_another_or_out_of_the_picture(drawn):
    for name, figure in drawn.items():
        with quiet():
            places = np.array([each.get_window_extent().extents for each in texts_of(figure)])
        said = [each.get_text() for each in texts_of(figure)]
        assert (places[:, :2] >= -1).all() and (places[:, 2:] <= np.array(figure.bbox.size) + 1).all(), name
        over = np.minimum(places[:, None, 2:], places[:, 2:]) - np.maximum(places[:, None, :2], places[:, :2])
        hidden = np.triu((over > 2).all(2), 1)  # pixels, a hundred an inch: the margins of letters may touch
        assert not hidden.any(), (name, [(said[i], said[j]) for i, j in zip(*hidden.nonzero(), strict=True)])


def test_no_name_or_legend_covers_a_row(drawn):
    for name, figure in drawn.items():
        assert figure.get_layout_engine() is None and not figure.legends
        assert all(axes.get_legend() is None for axes in figure.axes)
        for text in (
            figure.texts if not name.startswith(("pareto", "search")) else ()
        ):  # points are named where they are
            x, y = text.get_transform().transform(text.get_position())
            assert not any(axes.bbox.contains(x, y) for axes in figure.axes), (name, text.get_text())


def test_lines_are_as_narrow_as_they_should_be_and_cut_names_stay_apart():
    alike = ["x" * 200 + "middle" + "y" * 200, "x" * 200 + "centre" + "y" * 200, "short"]
    lines = lettered(alike, 1.2)
    assert len({tuple(each) for each in lines}) == 3 and lines[2] == ["short"]
    assert all(inches(line) <= 1.2 for each in lines for line in each) and max(map(len, lines)) == 4


def test_the_full_name_is_the_title_of_one_that_is_cut():
    analysis = with_every_plot(names(120, 4), ["digits", "elpv", "pines"], ["cat", "dog"])
    svg = written(plots(analysis)["xscore"], "svg").decode()
    assert f"<title>{names(120, 4)[0]}</title>" in svg and "full name" not in svg


def test_plots_of_names_alike_have_files_of_their_own():
    assert (
        slug("digits") == "digits"
        and len({slug("a b"), slug("a/b"), slug("a.b"), slug("a" * 300), slug("a" * 301)}) == 5
    )
    assert all(len(slug("é" * count)) < 60 for count in (1, 50, 500))
